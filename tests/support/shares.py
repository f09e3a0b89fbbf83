# SPDX-License-Identifier: Apache-2.0
"""What an operator signs with a CKKS share, by EIP-712, independently of the contract and of the node."""

from __future__ import annotations

import ape
from ape.api import AccountAPI
from eth_account.messages import encode_typed_data

_FIELDS = (
    ("studyId", "uint256"),
    ("round", "uint32"),
    ("includedBitmap", "uint64"),
    ("digest", "bytes32"),
)


def sign_share(contract: str, signer: AccountAPI, study: int, round_: int, included: int, digest: bytes) -> bytes:
    """The signature, r, s and v: 65 bytes."""
    values = (study, round_, included, digest)
    message = encode_typed_data(
        {"name": "Consilium", "version": "1", "chainId": ape.chain.chain_id, "verifyingContract": contract},
        {"OpeningShare": [{"name": name, "type": kind} for name, kind in _FIELDS]},
        {name: value for (name, _), value in zip(_FIELDS, values, strict=True)},
    )
    made = signer.sign_message(message)
    assert made is not None
    return bytes(made.encode_rsv())
