# SPDX-License-Identifier: Apache-2.0
"""Writes a node's configuration, with the comments that explain it, as `node.config` reads it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from node.config import FILE_NAME, NodeConfig, parse_config
from node.endpoint import EXAMPLE
from node.errors import ConfigError
from node.files import make_private_folder, write_private


def save_config(config: NodeConfig) -> Path:
    """Write a configuration to its home folder, checked as it would be when read; returns the file."""
    content = _render(config)
    parse_config(config.home.resolve(), tomllib.loads(content))
    make_private_folder(config.home)
    path = config.home / FILE_NAME
    write_private(path, content.encode())
    return path


def _render(config: NodeConfig) -> str:
    owner = f"owner = {_text(_short(config, config.owner_keyfile))}\n" if config.owner_keyfile else ""
    websocket = f"websocket_url = {_text(config.websocket_url)}\n" if config.websocket_url else ""
    rapidsnark = f"rapidsnark = {_text(_short(config, config.rapidsnark))}\n" if config.rapidsnark else ""
    follow = _text("all") if config.studies is None else json.dumps(list(config.studies))
    peers = _text("all") if config.peers is None else json.dumps(list(config.peers))
    storage = config.storage
    token = _text(_short(config, storage.ipfs_token_file)) if storage.ipfs_token_file else None
    advertise = f"advertise = {_text(storage.advertise)}" if storage.advertise else f'# advertise = "{EXAMPLE}"'
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
# Where the gateway listens: an address or name of this machine ("::" or "0.0.0.0" for all). Port 0 takes a free one.
gateway_host = {_text(storage.gateway_host)}
gateway_port = {storage.gateway_port}
# Where the other hospitals reach it, if not there (NAT, a reverse proxy with TLS), goes on chain when the node starts:
{advertise}
# Whether to fetch from hospitals at private addresses (a VPN); on local chains the node always does
private_gateways = {json.dumps(storage.private_gateways)}
ipfs_api = {_text(storage.ipfs_api)}
# The file with the secret for a daemon that asks for one, as under API.Authorizations of its configuration:
{f"ipfs_token_file = {token}" if token else '# ipfs_token_file = "ipfs-token"'}

[studies]
# "all" that this hospital is enrolled in, or a list of study numbers
follow = {follow}
# The hospitals that this node shares secrets with: "all" that take part, or a list of hospital numbers. In a study with
# any other one it deals nothing, and sits out
peers = {peers}
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
