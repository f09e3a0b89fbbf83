# SPDX-License-Identifier: Apache-2.0
"""Ceremonies and rounds among random liars, on the real layer; `make adversaries` plays more.

A play depends on its seed alone: `drawn(SEED).run()` repeats one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from node.crypto import pads
from tests.support.adversary import ClaimBroken, Play, drawn
from tests.support.hospitals import Honest
from tests.support.protocol_model import RoundModel

SEEDS = (3, 5, 6, 10, 11, 12, 14, 17, 18, 28, 31, 32, 34, 40, 46, 60, 66)

#: What must have come about in these plays, or they would show little.
EXPECTED = (
    "ceremonies with somebody guilty",
    "ceremonies with nobody guilty",
    "complaints judged",
    "dealings malformed, seen",
    "dealings size, seen",
    "dealings false to, seen",
    "sums opened by CKKS",
    "openings by CKKS failed",
    "sums opened by pads",
    "models held back and recovered",
    "false payloads convicted",
    "false sigmas convicted",
    "temptations refused",
)

happened: Counter[str] = Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_liars_send__sums_are_right_and_only_liars_are_named(seed: int) -> None:
    play = drawn(seed)
    print(play)
    happened.update(play.run())


def test_the_plays__had_every_kind_of_event() -> None:
    assert happened, "this looks at the plays above, which were left out"
    assert [event for event in EXPECTED if not happened[event]] == []


def test_a_play__repeated__is_the_same() -> None:
    assert drawn(5).run() == drawn(5).run()


# The claim can be broken: each safeguard left out, and a liar more than it allows for


def broken_in(plays: int, **changes: Any) -> str:
    """What breaks first in some plays of four hospitals, two of whom open and one lies."""
    for seed in range(plays):
        try:
            Play(seed, 4, 2, 1, with_ckks=False, **changes).run()
        except (ClaimBroken, AssertionError) as broken:
            return str(broken)
    return "nothing"


class Forgetful(Honest):
    """A hospital that does not write down what it opens."""

    def _bind(self, key: Any, value: Any) -> None:
        return


def test_hospitals_that_forget_their_set__break_it() -> None:
    assert "second set" in broken_in(3, honest_kind=Forgetful)


class Trusting(Honest):
    """A hospital that attests to whatever it can fetch."""

    def attest(self, chain: RoundModel) -> None:
        self.payloads(chain)
        held = {s for s, (digest, *_) in chain.submissions.items() if self.storage.fetch(self.number, digest)}
        chain.attest(self.number, held)


def test_hospitals_that_attest_to_false_payloads__break_it() -> None:
    assert "could not open" in broken_in(30, honest_kind=Trusting)


def test_payloads_that_nobody_checks__break_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pads, "masked_fits", lambda *_: True)
    assert broken_in(30) != "nothing"


def test_shares_that_nobody_checks__break_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pads, "share_fits", lambda *_: True)
    assert broken_in(30) != "nothing"


def test_judges_that_believe_every_complaint__break_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pads, "judge", lambda *_: "dealer")
    assert "honest hospital was found guilty" in broken_in(60)


def test_one_liar_more_than_the_claim_allows__breaks_it() -> None:
    """Two liars where two open: they convict whom they like."""
    broken = []
    for seed in range(30):
        try:
            Play(seed, 5, 2, 2, with_ckks=False).run()
        except (ClaimBroken, AssertionError) as error:
            broken.append(str(error))
        if any("convicted" in text for text in broken):
            return
    pytest.fail(f"two of two liars convicted nobody: {broken}")
