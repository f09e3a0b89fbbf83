# SPDX-License-Identifier: Apache-2.0
"""The chain takes back what it had: a submission, and later a finalised round. Nodes send the same again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from node.proofs.commitments import weights_root
from node.types import ChainEvent, Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.small_study import ROWS, model_after, records, study_plan

CONFIRMATIONS = 4


@dataclass(frozen=True)
class Story:
    """The study after its end, and the two events that were taken back."""

    consortium: Consortium
    study: int
    members: list[Member]
    submitted: ChainEvent
    finalised: ChainEvent


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Story:
    members = consortium.members[:3]
    study = consortium.open_study(members, confirmations=CONFIRMATIONS)
    for member in members:
        consortium.start(member)
    submitted = take_back(consortium, study, members, "UpdateSubmitted", "round 1: submitted")
    finalised = take_back(consortium, study, members, "RoundFinalised", "round 1: finalised")
    consortium.wait_for_end(study, members)
    return Story(consortium, study, members, submitted, finalised)


def take_back(consortium: Consortium, study: int, members: list[Member], name: str, said: str) -> ChainEvent:
    """Replace the first block with such an event and all after it by empty ones, once their senders know of it.

    No deeper than the plan's confirmations; what was in those blocks is gone from the chain and from its pool.
    """
    first = consortium.wait_for_event(name, study, round=1)

    def known() -> bool:
        return sum(said in member.log[member.log_start :] for member in members) == len(consortium.events(name, study))

    consortium.wait(f"{said!r} from all senders", known)
    depth = consortium.reader.head().number - first.block_number + 1
    assert depth <= CONFIRMATIONS
    consortium.anvil.request("anvil_reorg", depth, [])
    return first


def test_submission__its_block_dropped__is_sent_again_unchanged(story: Story) -> None:
    lost = story.submitted
    sent = [
        event
        for event in story.consortium.events("UpdateSubmitted", story.study, round=1)
        if event.arguments["hospitalId"] == lost.arguments["hospitalId"]
    ]
    assert len(sent) == 1 and sent[0].block_hash != lost.block_hash
    assert sent[0].tx_hash == lost.tx_hash and sent[0].arguments == lost.arguments


def test_finalised_round__its_block_dropped__is_finalised_again_with_the_same_model(story: Story) -> None:
    reader = story.consortium.reader
    again = story.consortium.events("RoundFinalised", story.study, round=1)
    assert len(again) == 1 and again[0].block_hash != story.finalised.block_hash
    assert again[0].arguments == story.finalised.arguments
    assert reader.study_state(story.study) is StudyState.COMPLETED
    state, plan = reader.round_state(story.study, 1), study_plan("A study", 3, start=story.study)
    assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b111
    tables = [records(number, ROWS[number - 1]) for number in (1, 2, 3)]
    assert state.root_after == weights_root(model_after(plan, plan.model.initial, tables))


def test_nodes__of_a_reorganised_chain__say_so_and_share_once(story: Story) -> None:
    assert any("the chain was reorganised" in member.log for member in story.members)
    shares = story.consortium.reader.events("Openings", "SharePosted", studyId=story.study, round=1)
    assert len({event.arguments["hospitalId"] for event in shares}) == len(shares) == 2
