# SPDX-License-Identifier: Apache-2.0
"""What an operator signs with a CKKS share (EIP-712), and whose signature one is.

Two different shares for one round and set, both signed, are evidence of equivocation against the hospital.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import Web3

from node.chain.typed import typed_data
from node.errors import DataError
from node.types import Address, Deployment, SignedShare

SIGNATURE_BYTES = 65
_FIELDS = {"studyId": "uint256", "round": "uint32", "includedBitmap": "uint64", "digest": "bytes32"}


def opening_share(
    deployment: Deployment, study: int, round_number: int, included_bitmap: int, digest: bytes
) -> Mapping[str, Any]:
    """The typed data of a share, bound to the deployment's chain and Openings."""
    values = {"studyId": study, "round": round_number, "includedBitmap": included_bitmap, "digest": digest}
    return typed_data(deployment, "Openings", "OpeningShare", _FIELDS, values)


def signed_hash(deployment: Deployment, study: int, round_number: int, included_bitmap: int, digest: bytes) -> bytes:
    """What a share's signature is made over, 32 bytes: `Openings.openingShareHash`."""
    message = opening_share(deployment, study, round_number, included_bitmap, digest)
    signable = encode_typed_data(full_message=dict(message))
    return bytes(Web3.keccak(b"\x19" + signable.version + signable.header + signable.body))


def signer_of(deployment: Deployment, share: SignedShare) -> Address:
    """The address that signed a share; raises `DataError` where the signature is none at all."""
    message = opening_share(deployment, share.study_id, share.round, share.included_bitmap, share.digest)
    try:
        return str(Account.recover_message(encode_typed_data(full_message=dict(message)), signature=share.signature))
    except Exception:
        # eth_account and its curve libraries raise a dozen kinds for what is no signature or no such value.
        raise DataError("This is no signature of an opening share: check its fields and its 65 bytes.") from None
