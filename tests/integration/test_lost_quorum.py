# SPDX-License-Identifier: Apache-2.0
"""Both hospitals that were to open a sum die before they post a share: the other two open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import BOND, REWARD, ROWS, UNIT, model_after, records, study_plan

#: A quarter of the bond is what a missing share costs.
SLICE = BOND * UNIT // 4


@dataclass(frozen=True)
class Story:
    """The study after its end."""

    consortium: Consortium
    study: int
    dead: list[Member]
    alive: list[Member]
    money: Mapping[str, int]


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Story:
    members = consortium.members[:4]
    study = consortium.open_study(members, attempts=5, open=16)
    # Round 1 begins with the second hospital: it and the third are named first.
    dead, alive = [members[1], members[2]], [members[0], members[3]]
    for member in members:
        consortium.start(member, *(["sharing@1"] if member in dead else []))
    consortium.wait_for_end(study, alive)
    return Story(consortium, study, dead, alive, consortium.settle(study, members))


def test_first_quorum__both_dead__posts_nothing(story: Story) -> None:
    reader = story.consortium.reader
    assert set(reader.quorum(story.study, 1, 0)) == {member.number for member in story.dead}
    assert reader.shares_posted(story.study, 1, 0) == 0


def test_later_quorum__of_the_others__opens_the_sum_of_all_four(story: Story) -> None:
    reader = story.consortium.reader
    shares = story.consortium.events("SharePosted", story.study, round=1)
    assert {event.arguments["attempt"] for event in shares} == {1}
    assert {event.arguments["hospitalId"] for event in shares} == {member.number for member in story.alive}
    assert reader.study_state(story.study) is StudyState.COMPLETED
    state = reader.round_state(story.study, 1)
    assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b1111
    plan = study_plan("A study", 4, start=story.study)
    tables = [records(number, count) for number, count in enumerate(ROWS, start=1)]
    assert state.root_after == weights_root(model_after(plan, plan.model.initial, tables))


def test_money__with_missing_shares__adds_up_and_only_the_missing_are_slashed(story: Story) -> None:
    money = story.money
    assert money["claimed"] == REWARD == money["left_the_pool"] and money["refunded"] == 0
    assert money["bonds_released"] == 4 * BOND * UNIT - 2 * SLICE
