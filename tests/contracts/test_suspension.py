# SPDX-License-Identifier: Apache-2.0
"""Rounds whose set is fixed and whose opening takes too long: suspended, finalised whenever they open, or the end."""

from __future__ import annotations

import ape
import pytest

from node.types import FailureReason, Phase, StudyState
from tests.support.stage import Stage
from tests.support.suite import BOND, pass_until


@pytest.fixture
def suspended(running: Stage) -> Stage:
    """Round 1, everybody included, opened by nobody in its windows."""
    running.reach_open()
    running.reach_suspension()
    return running


def patience_ends(stage: Stage, round_: int = 1) -> int:
    """Second at which a round is given up."""
    return int(stage.record(round_).includedAt) + int(stage.plan["patience"])


def test_unopened__after_its_windows__is_suspended_and_cannot_be_failed(suspended: Stage) -> None:
    """Removed: that the phase after Open is Suspended; with Failed another set would open from the same weights."""
    rounds = suspended.suite.rounds
    assert suspended.phase() is Phase.SUSPENDED
    assert rounds.phase(suspended.study, 1)[1] == patience_ends(suspended)
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=Phase.SUSPENDED, needed=Phase.FAILED):
        suspended.fail_round()
    assert (rounds.currentRound(suspended.study), suspended.phase(2)) == (1, Phase.NONE)
    assert suspended.state() is StudyState.RUNNING


def test_phases__at_the_very_second_of_each_deadline(running: Stage) -> None:
    running.reach_open()
    record, rounds = running.record(), running.suite.rounds
    for second, phase, deadline in (
        (record.padsFrom - 1, Phase.OPEN, record.padsFrom),
        (record.padsFrom, Phase.OPEN, record.padsUntil),
        (record.padsUntil - 1, Phase.OPEN, record.padsUntil),
        (record.padsUntil, Phase.SUSPENDED, patience_ends(running)),
        (patience_ends(running) - 1, Phase.SUSPENDED, patience_ends(running)),
        (patience_ends(running), Phase.FAILED, 0),
    ):
        pass_until(second)
        assert tuple(rounds.phase(running.study, 1)) == (phase, deadline)


def test_suspended__pad_shares_are_accepted_and_a_model_goes_on_from_it(suspended: Stage) -> None:
    suspended.pad_share_all(suspended.members[:2])
    suspended.finalise(4711)
    assert suspended.phase(2) is Phase.SUBMIT
    assert suspended.record(2).rootBefore == 4711


def test_suspended__finalised_in_the_last_second_of_patience__counts(suspended: Stage) -> None:
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [patience_ends(suspended) - 1])
    assert suspended.finalise().timestamp == patience_ends(suspended) - 1
    assert (suspended.phase(), suspended.state()) == (Phase.FINALISED, StudyState.RUNNING)


def test_suspended__beyond_patience__ends_the_study_and_slashes_nobody(suspended: Stage) -> None:
    suite, study = suspended.suite, suspended.study
    pass_until(patience_ends(suspended))
    with ape.reverts(suite.rounds.RoundManagerWrongPhase, phase=Phase.FAILED, needed=Phase.OPEN):
        suspended.finalise()
    receipt = suspended.fail_round()
    assert suite.rounds.RoundFailed(study, 1, FailureReason.UNOPENED) in receipt.events
    assert suspended.state() is StudyState.CANCELLED
    assert [suite.vault.locked(study, one.id) for one in suspended.members] == [BOND] * 4
    for hospital in suspended.members:
        suite.studies.releaseBond(study, hospital.id, sender=suspended.stranger)
    with ape.reverts(suite.rounds.RoundManagerAlreadyFailed, round=1):
        suspended.fail_round()


def test_suspended__bonds_stay_and_nobody_leaves_or_gets_keys_before_it_is_over(suspended: Stage) -> None:
    suite, study, leaver = suspended.suite, suspended.study, suspended.members[3]
    suite.studies.leaveStudy(study, leaver.id, sender=leaver.owner)
    for hospital in suspended.members:
        with ape.reverts(suite.studies.StudyRegistryWrongState, state=StudyState.RUNNING):
            suite.studies.releaseBond(study, hospital.id, sender=suspended.stranger)
    assert suspended.state() is StudyState.RUNNING
    # It is needed for the opening as everybody is, and opens.
    suspended.pad_share(leaver)
    suspended.finalise()
    assert suspended.state() is StudyState.CEREMONY
    suite.studies.releaseBond(study, leaver.id, sender=suspended.stranger)


def test_suspended__the_set_and_its_payloads_stay_what_they_are(suspended: Stage) -> None:
    """Nobody submits again: the pads of the round are used, and there is one set for its weights."""
    rounds, before = suspended.suite.rounds, suspended.record()
    for again in (
        lambda: suspended.submit(suspended.members[0]),
        lambda: suspended.attest(suspended.members[0], 0b1111),
        suspended.include,
    ):
        with ape.reverts(rounds.RoundManagerWrongPhase, phase=Phase.SUSPENDED):
            again()
    assert suspended.record() == before
    assert rounds.setOf(suspended.study, 42) == 0b1111


def test_absent_member__after_a_fixed_set__costs_it_a_fine_and_the_round_nothing(running: Stage) -> None:
    """t others open: who was included and is away holds up nobody.

    Removed: that any t of the participants open by pads, and not those that were named.
    """
    running.reach_open()
    away = [one for one in running.members if one.id in running.quorum()]
    others = [one for one in running.members if one not in away]
    running.reach_pads()
    running.pad_share_all(others)
    running.finalise()
    assert running.record().includedBitmap == 0b1111
    assert running.phase(2) is Phase.SUBMIT
