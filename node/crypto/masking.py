# SPDX-License-Identifier: Apache-2.0
"""What hides a share: smudging noise of its maker, and masks that cancel over the quorum.

Both are PRF outputs whose input names everything an opening is about, so the same step repeats its
bytes and two different openings, blocks or primes never meet the same noise. Masks alone do not hide
the sum, noise alone does not survive two quorums: `docs/threshold-ckks.md` says why both are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from node.crypto.parameters import NOISE_SUMMANDS, smudging_bound
from node.crypto.prf import Words, smudging_limbs, uniform
from node.crypto.ring import Ring
from node.hashing import Field


def smudging_noise(ring: Ring, noise_seed: bytes, count: int, noise_bits: int, about: Sequence[Field]) -> Words:
    """Returns one party's noise for `count` coefficients as residues, shape (primes, count)."""
    limbs = smudging_limbs(noise_seed, count, noise_bits, NOISE_SUMMANDS, "smudging noise", *about)
    return ring.combine(limbs, [1 << (32 * limb) for limb in range(len(limbs))], -smudging_bound(noise_bits))


def cancelling_masks(
    ring: Ring,
    me: int,
    quorum: Sequence[int],
    pair_seeds: Mapping[int, bytes],
    count: int,
    about: Sequence[Field],
) -> Words:
    """Returns the sum of this party's masks, shape (primes, count); over the quorum they add up to zero.

    `quorum` is in index order: of two members the earlier one adds their mask, the later subtracts it.
    """
    total = np.zeros((len(ring.primes), count), dtype=np.uint64)
    place = quorum.index(me)
    for other_place, other in enumerate(quorum):
        if other == me:
            continue
        mask = uniform(pair_seeds[other], ring.primes, count, "cancelling mask", *about)
        total = ring.add(total, mask) if place < other_place else ring.subtract(total, mask)
    return total
