# SPDX-License-Identifier: Apache-2.0
"""A node's configuration: `config.toml` in its home folder, checked when it is read.

Paths in the file are relative to the home folder unless absolute. Nothing in it is secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from node.endpoint import is_host, parse_endpoint
from node.errors import ConfigError, UsageError
from node.files import is_litter

FILE_NAME = "config.toml"
#: The environment variable that holds the passphrase of keyfiles and secrets.
PASSPHRASE_VARIABLE = "CONSILIUM_PASSPHRASE"
#: The most in fees that a key pays where nothing else is said: one ether.
DEFAULT_CAP_WEI = 10**18
StorageBackend = Literal["local", "ipfs"]
ProverName = Literal["native", "snarkjs", "rapidsnark"]


@dataclass(frozen=True)
class StorageConfig:
    """Where blocks are kept. `gateway_port` 0 takes a free port; `ipfs_api` is used by the backend `ipfs`.

    `advertise`: where the other hospitals reach the gateway, if not where it listens. `private_gateways`: whether
    to fetch from private addresses too on a network that is not local. `ipfs_token_file`: the secret for a daemon
    that asks for one.
    """

    backend: StorageBackend = "local"
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    ipfs_api: str = "/ip4/127.0.0.1/tcp/5001/http"
    advertise: str | None = None
    private_gateways: bool = False
    ipfs_token_file: Path | None = None


@dataclass(frozen=True)
class NodeConfig:
    """What a node needs to know; `studies` None follows every study its hospital is enrolled in, `peers` None shares
    secrets with every hospital that takes part in one.

    `owner_keyfile` may be absent from the machine: a running node needs the operator's alone. `rapidsnark`
    None takes the program on PATH, where that prover is chosen. The caps are on all that the operator's and the
    owner's key ever pay in fees.
    """

    home: Path
    rpc_urls: tuple[str, ...]
    deployment: Path
    operator_keyfile: Path
    owner_keyfile: Path | None
    data: Path
    artefacts: Path
    websocket_url: str | None = None
    storage: StorageConfig = StorageConfig()
    prover: ProverName = "native"
    rapidsnark: Path | None = None
    spending_cap_wei: int = DEFAULT_CAP_WEI
    owner_spending_cap_wei: int = DEFAULT_CAP_WEI
    studies: tuple[int, ...] | None = None
    peers: tuple[int, ...] | None = None

    @property
    def state_file(self) -> Path:
        """The node's durable memory."""
        return self.home / "state.sqlite"

    @property
    def secrets_folder(self) -> Path:
        """Shares, blinding values and seeds, encrypted."""
        return self.home / "secrets"

    @property
    def payouts_folder(self) -> Path:
        """Where rewards go that are claimed to a committed address, encrypted."""
        return self.home / "payouts"

    @property
    def store_folder(self) -> Path:
        """The hospital's own blocks."""
        return self.home / "store"

    @property
    def transcripts_folder(self) -> Path:
        """Transcripts of the set-ups of proving keys that this node has verified."""
        return self.home / "transcripts"

    @property
    def transcripts(self) -> tuple[Path, ...]:
        """The transcripts that this node has verified."""
        return tuple(sorted(p for p in self.transcripts_folder.glob("*.json") if not is_litter(p.name)))

    @property
    def log_file(self) -> Path:
        """What the node says about itself."""
        return self.home / "node.log"


