# SPDX-License-Identifier: Apache-2.0
"""The contract's rule of who opens by CKKS, in Python (`contracts/libraries/Quorums.sol`)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, islice
from math import comb

from eth_abi import encode
from eth_utils import keccak


def drawn(attested: Iterable[int], threshold: int, included: int, root: int) -> tuple[int, ...]:
    """The indices named for a set (bitmap) and the root that its round started from, in order."""
    indices = sorted(attested)
    place = int.from_bytes(keccak(encode(["uint64", "uint256"], [included, root]))) % comb(len(indices), threshold)
    return next(islice(combinations(indices, threshold), place, None))
