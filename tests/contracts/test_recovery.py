# SPDX-License-Identifier: Apache-2.0
"""A model that is finalised and withheld: pad shares of its round are accepted until everybody can have it."""

from __future__ import annotations

import ape
import pytest

from node.types import Phase, StudyState
from tests.support.stage import Stage
from tests.support.suite import DIGEST, pass_until


def recovering(stage: Stage, round_: int = 1) -> bool:
    return bool(stage.suite.openings.isRecovering(stage.study, round_))


def refused(stage: Stage, round_: int = 1) -> None:
    """No pad share of the round is accepted."""
    assert not recovering(stage, round_)
    for post, rest in (
        (stage.suite.openings.postPadShare, [bytes(64)]),
        (stage.suite.openings.postPadShareFile, [DIGEST, 9]),
    ):
        with ape.reverts(stage.suite.openings.OpeningsWrongPhase, round=round_):
            post(stage.study, round_, *rest, sender=stage.members[-1].operator)


def take_hostage(stage: Stage, round_: int = 1) -> None:
    """One hospital opens alone, finalises with a true proof, and posts no model."""
    stage.reach_open(round_)
    stage.finalise(1000 + round_, round_)


def test_recovery__of_a_withheld_model__until_the_next_submission_is_over(running: Stage) -> None:
    """Removed: that a finalised round takes pad shares; then nobody has the model that the next round starts from."""
    take_hostage(running)
    assert recovering(running) and running.phase(2) is Phase.SUBMIT
    running.pad_share_all(running.members[:3])
    assert running.suite.openings.sharesPosted(running.study, 1) == (0, 0b0111)
    with ape.reverts(running.suite.openings.OpeningsAlreadyPosted):
        running.pad_share(running.members[0])
    pass_until(running.suite.rounds.phase(running.study, 2)[1] - 2)
    assert recovering(running)
    running.pad_share(running.members[3])
    running.end_phase(2)
    refused(running)


def test_recovery__all_have_submitted_to_the_next__is_over(running: Stage) -> None:
    """Whoever submitted has the model that it started from."""
    take_hostage(running)
    running.submit_all(round_=2)
    assert running.phase(2) is Phase.ATTEST
    refused(running)


def test_recovery__of_a_round_that_did_not_finalise_or_was_long_ago__is_none(running: Stage) -> None:
    refused(running)
    running.finish(1)
    running.finish(2)
    refused(running, 1)
    assert recovering(running, 2)
    running.end_phase(3)
    assert not recovering(running, 3)
    refused(running, 2)


def test_recovery__by_who_posted_to_open__is_not_possible_twice(running: Stage) -> None:
    """One share of a hospital is all that there is, in the opening or after it."""
    running.reach_open()
    running.reach_pads()
    running.pad_share(running.members[0])
    running.finalise()
    with ape.reverts(running.suite.openings.OpeningsAlreadyPosted):
        running.pad_share(running.members[0])
    running.pad_share(running.members[1])


def test_recovery__while_a_ceremony_is_due__goes_on_however_late_that_is(stage: Stage) -> None:
    """Removed: that the window lasts while no next round has begun."""
    stage.run(4, batchRounds=1)
    take_hostage(stage)
    assert stage.state() is StudyState.CEREMONY
    pass_until(ape.chain.blocks.head.timestamp + stage.plan["ceremonyStepLength"] - 5)
    assert recovering(stage)
    stage.pad_share(stage.members[0])
    stage.hold_ceremony(stage.members, ceremony=2)
    assert stage.phase(2) is Phase.SUBMIT
    stage.pad_share(stage.members[1])
    stage.end_phase(2)
    refused(stage)


def test_recovery__in_the_studys_last_round__lasts_from_its_end(stage: Stage) -> None:
    """The hostage in the last round: no round follows whose submission could wait for it.

    Removed: the plan's `recovery` after the end.
    """
    stage.run(4, rounds=1)
    take_hostage(stage)
    assert stage.state() is StudyState.COMPLETED
    end = stage.record().closedAt + stage.plan["recovery"]
    stage.pad_share(stage.members[0])
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [end - 1])
    assert stage.pad_share(stage.members[1]).timestamp == end - 1
    pass_until(end)
    refused(stage)


@pytest.mark.parametrize("root", [42, 1001])
def test_recovery__of_a_model_that_returned__lasts_from_the_studys_end(running: Stage, root: int) -> None:
    running.finish(1)
    running.reach_open(2)
    running.finalise(root, 2)
    assert running.state() is StudyState.COMPLETED
    running.pad_share(running.members[0], 2)
    pass_until(running.record(2).closedAt + running.plan["recovery"])
    refused(running, 2)


def test_recovery__where_too_few_are_left_for_a_ceremony__lasts_from_there(stage: Stage) -> None:
    stage.run(3)
    leaver = stage.members[0]
    stage.suite.studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    take_hostage(stage)
    assert stage.state() is StudyState.CANCELLED
    stage.pad_share(stage.members[1])
    pass_until(stage.record().closedAt + stage.plan["recovery"])
    refused(stage)


def test_recovery__where_ceremonies_failed_for_good__lasts_from_when_the_last_ran_out(stage: Stage) -> None:
    """Removed: that a ceremony's end counts; then the window would be over long before the study is."""
    stage.run(4, batchRounds=1, unopenedRounds=3, patience=2_100)
    take_hostage(stage)
    ceremony = stage.suite.ceremony
    while stage.state() is StudyState.CEREMONY:
        last = ceremony.ceremonyState(stage.study).deadline
        pass_until(last)
        assert recovering(stage)
        ceremony.moveOn(stage.study, sender=stage.stranger)
    assert stage.state() is StudyState.CANCELLED
    assert last > stage.record().closedAt + stage.plan["recovery"]
    stage.pad_share(stage.members[0])
    pass_until(last + stage.plan["recovery"])
    refused(stage)


def test_recovery__late_shares_are_nobodys_absence(running: Stage) -> None:
    take_hostage(running)
    running.pad_share_all()
    with ape.reverts(running.suite.openings.OpeningsWrongPhase):
        running.record_absence()
