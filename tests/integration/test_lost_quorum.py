# SPDX-License-Identifier: Apache-2.0
"""Both hospitals that were to open a sum by CKKS die before they post a share: the other two open it by pads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import Phase, StudyState, indices
from tests.support.consortium import Consortium, Member
from tests.support.small_study import (
    ABSENCE_FINE,
    BOND,
    REWARD,
    ROWS,
    SERVICE_BUDGET,
    UNIT,
    model_after,
    records,
    study_plan,
)


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
    study = consortium.open_study(members, open=40)
    # Whom the draw names is known once the set is fixed: whoever it is dies there.
    for member in members:
        consortium.start(member, "sharing@1")
    consortium.wait_for_event("UpdatesIncluded", study, round=1)
    quorum = consortium.reader.quorum(study, 1)
    dead = [member for member in members if member.number in quorum]
    alive = [member for member in members if member.number not in quorum]
    consortium.wait("the quorum to die", lambda: all(member.died for member in dead))
    consortium.wait_for_end(study, alive)
    return Story(consortium, study, dead, alive, consortium.settle(study, members))


def test_quorum__both_dead__posts_nothing(story: Story) -> None:
    assert len(story.dead) == 2
    ckks, _ = story.consortium.reader.shares_posted(story.study, 1)
    assert ckks == 0


def test_pads__of_the_others__open_the_sum_of_all_four(story: Story) -> None:
    reader = story.consortium.reader
    assert set(reader.pad_shares(story.study, 1)) == {member.number for member in story.alive}
    assert reader.study_state(story.study) is StudyState.COMPLETED and reader.failed_ckks_openings(story.study) == 1
    state = reader.round_state(story.study, 1)
    assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b1111
    plan = study_plan("A study", 4, start=story.study)
    tables = [records(number, count) for number, count in enumerate(ROWS, start=1)]
    assert state.root_after == weights_root(model_after(plan, plan.model.initial, tables))


def test_money__with_a_lost_quorum__adds_up_and_costs_the_dead_a_small_fine_at_most(story: Story) -> None:
    """A fine each, and only where the pads' window ran out before the round was finalised."""
    money, reader = story.money, story.consortium.reader
    absent = {reader.enrolled_ids(story.study)[index] for index in indices(reader.absent(story.study, 1) or 0)}
    assert absent in (set(), {member.number for member in story.dead})
    assert money["claimed"] == REWARD and money["refunded"] == SERVICE_BUDGET - money["services"]
    assert money["left_the_pool"] == money["claimed"] + money["refunded"]
    assert money["bonds_released"] == 4 * BOND * UNIT - len(absent) * ABSENCE_FINE
