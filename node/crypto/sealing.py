# SPDX-License-Identifier: Apache-2.0
"""Boxes from one hospital's ceremony key to another's: X25519, HKDF-SHA-256, ChaCha20-Poly1305.

Both keys are made for one ceremony, and the associated data enter the key derivation, so every box has
a key of its own and the nonce can be zero. X25519 is not post-quantum.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import CryptoError
from node.hashing import encode

PUBLIC_BYTES = 32
TAG_BYTES = 16
_NONCE = bytes(12)


class UnusableBox(CryptoError):
    """A key cannot be sealed to, or a box does not open: nobody else can tell whose fault it is."""


class SealingKey:
    """A hospital's private sealing key for one ceremony, from 32 bytes made for it."""

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def seal(self, recipient: bytes, associated: bytes, plaintext: bytes) -> bytes:
        """Seals to a recipient's public key; raises UnusableBox for an unusable key."""
        key = self._shared(recipient, self.public, recipient, associated)
        return ChaCha20Poly1305(key).encrypt(_NONCE, plaintext, associated)

    def open(self, sender: bytes, associated: bytes, box: bytes) -> bytes:
        """Opens a box from a sender's public key; raises UnusableBox when it does not."""
        key = self._shared(sender, sender, self.public, associated)
        try:
            return ChaCha20Poly1305(key).decrypt(_NONCE, box, associated)
        except InvalidTag:
            raise UnusableBox("the sealed box does not open") from None

    def _shared(self, peer: bytes, sender: bytes, recipient: bytes, associated: bytes) -> bytes:
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError:
            raise UnusableBox("the sealing key is not a usable X25519 key") from None
        info = encode("sealed box", sender, recipient, associated)
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)
