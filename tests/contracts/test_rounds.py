# SPDX-License-Identifier: Apache-2.0
"""Rounds with the verifier double: phases, attestation, quorums, finalising and failing."""

from __future__ import annotations

import ape
import pytest

from tests.support.suite import FIELD_ORDER, Phase, Stage, State, add_points, commitment, rows_of


def test_round__from_submit_to_finalise__sets_the_new_root_and_starts_the_next(stage: Stage) -> None:
    members = stage.run(4)
    rounds = stage.suite.rounds
    assert stage.state() is State.RUNNING
    assert (rounds.currentRound(stage.study), stage.phase()) == (1, Phase.SUBMIT)

    for hospital in members:
        stage.submit(hospital)
    assert stage.phase() is Phase.ATTEST
    for hospital in members:
        stage.attest(hospital, 0b1111)
    assert stage.phase() is Phase.INCLUDE
    stage.include()
    assert stage.phase() is Phase.OPEN

    state = rounds.roundState(stage.study, 1)
    expected = (0, 1)
    for hospital in members:
        expected = add_points(expected, commitment(hospital))
    assert (state.sumCx, state.sumCy) == expected
    assert state.sumRows == sum(rows_of(hospital) for hospital in members)
    assert state.includedBitmap == 0b1111
    assert state.rootBefore == 42

    for number in stage.quorum():
        stage.share(number)
    stage.finalise(root=4711)
    assert stage.phase() is Phase.FINALISED
    assert (rounds.currentRound(stage.study), stage.phase(2)) == (2, Phase.SUBMIT)
    assert rounds.roundState(stage.study, 2).rootBefore == 4711


def test_submit__after_deadline__reverts(stage: Stage) -> None:
    members = stage.run(4)
    for hospital in members[:3]:
        stage.submit(hospital)
    stage.end_phase()
    with ape.reverts(
        stage.suite.rounds.RoundManagerWrongPhase, studyId=1, round=1, phase=int(Phase.ATTEST), needed=1
    ):
        stage.submit(members[3])
