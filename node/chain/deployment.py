# SPDX-License-Identifier: Apache-2.0
"""The deployment record: which contracts make up one suite, on which chain."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

from web3 import Web3

from node.errors import ConfigError
from node.types import Address, CircuitRecord, Deployment

#: The suite, in the order in which it is deployed.
CONTRACTS = (
    "ConsiliumToken",
    "HospitalRegistry",
    "CircuitCatalogue",
    "StakeVault",
    "StudyRegistry",
    "KeyCeremony",
    "RoundManager",
    "Openings",
    "Court",
    "RewardPool",
    "BlockDraws",
)


def load_deployment(path: Path) -> Deployment:
    """Read and check `deployment.json`; raises `ConfigError` that names what is wrong in it."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"No deployment record at {path}: deploy the contracts, or name the file.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"The deployment record {path} cannot be read: {error}.") from None
    try:
        return parse_deployment(record)
    except ConfigError as error:
        raise ConfigError(f"The deployment record {path} is not complete: {error}") from None


def parse_deployment(record: Any) -> Deployment:
    """Check a deployment record that is already parsed as JSON; raises `ConfigError`."""
    if not isinstance(record, dict):
        raise ConfigError("it must be a JSON object.")
    contracts = {name: _address(record, "contracts", name) for name in CONTRACTS}
    circuits = {name: _circuit(name, listing) for name, listing in _mapping(record, "circuits").items()}
    development_keys, deployer = record.get("development_keys"), record.get("deployer")
    if not isinstance(development_keys, bool):
        raise ConfigError("`development_keys` must be true or false.")
    return Deployment(
        chain_id=_natural(record, "chain_id"),
        start_block=_natural(record, "start_block"),
        development_keys=development_keys,
        contracts=MappingProxyType(contracts),
        circuits=MappingProxyType(circuits),
        deployer=None if deployer is None else _checked(deployer, "deployer"),
    )


def _mapping(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    if not isinstance(value, dict):
        raise ConfigError(f"`{name}` must be an object.")
    return value


def _natural(record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"`{name}` must be a whole number.")
    return value


def _address(record: dict[str, Any], part: str, name: str) -> Address:
    return _checked(_mapping(record, part).get(name), f"{part}.{name}")


def _checked(value: Any, name: str) -> Address:
    if not isinstance(value, str) or not Web3.is_address(value):
        raise ConfigError(f"`{name}` must be an address.")
    return str(Web3.to_checksum_address(value))


def _circuit(name: str, listing: Any) -> CircuitRecord:
    if not isinstance(listing, dict):
        raise ConfigError(f"`circuits.{name}` must be an object.")
    digest = listing.get("verifying_key_digest")
    if not isinstance(digest, str) or not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", digest):
        raise ConfigError(f"`circuits.{name}.verifying_key_digest` must be 32 bytes in hex.")
    return CircuitRecord(
        id=_natural(listing, "id"),
        verifier=_checked(listing.get("verifier"), f"circuits.{name}.verifier"),
        verifying_key_digest="0x" + digest.removeprefix("0x").lower(),
    )
