# SPDX-License-Identifier: Apache-2.0
"""What an operator signs before a hospital can name it, by EIP-712, independently of the contract and of the node."""

from __future__ import annotations

from typing import Any

import ape
from ape.api import AccountAPI
from eth_account.messages import encode_typed_data


def consent(registry: Any, owner: Any, operator: AccountAPI) -> bytes:
    """The operator's signature, r, s and v: 65 bytes."""
    message = encode_typed_data(
        {"name": "Consilium", "version": "1", "chainId": ape.chain.chain_id, "verifyingContract": registry.address},
        {"Operator": [{"name": "owner", "type": "address"}, {"name": "operator", "type": "address"}]},
        {"owner": str(owner), "operator": str(operator)},
    )
    made = operator.sign_message(message)
    assert made is not None
    return bytes(made.encode_rsv())
