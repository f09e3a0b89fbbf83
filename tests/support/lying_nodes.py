# SPDX-License-Identifier: Apache-2.0
"""Nodes of which one lies: it does all that a node does, but for one thing that a test replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.crypto import CeremonyContext, CeremonyKeys, RoundOpening, make_dealing
from node.crypto.openings import SumOpening
from tests.support.steps import Party

#: What a liar makes of its true dealing: of the context, its number, seed, all keys, and the file.
Forgery = Callable[[CeremonyContext, int, bytes, CeremonyKeys, bytes], bytes]


def deal_falsely(monkeypatch: pytest.MonkeyPatch, liar: Party, forge: Forgery) -> None:
    """The liar's node deals what `forge` makes of its true dealing."""

    def lying(ctx: CeremonyContext, me: int, seed: bytes, keys: CeremonyKeys) -> bytes:
        file = make_dealing(ctx, me, seed, keys)
        return forge(ctx, me, seed, keys, file) if me == liar.number else file

    monkeypatch.setattr("node.steps.ceremony.dealing.make_dealing", lying)


def never_release(monkeypatch: pytest.MonkeyPatch, liar: Party) -> None:
    """The liar's store gives nobody anything."""
    monkeypatch.setattr(liar.store.local, "released", lambda digest, size: False)


def submit_falsely(monkeypatch: pytest.MonkeyPatch, liar: Party, forge: Callable[[bytes], bytes]) -> None:
    """The liar's node submits what `forge` makes of its true payload."""
    from node.crypto import openings

    for kind in (openings.PadsAlone, openings.CkksThenPads):
        honest = kind.make_payload

        def lying(self: RoundOpening, me: int, *given: Any, honest: Any = honest) -> bytes:
            payload: bytes = honest(self, me, *given)
            return forge(payload) if me == liar.number else payload

        monkeypatch.setattr(kind, "make_payload", lying)


def share_falsely(monkeypatch: pytest.MonkeyPatch, liar: Party, forge: Callable[[bytes], bytes], way: str) -> None:
    """The liar's node gives what `forge` makes of its true share, in the opening by `way` ("ckks" or "pads")."""
    from node.crypto import openings

    kind: Any = openings._Ckks if way == "ckks" else openings._Pads
    honest = kind.share

    def lying(self: SumOpening, me: int, *given: Any) -> bytes:
        share: bytes = honest(self, me, *given)
        return forge(share) if me == liar.number else share

    monkeypatch.setattr(kind, "share", lying)


def turned(content: bytes, place: int = 0) -> bytes:
    """The bytes with the lowest bit of one of them turned."""
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)