def load_config(home: Path) -> NodeConfig:
    """Read a node's configuration; raises `ConfigError` that names the value and what it must be."""
    path = home / FILE_NAME
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"No {FILE_NAME} in {home}: set the node up with `consilium node init`.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    try:
        return parse_config(home.resolve(), content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(home: Path, content: Mapping[str, Any]) -> NodeConfig:
    """Check a configuration that is already parsed as TOML; raises `ConfigError`."""
    _refuse_unknown(content, {"chain", "keys", "data", "proofs", "storage", "studies"}, "")
    chain = _table(
        content, "chain", {"rpc_urls", "websocket_url", "deployment", "spending_cap_wei", "owner_spending_cap_wei"}
    )
    keys = _table(content, "keys", {"operator", "owner"})
    data = _table(content, "data", {"path"})
    proofs = _table(content, "proofs", {"prover", "artefacts", "rapidsnark"})
    studies = _table(content, "studies", {"follow", "peers"}, optional=True)
    owner, rapidsnark = keys.get("owner"), proofs.get("rapidsnark")
    return NodeConfig(
        home=home,
        rpc_urls=_urls(chain.get("rpc_urls")),
        websocket_url=_websocket(chain.get("websocket_url")),
        deployment=_path(home, chain, "chain.deployment", "deployment"),
        spending_cap_wei=_natural(chain.get("spending_cap_wei"), "chain.spending_cap_wei"),
        owner_spending_cap_wei=_natural(chain.get("owner_spending_cap_wei"), "chain.owner_spending_cap_wei"),
        operator_keyfile=_path(home, keys, "keys.operator", "operator"),
        owner_keyfile=None if owner is None else _path(home, keys, "keys.owner", "owner"),
        data=_path(home, data, "data.path", "path"),
        prover=_prover(proofs.get("prover", "native")),
        rapidsnark=None if rapidsnark is None else _path(home, proofs, "proofs.rapidsnark", "rapidsnark"),
        artefacts=_path(home, proofs, "proofs.artefacts", "artefacts"),
        storage=_storage(home, content),
        studies=_numbers(studies.get("follow", "all"), "studies.follow", "study numbers"),
        peers=_numbers(studies.get("peers", "all"), "studies.peers", "hospital numbers"),
    )


def _storage(home: Path, content: Mapping[str, Any]) -> StorageConfig:
    known = {"backend", "gateway_host", "gateway_port", "advertise", "private_gateways", "ipfs_api", "ipfs_token_file"}
    table = _table(content, "storage", known, optional=True)
    default = StorageConfig()
    host = table.get("gateway_host", default.gateway_host)
    if not isinstance(host, str) or not is_host(host):
        raise ConfigError("storage.gateway_host must be an address or a name of this machine, such as 127.0.0.1 or ::.")
    port = _natural(table.get("gateway_port", 0), "storage.gateway_port")
    if port > 65_535:
        raise ConfigError("storage.gateway_port must be a port, or 0 for a free one.")
    private = table.get("private_gateways", default.private_gateways)
    if not isinstance(private, bool):
        raise ConfigError("storage.private_gateways must be true or false.")
    api = table.get("ipfs_api", default.ipfs_api)
    if not isinstance(api, str) or not api.startswith("/"):
        raise ConfigError("storage.ipfs_api must be a multiaddress, such as /ip4/127.0.0.1/tcp/5001/http.")
    return StorageConfig(
        backend=_backend(table.get("backend", "local")),
        gateway_host=host,
        gateway_port=port,
        ipfs_api=api,
        advertise=_advertise(table.get("advertise")),
        private_gateways=private,
        ipfs_token_file=_path(home, table, "storage.ipfs_token_file", "ipfs_token_file")
        if "ipfs_token_file" in table
        else None,
    )


def _advertise(value: Any) -> str | None:
    if value is None:
        return None
    try:
        parse_endpoint(value if isinstance(value, str) else "")
    except UsageError as error:
        raise ConfigError(f"storage.advertise: {error}") from None
    return str(value)


def _backend(value: Any) -> StorageBackend:
    if value == "local":
        return "local"
    if value == "ipfs":
        return "ipfs"
    raise ConfigError(f'storage.backend must be "local" or "ipfs", not {value!r}.')


def _prover(value: Any) -> ProverName:
    if value == "native":
        return "native"
    if value == "snarkjs":
        return "snarkjs"
    if value == "rapidsnark":
        return "rapidsnark"
    raise ConfigError(f'proofs.prover must be "native", "snarkjs" or "rapidsnark", not {value!r}.')


def _numbers(value: Any, shown: str, what: str) -> tuple[int, ...] | None:
    if value == "all":
        return None
    if isinstance(value, list) and all(type(item) is int and item > 0 for item in value):
        return tuple(value)
    raise ConfigError(f'{shown} must be "all" or a list of {what}.')


def _urls(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError("chain.rpc_urls must be a list of at least one http:// or https:// address.")
    if not all(isinstance(url, str) and _has_scheme(url, "http", "https") for url in value):
        raise ConfigError("chain.rpc_urls: every entry must be an http:// or https:// address.")
    return tuple(value)


def _websocket(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _has_scheme(value, "ws", "wss"):
        raise ConfigError("chain.websocket_url must be a ws:// or wss:// address.")
    return value


def _has_scheme(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


def _table(content: Mapping[str, Any], name: str, known: set[str], *, optional: bool = False) -> dict[str, Any]:
    table = content.get(name)
    if table is None and optional:
        return {}
    if not isinstance(table, dict):
        raise ConfigError(f"the section [{name}] is missing.")
    _refuse_unknown(table, known, f"{name}.")
    return table


def _refuse_unknown(table: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"{prefix}{key} is unknown; known here: {', '.join(sorted(known))}.")


def _path(home: Path, table: Mapping[str, Any], shown: str, key: str) -> Path:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{shown} must be a path.")
    try:
        return home / Path(value).expanduser()
    except RuntimeError:
        raise ConfigError(f"{shown} begins with a home folder that this machine does not know: write it out.") from None


def _natural(value: Any, shown: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigError(f"{shown} must be a whole number that is not negative.")
    return value
