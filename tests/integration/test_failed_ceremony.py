# SPDX-License-Identifier: Apache-2.0
"""A hospital dies before it deals: the others hold the ceremony again without it, and the study goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import CeremonyStep, Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import BOND, REWARD, ROWS, UNIT, model_after, records, study_plan

#: A quarter of the bond is what a missing dealing costs.
SLICE = BOND * UNIT // 4


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
    study = consortium.open_study(members, ceremony_step=45)
    missing, others = members[1], [members[0], members[2], members[3]]
    for member in members:
        consortium.start(member, *(["dealing"] if member is missing else []))
    consortium.wait("the second ceremony", lambda: consortium.reader.ceremony_state(study).number == 2)
    consortium.start(missing)
    consortium.wait_for_end(study, members, without=[missing])
    return Story(consortium, study, missing, others, consortium.settle(study, members))


def test_ceremony__one_dealing_missing__fails_and_bars_who_did_not_deal(story: Story) -> None:
    failed = story.consortium.reader.events("StudyRegistry", "CeremonyFailed", studyId=story.study)
    assert [event.arguments["step"] for event in failed] == [CeremonyStep.DEALING]
    assert failed[0].arguments["barred"] == 0b0010 and failed[0].arguments["remaining"] == 0b1101


def test_retry__without_the_missing_hospital__completes_and_the_study_too(story: Story) -> None:
    reader = story.consortium.reader
    ceremony = reader.ceremony_state(story.study)
    assert ceremony.number == 2 and ceremony.completed
    assert reader.study_state(story.study) is StudyState.COMPLETED
    state = reader.round_state(story.study, 1)
    assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b1101
    plan = study_plan("A study", 4, start=story.study)
    tables = [records(number, ROWS[number - 1]) for number in (1, 3, 4)]
    assert state.root_after == weights_root(model_after(plan, plan.model.initial, tables))


def test_barred_hospital__started_again__says_so_and_keeps_no_secrets(story: Story) -> None:
    told = f"study {story.study}: over for this hospital: this hospital was missing in a failed ceremony and is barred"
    assert story.missing.log.count(told) == 1 and "Not every study was completed" in story.missing.log
    assert all(f"study {story.study}: completed; 1 of 1 rounds" in member.log for member in story.others)
    assert [name for name in story.missing.secret_names if name.startswith(f"study-{story.study}/")] == []
    submitted = story.consortium.events("UpdateSubmitted", story.study)
    assert story.missing.number not in {event.arguments["hospitalId"] for event in submitted}


def test_money__with_a_missing_dealing__adds_up_and_only_that_is_slashed(story: Story) -> None:
    assert story.money["claimed"] == REWARD == story.money["left_the_pool"]
    assert story.money["bonds_released"] == 4 * BOND * UNIT - SLICE
