# SPDX-License-Identifier: Apache-2.0
"""A node's log says why a round failed and why a bond was cut, and only what concerns it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from node.steps.notices import ClockComparison, notices
from node.types import ChainEvent, FailureReason, Offence
from node.words import FAILURE, OFFENCE
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.steps import NUMBERS, Party

UNIT = 10**18
NOW = 1_700_000_000.0


def event(name: str, **arguments: Any) -> ChainEvent:
    return ChainEvent("StakeVault", name, {"studyId": STUDY, **arguments}, 90, "0x5a", "0x" + "ab" * 32, 0)


def told(hospital: Party, happened: ChainEvent) -> list[str]:
    return list(notices(hospital.hospital, [happened]))


@pytest.mark.parametrize("reason", list(FailureReason))
def test_failed_round__is_told_with_its_reason(hospital: Party, reason: FailureReason) -> None:
    (line,) = told(hospital, event("RoundFailed", round=1, reason=int(reason)))
    assert line == f"study {STUDY}, round 1: failed, since {FAILURE[reason]}"


def test_failed_round__of_a_study_without_this_hospital__is_not_told(chain: FakeChain, hospital: Party) -> None:
    chain.enrolled = NUMBERS[1:]
    assert told(hospital, event("RoundFailed", round=1, reason=0)) == []


@pytest.mark.parametrize("offence", list(Offence))
def test_own_bond_cut__is_told_with_amount_and_offence(hospital: Party, offence: Offence) -> None:
    cut = {"offence": int(offence), "stage": 2, "amount": 5 * UNIT // 2}
    (line,) = told(hospital, event("BondSlashed", hospitalId=hospital.number, **cut))
    assert "this hospital's bond was cut by 2.5 CSL" in line and line.endswith(OFFENCE[offence])
    assert ("ceremony 2" in line) == (offence is Offence.FALSE_DEALING)
    assert told(hospital, event("BondSlashed", hospitalId=NUMBERS[1], **cut)) == []


def test_part_of_a_cut_bond__is_told_with_the_command_that_takes_it(chain: FakeChain, hospital: Party) -> None:
    made = event("PotMade", potId=3, offence=2, stage=1, amount=9 * UNIT)
    assert told(hospital, made) == []
    chain.parts[3] = UNIT
    (line,) = told(hospital, made)
    assert "1 CSL of a cut bond" in line and f"consilium slashed claim {STUDY}" in line


def test_other_events__are_not_told(hospital: Party) -> None:
    assert told(hospital, event("BondLocked", hospitalId=hospital.number, amount=1)) == []


def test_clock__a_minute_off_at_most__is_not_told() -> None:
    comparison = ClockComparison()
    assert comparison.notice(NOW + 60, NOW) is None and comparison.notice(NOW - 60, NOW) is None


@pytest.mark.parametrize(("off", "word"), [(3600, "less"), (-3600, "more")])
def test_clock__an_hour_off__is_told_with_both_times_and_what_to_do(off: int, word: str) -> None:
    said = ClockComparison().notice(NOW + off, NOW)
    assert said is not None and f"3600 s {word}" in said and "timedatectl set-ntp true" in said
    assert "2023-11-14 22:13:20 UTC" in said and (f"2023-11-14 {23 if off > 0 else 21}:13:20 UTC") in said


def test_clock__that_stays_wrong__is_told_again_after_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, told_at = 0.0, []
    monkeypatch.setattr("node.steps.notices.time.monotonic", lambda: seconds)
    comparison = ClockComparison()
    for _ in range(3 * 24 * 60):
        if comparison.notice(NOW + 600, NOW) is not None:
            told_at.append(seconds)
        seconds += 60
    pauses = [later - earlier for earlier, later in itertools.pairwise(told_at)]
    assert told_at[0] == 0 and pauses == sorted(pauses) and pauses[0] >= 600 and 6 <= len(told_at) <= 10
    assert comparison.notice(NOW, NOW) is None
    assert comparison.notice(NOW + 600, NOW) is not None, "a new fault is told at once"
