# SPDX-License-Identifier: Apache-2.0
"""Who opens a sum by CKKS, drawn again: the contract's rule (`contracts/libraries/Quorums.sol`), written once more."""

from __future__ import annotations

from math import comb

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node.types import indices


def drawn_quorum(attested: int, threshold: int, included: int, root: int) -> tuple[int, ...]:
    """The enrolment indices of the `threshold` named among the attested (bitmap), ascending.

    The hash of set (bitmap) and starting model, modulo the number of subsets, is the subset's place in their
    lexicographic order.
    """
    members = indices(attested)
    place = int.from_bytes(keccak(encode(["uint64", "uint256"], [included, root])), "big")
    place %= comb(len(members), threshold)
    named: list[int] = []
    for position, index in enumerate(members):
        needed = threshold - len(named)
        if not needed:
            break
        with_it = comb(len(members) - position - 1, needed - 1)
        if place < with_it:
            named.append(index)
        else:
            place -= with_it
    return tuple(named)
