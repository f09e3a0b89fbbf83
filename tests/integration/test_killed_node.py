# SPDX-License-Identifier: Apache-2.0
"""A node that is killed without warning at every kind of moment: it repeats a step, never with other bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.proofs.commitments import weights_root
from node.state import recent_steps
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.quorums import drawn
from tests.support.small_study import ROWS, model_after, records, study_plan

ROUNDS = 2
POINTS = (
    "dealing",
    "dealt",
    "held",
    "acknowledged",
    "proving@0",
    "submitted@1",
    "attested@1",
    "sharing@1",
    "shared@1",
    "encrypted@2",
    "submitting@2",
    "finalised@2",
)


@dataclass(frozen=True)
class Story:
    """The study after its end, and what the killed node left in its temporary folder each time."""

    consortium: Consortium
    study: int
    members: list[Member]
    victim: Member
    left_behind: dict[str, list[str]]


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Story:
    members = consortium.members[:3]
    study = consortium.open_study(members, rounds=ROUNDS, start=start_that_names_the_first())
    # It has the first turn to finalise, too.
    victim, *others = members
    for member in others:
        consortium.start(member)
    left_behind = {}
    for _ in POINTS:
        consortium.start(victim, *POINTS)
        consortium.wait("the node to die", lambda: victim.died)
        died_at = max(consortium.deaths(victim).iterdir(), key=lambda path: path.stat().st_mtime_ns).name
        left_behind[died_at] = [path.name for path in (victim.home / "tmp").rglob("*") if path.is_file()]
    consortium.start(victim, *POINTS)
    consortium.wait_for_end(study, members)
    return Story(consortium, study, members, victim, left_behind)


def start_that_names_the_first() -> int:
    """Starting weights with which the draw names the first hospital to open every round."""
    tables = [records(number, ROWS[number - 1]) for number in (1, 2, 3)]
    for start in range(1000, 1100):
        plan = study_plan("A study", 3, start=start)
        weights, named = plan.model.initial, []
        for _ in range(ROUNDS):
            named.append(drawn(range(3), plan.encryption.threshold, 0b111, weights_root(weights)))
            weights = model_after(plan, weights, tables)
        if all(0 in quorum for quorum in named):
            return start
    raise AssertionError("no draw names the first hospital every time")


def test_study__node_killed_again_and_again__is_completed_with_the_right_model(story: Story) -> None:
    assert set(story.left_behind) == set(POINTS)
    reader, plan = story.consortium.reader, study_plan("A study", 3, start=start_that_names_the_first())
    assert reader.study_state(story.study) is StudyState.COMPLETED
    tables = [records(number, ROWS[number - 1]) for number in (1, 2, 3)]
    expected = plan.model.initial
    for number in range(1, ROUNDS + 1):
        expected = model_after(plan, expected, tables)
        state = reader.round_state(story.study, number)
        assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b111
        assert state.root_after == weights_root(expected)


def test_submission__killed_before_and_after__is_sent_once_with_the_stored_payload(story: Story) -> None:
    for number in range(1, ROUNDS + 1):
        sent = [
            event
            for event in story.consortium.events("UpdateSubmitted", story.study, round=number)
            if event.arguments["hospitalId"] == story.victim.number
        ]
        assert len(sent) == 1
        digest, size = sent[0].arguments["digest"], sent[0].arguments["size"]
        content = story.victim.store.get(digest, size)
        assert hashlib.sha256(content).digest() == digest or size > 262_144
        journal = journal_of(story.victim, f"study-{story.study}/round-{number}/payload")
        assert journal == {"digest": digest.hex(), "size": size}


def test_share__killed_before_and_after_posting__is_posted_once(story: Story) -> None:
    for number in range(1, ROUNDS + 1):
        posted = story.consortium.reader.events("Openings", "SharePosted", studyId=story.study, round=number)
        hospitals = [event.arguments["hospitalId"] for event in posted]
        assert len(hospitals) == len(set(hospitals)) and story.victim.number in hospitals
        for event in posted:
            assert story.victim.store.holds(event.arguments["digest"], event.arguments["size"])


def test_ceremony__killed_in_four_steps__is_completed_at_the_first_try(story: Story) -> None:
    ceremony = story.consortium.reader.ceremony_state(story.study)
    assert ceremony.number == 1 and ceremony.completed


def test_model__finaliser_killed_before_it_posts__is_posted_by_somebody(story: Story) -> None:
    assert len(story.consortium.reader.model_posts(story.study, 2)) == 1


def test_witness__of_a_killed_prover__is_erased_at_the_next_start(story: Story) -> None:
    assert "witness.wtns" in story.left_behind["proving@0"]
    assert all(names == [] for point, names in story.left_behind.items() if point != "proving@0")
    assert [path for path in (story.victim.home / "tmp").rglob("*") if path.is_file()] == []


def journal_of(member: Member, key: str) -> dict[str, object] | None:
    path: Path = member.home / "state.sqlite"
    return next((step.result for step in recent_steps(path, 1000) if step.key == key), None)
