# SPDX-License-Identifier: Apache-2.0
"""Pad keys, and the two proofs about them: that a dealer knows its own, and that a complaint shows the right point.

Both are Fiat-Shamir proofs in the prime subgroup, written as challenge and response (c, s); their nonces are derived
from the secret and from all that the proof is about. Schnorr, "Efficient signature generation by smart cards", 1991;
Chaum and Pedersen, "Wallet databases with observers", 1992.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from node.crypto.pads.context import PadContext, key_scalar
from node.errors import ParameterError
from node.group.babyjubjub import COFACTOR, ORDER, Point, combine, multiply, negate
from node.group.encoding import write_point, write_scalar
from node.group.pedersen import hash_to_curve
from node.hashing import Field

SEED_BYTES = 32


def base() -> Point:
    """Return B, the generator of keys: nobody knows a relation between it and the commitments' generators."""
    return hash_to_curve("B")


@dataclass(frozen=True)
class PadKey:
    """A hospital's key of one ceremony: `public` = secret·B = 8·`posted`, so that it is in the subgroup whoever
    posts what.
    """

    secret: int = field(repr=False)
    posted: Point
    public: Point


class Proof(NamedTuple):
    """A challenge and a response in [0, ℓ)."""

    c: int
    s: int


def pad_key(seed: bytes, binding: bytes) -> PadKey:
    """Return the key that follows from a ceremony seed and from what it is bound to."""
    require_seed(seed)
    secret = key_scalar(binding, seed)
    posted = multiply(secret * pow(COFACTOR, -1, ORDER) % ORDER, base())
    return PadKey(secret, posted, multiply(COFACTOR, posted))


def require_seed(seed: bytes) -> None:
    """Raises ParameterError for a seed of another length."""
    if len(seed) != SEED_BYTES:
        raise ParameterError(f"a ceremony seed has {SEED_BYTES} bytes")


def prove_key(ctx: PadContext, secret: int, about: tuple[Field, ...]) -> Proof:
    """Return a proof that one knows the secret of secret·B; `about` is dealer, key and all that goes with it."""
    nonce = ctx.scalar("schnorr nonce", *about, write_scalar(secret))
    return _answer(ctx.scalar("schnorr", *about, write_point(multiply(nonce, base()))), nonce, secret)


def proves_key(ctx: PadContext, key: Point, about: tuple[Field, ...], proof: Proof) -> bool:
    """Say whether the proof holds for a key of the subgroup."""
    return ctx.scalar("schnorr", *about, write_point(_nonce_point(base(), key, proof))) == proof.c


def prove_equal(ctx: PadContext, secret: int, second: Point, about: tuple[Field, ...]) -> Proof:
    """Return a proof that secret·B and secret·second have one logarithm; `about` has both results in it."""
    nonce = ctx.scalar("dleq nonce", *about, write_scalar(secret))
    points = (write_point(multiply(nonce, base())), write_point(multiply(nonce, second)))
    return _answer(ctx.scalar("dleq", *about, *points), nonce, secret)


def proves_equal(
    ctx: PadContext, key: Point, second: Point, shared: Point, about: tuple[Field, ...], proof: Proof
) -> bool:
    """Say whether the proof holds that log_B key = log_second shared; all four points are of the subgroup."""
    points = (write_point(_nonce_point(base(), key, proof)), write_point(_nonce_point(second, shared, proof)))
    return ctx.scalar("dleq", *about, *points) == proof.c


def is_scalar(value: int) -> bool:
    """Say whether a number is a scalar."""
    return 0 <= value < ORDER


def _answer(challenge: int, nonce: int, secret: int) -> Proof:
    return Proof(challenge, (nonce + challenge * secret) % ORDER)


def _nonce_point(generator: Point, result: Point, proof: Proof) -> Point:
    return combine([proof.s, proof.c], [generator, negate(result)])
