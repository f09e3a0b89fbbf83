# SPDX-License-Identifier: Apache-2.0
"""What an operator signs (EIP-712) before a hospital's owner can register it, and whose signature one is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from node.chain.typed import typed_data
from node.errors import UsageError
from node.types import Address, Deployment

_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")


def consent(deployment: Deployment, owner: Address, operator: Address) -> Mapping[str, Any]:
    """The typed data by which an operator agrees to act for the hospital of an owner."""
    fields, values = {"owner": "address", "operator": "address"}, {"owner": owner, "operator": operator}
    return typed_data(deployment, "HospitalRegistry", "Operator", fields, values)


def checked_consent(deployment: Deployment, owner: Address, operator: Address, text: str) -> bytes:
    """An operator's signature as typed by a person, 65 bytes; raises `UsageError` where it is not this operator's."""
    if not _SIGNATURE.fullmatch(text):
        raise UsageError(
            "An operator's signature is 0x and 130 hex digits, as `hospital operator-signature` prints it."
        )
    signature = bytes.fromhex(text[2:])
    message = encode_typed_data(full_message=dict(consent(deployment, owner, operator)))
    try:
        signer = str(Account.recover_message(message, signature=signature))
    except Exception:
        # eth_account and its curve libraries raise a dozen kinds for what is no signature or no such value.
        signer = None
    if signer != operator:
        raise UsageError(
            f"This is no signature of {operator} for the owner {owner} on this network: on the node's machine, "
            f"`consilium hospital operator-signature --owner {owner}` prints one."
        )
    return signature
