# SPDX-License-Identifier: Apache-2.0
"""A hospital dies before it deals: the ceremony goes on without it, and it is back in the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import ABSENCE_FINE, BOND, REWARD, ROWS, UNIT, model_after, records, study_plan

ROUNDS = 2


@dataclass(frozen=True)
class Story:
    """The study after its end."""

    consortium: Consortium
    study: int
    missing: Member
    others: list[Member]
    money: Mapping[str, int]


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Story:
    members = consortium.members[:4]
    study = consortium.open_study(members, rounds=ROUNDS, batch_rounds=1, ceremony_step=25, submit=60)
    missing, others = members[1], [members[0], members[2], members[3]]
    for member in members:
        consortium.start(member, *(["dealing"] if member is missing else []))
    consortium.wait("the first batch", lambda: consortium.reader.batches(study)[0] == 1)
    consortium.start(missing)
    consortium.wait_for_end(study, members)
    return Story(consortium, study, missing, others, consortium.settle(study, members))


def test_ceremony__one_dealing_missing__goes_on_from_where_it_is(story: Story) -> None:
    reader = story.consortium.reader
    assert reader.events("KeyCeremony", "CeremonyFailed", studyId=story.study) == ()
    first, second = (reader.batch_of(story.study, number) for number in (1, 2))
    assert (first.ceremony, first.dealt, first.participants) == (1, 0b1111, 0b1101)
    assert (second.ceremony, second.dealt, second.participants) == (2, 0b1111, 0b1111)


def test_rounds__without_and_with_the_missing_hospital__have_the_right_models(story: Story) -> None:
    reader, plan = story.consortium.reader, study_plan("A study", 4, start=story.study)
    assert reader.study_state(story.study) is StudyState.COMPLETED
    model = plan.model.initial
    for number, included in ((1, (1, 3, 4)), (2, (1, 2, 3, 4))):
        state = reader.round_state(story.study, number)
        assert state.closed_as is Phase.FINALISED
        assert state.included_bitmap == sum(1 << index - 1 for index in included)
        model = model_after(plan, model, [records(index, ROWS[index - 1]) for index in included])
        assert state.root_after == weights_root(model)


def test_money__with_a_missing_dealing__adds_up_and_costs_one_small_fine(story: Story) -> None:
    assert story.money["claimed"] == ROUNDS * REWARD
    assert story.money["left_the_pool"] == story.money["funded"] - story.money["services"]
    assert story.money["bonds_released"] == 4 * BOND * UNIT - ABSENCE_FINE
