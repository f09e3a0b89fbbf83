# SPDX-License-Identifier: Apache-2.0
"""Attacks on the key ceremony: each succeeds on a weakened ceremony and fails on ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.crypto import add, encrypt, open_sum, opening_share, read_ciphertext, read_share
from node.crypto.sealing import SealingKey, UnusableBox
from node.errors import OpeningFailed
from tests.support.threshold import ceremony_context, dealt_keys, extreme_values
from tests.support.weakened import all_keys, as_share, weak_opening_share


class AnonymousBox:
    """A weakened box: a key made for it travels inside, and nothing says from whom it is and what for."""

    @staticmethod
    def seal(recipient: bytes, plaintext: bytes) -> bytes:
        once = X25519PrivateKey.generate()
        key = once.exchange(X25519PublicKey.from_public_bytes(recipient))
        return once.public_key().public_bytes_raw() + ChaCha20Poly1305(key).encrypt(bytes(12), plaintext, None)

    @staticmethod
    def open(private: X25519PrivateKey, box: bytes) -> bytes:
        key = private.exchange(X25519PublicKey.from_public_bytes(box[:32]))
        return ChaCha20Poly1305(key).decrypt(bytes(12), box[32:], None)


def test_anothers_sealed_box_sent_as_ones_own__opens_where_boxes_are_anonymous_and_not_ours() -> None:
    secret = b"a share of the victim's secret"
    recipient = X25519PrivateKey.generate()
    box = AnonymousBox.seal(recipient.public_key().public_bytes_raw(), secret)
    # Whoever sends it, it opens: the copier is now taken to have dealt the victim's secret.
    assert AnonymousBox.open(recipient, box) == secret

    victim, copier, reader = (SealingKey(bytes((number,)) * 32) for number in (1, 2, 3))
    sealed = victim.seal(reader.public, b"dealer 1, round 1", secret)
    assert reader.open(victim.public, b"dealer 1, round 1", sealed) == secret
    for public, associated in (
        (copier.public, b"dealer 1, round 1"),
        (copier.public, b"dealer 2, round 1"),
        (victim.public, b"dealer 2, round 1"),
        (victim.public, b"dealer 1, round 2"),
    ):
        with pytest.raises(UnusableBox, match="does not open"):
            reader.open(public, associated, sealed)


def test_a_copied_dealing__would_let_its_copier_count_the_victims_update_twice() -> None:
    """What the copy is good for: with the victim's secret as its own, a copied ciphertext opens too."""
    ctx = ceremony_context(3, 2, 26, 42, 1).round_context(1)
    victim, honest, copier = ctx.parties
    raw = dealt_keys(ctx, ctx.parties, ctx.parties)
    files = {party: encrypt(ctx, party, raw[party], extreme_values(ctx, party)) for party in ctx.parties}
    files[copier] = files[victim]
    quorum = (honest, copier)
    total = add(ctx, [read_ciphertext(ctx, party, file) for party, file in files.items()])
    keys = all_keys(ctx, ctx.parties, ctx.parties)
    weak = []
    for member in quorum:
        shares = {**keys[member].shares, copier: keys[member].shares[victim]}
        copied = replace(keys[member], shares=shares)
        made = weak_opening_share(ctx, copied, ctx.parties, quorum)
        weak.append(as_share(ctx, member, ctx.parties, quorum, made))
    twice = 2 * np.array(extreme_values(ctx, victim)) + np.array(extreme_values(ctx, honest))
    assert open_sum(ctx, total, weak) == twice.tolist()

    ours = [read_share(ctx, k, ctx.parties, quorum, opening_share(ctx, k, raw[k], ctx.parties, quorum)) for k in quorum]
    with pytest.raises(OpeningFailed):
        open_sum(ctx, total, ours)
