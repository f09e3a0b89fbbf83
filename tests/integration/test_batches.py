# SPDX-License-Identifier: Apache-2.0
"""Real nodes through more than one key ceremony: a batch that is used up, one who leaves, one who joins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from node.config import load_config
from node.config_file import save_config
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import REWARD, records


@dataclass(frozen=True)
class Story:
    """A study after its end; its hospitals by enrolment index."""

    consortium: Consortium
    study: int
    members: list[Member]
    money: Mapping[str, int]

    def ceremonies(self, rounds: int) -> list[tuple[int, int]]:
        """Number and participants of the ceremony behind each round."""
        return [self.consortium.reader.ceremony_of(self.study, number) for number in range(1, rounds + 1)]

    def finalised(self, rounds: int) -> bool:
        """Whether every round was."""
        reader = self.consortium.reader
        assert reader.study_state(self.study) is StudyState.COMPLETED
        closed = (reader.round_state(self.study, number).closed_as for number in range(1, rounds + 1))
        return all(phase is Phase.FINALISED for phase in closed)


@pytest.fixture(scope="module")
def used_up(consortium: Consortium) -> Story:
    """Three rounds with keys for two at a time."""
    members = consortium.members[:3]
    study = consortium.open_study(members, rounds=3, batch_rounds=2)
    for member in members:
        consortium.start(member)
    consortium.wait_for_end(study, members)
    return Story(consortium, study, members, consortium.settle(study, members))


@pytest.fixture(scope="module")
def changed(consortium: Consortium) -> Story:
    """Two rounds; in the first one hospital leaves, and another joins in its place."""
    members = consortium.members[:4]
    leaver = members[3]
    newcomer = consortium.found("Newcomer", records(5, 6))
    study = consortium.open_study(members, rounds=2)
    for member in members:
        consortium.start(member)
    consortium.wait_for_event("UpdateSubmitted", study, round=1)
    left = consortium.command(leaver.home, "study", "leave", study, "--json")
    assert left.code == 0 and int(left.value["last_round"]) == 1, left.err + left.out
    joined = consortium.enrol(newcomer, study)
    assert joined.code == 0, joined.err
    save_config(replace(load_config(newcomer.home), studies=(study,)))
    consortium.start(newcomer)
    consortium.wait_for_end(study, [*members, newcomer])
    everybody = [*members, newcomer]
    return Story(consortium, study, everybody, consortium.settle(study, everybody))


def test_batch__used_up__a_second_ceremony_makes_the_keys_of_the_last_round(used_up: Story) -> None:
    assert used_up.finalised(3)
    assert used_up.ceremonies(3) == [(1, 0b111), (1, 0b111), (2, 0b111)]


def test_batch__used_up__money_adds_up_and_no_secret_is_left(used_up: Story) -> None:
    assert used_up.money["claimed"] == used_up.money["funded"] == used_up.money["left_the_pool"] == 3 * REWARD
    for member in used_up.members:
        assert [name for name in member.secret_names if name.startswith(f"study-{used_up.study}/")] == []


def test_leaving_and_joining__the_next_round_is_by_who_is_there_then(changed: Story) -> None:
    assert changed.finalised(2)
    assert changed.ceremonies(2) == [(1, 0b01111), (2, 0b10111)]
    reader = changed.consortium.reader
    included = [reader.round_state(changed.study, number).included_bitmap for number in (1, 2)]
    assert included == [0b01111, 0b10111]


def test_leaving_and_joining__money_adds_up_and_who_left_says_so_and_keeps_no_secret(changed: Story) -> None:
    assert changed.money["claimed"] == changed.money["funded"] == changed.money["left_the_pool"] == 2 * REWARD
    leaver = changed.members[3]
    assert "this hospital has left" in leaver.log[leaver.log_start :]
    for member in changed.members:
        assert [name for name in member.secret_names if name.startswith(f"study-{changed.study}/")] == []
