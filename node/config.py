# SPDX-License-Identifier: Apache-2.0
"""A node's configuration: `config.toml` in its home folder, checked when it is read.

Paths in the file are relative to the home folder unless absolute. Nothing in it is secret.
"""

from __future__ import annotations

import ipaddress
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from node.errors import ConfigError
from node.files import make_private_folder, write_private

FILE_NAME = "config.toml"
#: The environment variable that holds the passphrase of keyfiles and secrets.
PASSPHRASE_VARIABLE = "CONSILIUM_PASSPHRASE"
#: The most in fees that a key pays where nothing else is said: one ether.
DEFAULT_CAP_WEI = 10**18
StorageBackend = Literal["local", "ipfs"]
ProverName = Literal["native", "snarkjs", "rapidsnark"]


@dataclass(frozen=True)
class StorageConfig:
    """Where blocks are kept. `gateway_port` 0 takes a free port; `ipfs_api` is used by the backend `ipfs`."""

    backend: StorageBackend = "local"
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    ipfs_api: str = "/ip4/127.0.0.1/tcp/5001/http"


@dataclass(frozen=True)
class NodeConfig:
    """What a node needs to know; `studies` None follows every study its hospital is enrolled in.

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
        return tuple(sorted(self.transcripts_folder.glob("*.json")))

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
        return _parse(home.resolve(), content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def save_config(config: NodeConfig) -> Path:
    """Write a configuration to its home folder, checked as it would be when read; returns the file."""
    content = _render(config)
    _parse(config.home.resolve(), tomllib.loads(content))
    make_private_folder(config.home)
    path = config.home / FILE_NAME
    write_private(path, content.encode())
    return path


def _parse(home: Path, content: Mapping[str, Any]) -> NodeConfig:
    _refuse_unknown(content, {"chain", "keys", "data", "proofs", "storage", "studies"}, "")
    chain = _table(
        content, "chain", {"rpc_urls", "websocket_url", "deployment", "spending_cap_wei", "owner_spending_cap_wei"}
    )
    keys = _table(content, "keys", {"operator", "owner"})
    data = _table(content, "data", {"path"})
    proofs = _table(content, "proofs", {"prover", "artefacts", "rapidsnark"})
    studies = _table(content, "studies", {"follow"}, optional=True)
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
        storage=_storage(content),
        studies=_studies(studies.get("follow", "all")),
    )


def _storage(content: Mapping[str, Any]) -> StorageConfig:
    table = _table(content, "storage", {"backend", "gateway_host", "gateway_port", "ipfs_api"}, optional=True)
    default = StorageConfig()
    host = table.get("gateway_host", default.gateway_host)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ConfigError("storage.gateway_host must be an IP address, such as 127.0.0.1.") from None
    port = _natural(table.get("gateway_port", 0), "storage.gateway_port")
    if port > 65_535:
        raise ConfigError("storage.gateway_port must be a port, or 0 for a free one.")
    api = table.get("ipfs_api", default.ipfs_api)
    if not isinstance(api, str) or not api.startswith("/"):
        raise ConfigError("storage.ipfs_api must be a multiaddress, such as /ip4/127.0.0.1/tcp/5001/http.")
    return StorageConfig(_backend(table.get("backend", "local")), str(host), port, api)


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


def _studies(value: Any) -> tuple[int, ...] | None:
    if value == "all":
        return None
    if isinstance(value, list) and all(type(item) is int and item > 0 for item in value):
        return tuple(value)
    raise ConfigError('studies.follow must be "all" or a list of study numbers.')


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
    return home / Path(value).expanduser()


def _natural(value: Any, shown: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigError(f"{shown} must be a whole number that is not negative.")
    return value


def _render(config: NodeConfig) -> str:
    owner = f"owner = {_text(_short(config, config.owner_keyfile))}\n" if config.owner_keyfile else ""
    websocket = f"websocket_url = {_text(config.websocket_url)}\n" if config.websocket_url else ""
    rapidsnark = f"rapidsnark = {_text(_short(config, config.rapidsnark))}\n" if config.rapidsnark else ""
    follow = _text("all") if config.studies is None else json.dumps(list(config.studies))
    storage = config.storage
    return f"""\
# A Consilium node. Paths are relative to this folder. Fees are in wei; 1 ether is 10^18 wei.
[chain]
# With two or more endpoints, the node acts on final blocks only where all of them agree.
rpc_urls = {_list(config.rpc_urls)}
{websocket}deployment = {_text(_short(config, config.deployment))}
# The most that a key may ever pay in fees: the operator's, with which the node signs, and the owner's
spending_cap_wei = {config.spending_cap_wei}
owner_spending_cap_wei = {config.owner_spending_cap_wei}

[keys]
operator = {_text(_short(config, config.operator_keyfile))}
{owner}
[data]
path = {_text(_short(config, config.data))}

[proofs]
# "native", "snarkjs" or "rapidsnark" (a program of your own: `rapidsnark` or `prover` on PATH, or named here)
prover = {_text(config.prover)}
{rapidsnark}artefacts = {_text(_short(config, config.artefacts))}

[storage]
# "local" (blocks in store/, served by this node) or "ipfs" (a daemon of your own)
backend = {_text(storage.backend)}
gateway_host = {_text(storage.gateway_host)}
# 0 takes a free port
gateway_port = {storage.gateway_port}
ipfs_api = {_text(storage.ipfs_api)}

[studies]
# "all" that this hospital is enrolled in, or a list of study numbers
follow = {follow}
"""


def _short(config: NodeConfig, path: Path) -> str:
    home = config.home.resolve()
    absolute = path if path.is_absolute() else (Path.cwd() / path)
    return str(absolute.relative_to(home) if absolute.is_relative_to(home) else absolute)


def _text(value: str) -> str:
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise ConfigError(f"{value!r} holds a control character.")
    return json.dumps(value, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
