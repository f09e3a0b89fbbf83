# SPDX-License-Identifier: Apache-2.0
"""A study in which one hospital is away for a round and another one's table changes after enrolment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import FailureReason, Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import (
    ABSENCE_FINE,
    BOND,
    REWARD,
    SERVICE_BUDGET,
    UNIT,
    model_after,
    records,
    study_plan,
    write_table,
)

ROUNDS = 2


@dataclass(frozen=True)
class Story:
    """The study after its end."""

    consortium: Consortium
    study: int
    members: list[Member]
    money: Mapping[str, int]


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Story:
    members = consortium.members[:3]
    here, changed, away = members
    study = consortium.open_study(members, rounds=ROUNDS, submit=25, attest=20, open=20)
    kept = changed.table.read_bytes()
    write_table(changed.table, records(99, 3))
    consortium.start(here)
    consortium.start(changed)
    consortium.start(away, "acknowledged")
    consortium.wait_for_event("RoundFailed", study, round=1)
    consortium.start(away)
    consortium.wait_for_end(study, members)
    changed.table.write_bytes(kept)
    return Story(consortium, study, members, consortium.settle(study, members))


def test_round__one_hospital_missing__fails_unopened_and_says_so(story: Story) -> None:
    failed = story.consortium.events("RoundFailed", story.study)
    assert [event.arguments["round"] for event in failed] == [1]
    assert failed[0].arguments["reason"] == FailureReason.TOO_FEW_SUBMISSIONS
    submitted = story.consortium.events("UpdateSubmitted", story.study, round=1)
    assert {event.arguments["hospitalId"] for event in submitted} == {m.number for m in story.members[:2]}
    assert any(f"study {story.study}, round 1: failed" in member.log for member in story.members[:2])


def test_failed_round__posts_no_share_and_releases_no_payload(story: Story) -> None:
    for name in ("SharePosted", "PadSharePosted"):
        assert not story.consortium.reader.events("Openings", name, studyId=story.study, round=1)
    for event in story.consortium.events("UpdateSubmitted", story.study, round=1):
        owner = next(m for m in story.members if m.number == event.arguments["hospitalId"])
        digest, size = event.arguments["digest"], event.arguments["size"]
        assert owner.store.holds(digest, size)
        assert not any(member.store.released(digest, size) for member in story.members)


def test_next_round__everybody_back__has_keys_of_its_own_and_is_finalised(story: Story) -> None:
    reader = story.consortium.reader
    batches = [reader.batch_of(story.study, number) for number in range(1, ROUNDS + 1)]
    assert [(batch.ceremony, batch.participants) for batch in batches] == [(1, 0b111), (2, 0b111)]
    assert reader.study_state(story.study) is StudyState.COMPLETED
    state = reader.round_state(story.study, 2)
    assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b111 and state.sum_rows == 8 + 6 + 5


def test_model__table_changed_after_enrolment__is_that_of_the_committed_records(story: Story) -> None:
    plan = study_plan("A study", 3, start=story.study)
    expected = model_after(plan, plan.model.initial, [records(1, 8), records(2, 6), records(3, 5)])
    assert story.consortium.reader.round_state(story.study, 2).root_after == weights_root(expected)


def test_money__after_a_failed_round__adds_up_to_the_last_unit(story: Story) -> None:
    money = story.money
    assert money["funded"] == ROUNDS * REWARD + SERVICE_BUDGET
    assert money["claimed"] == REWARD and money["refunded"] == REWARD + SERVICE_BUDGET - money["services"]
    assert money["left_the_pool"] == money["funded"] - money["services"]
    assert money["bonds_released"] == 3 * BOND * UNIT - ABSENCE_FINE


def test_secrets__of_an_ended_study__are_all_erased(story: Story) -> None:
    for member in story.members:
        assert [name for name in member.secret_names if name.startswith(f"study-{story.study}/")] == []
