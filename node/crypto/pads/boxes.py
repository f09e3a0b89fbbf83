# SPDX-License-Identifier: Apache-2.0
"""Boxes from a dealer to one recipient: Diffie-Hellman in the group, HKDF-SHA-256, ChaCha20-Poly1305.

Whoever knows the shared point can open the one box and no other. Every box has a key of its own, so the nonce is zero.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.crypto.pads.context import PadContext
from node.errors import FalseBox
from node.group.babyjubjub import Point
from node.group.encoding import write_point

TAG_BYTES = 16
_NONCE = bytes(12)


def seal(
    ctx: PadContext, dealer: int, recipient: int, ephemeral: Point, key: Point, shared: Point, plaintext: bytes
) -> bytes:
    """Return the box; `ephemeral` is the dealer's public point, `key` the recipient's, `shared` what both compute."""
    info = _info(ctx, dealer, recipient, ephemeral, key)
    return ChaCha20Poly1305(_key(shared, info)).encrypt(_NONCE, plaintext, info)


def unseal(
    ctx: PadContext, dealer: int, recipient: int, ephemeral: Point, key: Point, shared: Point, box: bytes
) -> bytes:
    """Return what a box holds; raises FalseBox where it does not open."""
    info = _info(ctx, dealer, recipient, ephemeral, key)
    try:
        return ChaCha20Poly1305(_key(shared, info)).decrypt(_NONCE, box, info)
    except InvalidTag:
        raise FalseBox(f"the box of hospital {dealer} for hospital {recipient} does not open") from None


def _info(ctx: PadContext, dealer: int, recipient: int, ephemeral: Point, key: Point) -> bytes:
    return ctx.input("box", dealer, recipient, write_point(ephemeral), write_point(key))


def _key(shared: Point, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(write_point(shared))
