# SPDX-License-Identifier: Apache-2.0
"""Typed data (EIP-712) that keys sign for a contract of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.types import Deployment

_DOMAIN = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}


def typed_data(
    deployment: Deployment, contract: str, kind: str, fields: Mapping[str, str], values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A message of `kind`, whose fields' Solidity types are `fields`, bound to the deployment's chain and contract."""
    return {
        "types": {"EIP712Domain": _members(_DOMAIN), kind: _members(fields)},
        "primaryType": kind,
        "domain": {
            "name": "Consilium",
            "version": "1",
            "chainId": deployment.chain_id,
            "verifyingContract": deployment.contracts[contract],
        },
        "message": dict(values),
    }


def _members(fields: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]
