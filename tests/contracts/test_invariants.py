# SPDX-License-Identifier: Apache-2.0
"""Random studies: whatever hospitals do or leave out, money adds up and anyone can bring it to an end."""

from __future__ import annotations

import random

import pytest

from tests.support.suite import BOND, DIGEST, NO_PROOF, Phase, Stage, State, commitment, pass_until, rapidly


def check_money(stage: Stage, deposited: int) -> None:
    """The vault holds exactly what it owes; the pool what came in less what it paid."""
    suite = stage.suite
    vault, owed = suite.vault, suite.vault.slashed()
    for hospital in stage.hospitals:
        owed += vault.available(hospital.id) + vault.locked(stage.study, hospital.id)
    assert suite.token.balanceOf(vault) == owed == deposited


def play_ceremony(stage: Stage, rng: random.Random) -> None:
    """Every hospital posts with some likelihood; failures are recorded until it is complete or over."""
    studies = stage.suite.studies
    while stage.state() is State.CEREMONY:
        ceremony = studies.ceremonyState(stage.study)
        for index, hospital in enumerate(stage.members):
            if ceremony.participants >> index & 1 and rng.random() < 0.985:
                digest = DIGEST if rng.random() < 0.99 else b"\x99" * 32
                post = (stage.study, ceremony.number, ceremony.step, digest, 32)
                rapidly(studies.postCeremony, *post, sender=hospital.operator)
        after = studies.ceremonyState(stage.study)
        if not after.completed and (after.number, after.step) == (ceremony.number, ceremony.step):
            pass_until(after.deadline)
            rapidly(studies.failCeremony, stage.study, sender=stage.stranger)


def play_round(stage: Stage, rng: random.Random, round_: int) -> None:
    """Hospitals act or not; a stranger moves on whatever got stuck."""
    rounds, taking_part = stage.suite.rounds, stage.suite.studies.ceremonyState(stage.study).participants
    members = [hospital for index, hospital in enumerate(stage.members) if taking_part >> index & 1]
    diligence = rng.choice([0.6, 0.9, 1.0])
    for hospital in members:
        if rng.random() < diligence:
            point = commitment(hospital)
            update = (stage.study, round_, DIGEST, 9, *point, NO_PROOF)
            rapidly(rounds.submitUpdate, *update, sender=hospital.operator)
    if stage.phase(round_) is Phase.SUBMIT:
        stage.end_phase(round_)
    if stage.phase(round_) is Phase.ATTEST:
        submitted = rounds.roundState(stage.study, round_).submittedBitmap
        for hospital in members:
            if rng.random() < diligence:
                bitmap = submitted if rng.random() < 0.7 else submitted & rng.getrandbits(6)
                rapidly(rounds.attest, stage.study, round_, bitmap, sender=hospital.operator)
        if stage.phase(round_) is Phase.ATTEST:
            stage.end_phase(round_)
        rapidly(rounds.includeUpdates, stage.study, round_, sender=stage.stranger)
    operators = {hospital.id: hospital.operator for hospital in members}
    while stage.phase(round_) is Phase.OPEN:
        attempt = rounds.currentAttempt(stage.study, round_)
        for number in stage.quorum(attempt, round_):
            if rng.random() < diligence:
                share = (stage.study, round_, attempt, DIGEST, 9)
                rapidly(rounds.postShare, *share, sender=operators[number])
        if rng.random() < 0.4:
            rapidly(rounds.finalise, stage.study, round_, round_, NO_PROOF, sender=stage.stranger)
        else:
            stage.end_phase(round_)
    if stage.phase(round_) is Phase.FAILED and rounds.roundState(stage.study, round_).closedAs == 0:
        rapidly(rounds.failRound, stage.study, round_, sender=stage.stranger)


@pytest.mark.parametrize("seed", range(8))
def test_random_study__ends_and_pays_out_to_the_last_unit(stage: Stage, seed: int) -> None:
    rng, suite = random.Random(seed), stage.suite
    count = rng.choice([4, 5, 6])
    deposited = suite.token.balanceOf(suite.vault)
    stage.publish(maximum=count, rounds=4, attempts=3, bond=BOND + seed, rewardPerRound=10**9 + rng.randrange(99))
    stage.members = stage.hospitals[:count]
    stage.enrol_all(stage.members)
    play_ceremony(stage, rng)
    check_money(stage, deposited)
    played = 0
    while stage.state() is State.RUNNING:
        played += 1
        assert suite.rounds.currentRound(stage.study) == played
        play_round(stage, rng, played)
        assert stage.phase(played) in (Phase.FINALISED, Phase.FAILED)
        check_money(stage, deposited)
    assert stage.state() in (State.COMPLETED, State.CANCELLED)

    every_round = list(range(1, played + 1))
    for hospital in stage.members:
        if suite.rewards.claimable(stage.study, hospital.id, every_round):
            rapidly(suite.rewards.claim, stage.study, hospital.id, every_round, sender=stage.stranger)
        if suite.vault.locked(stage.study, hospital.id):
            rapidly(suite.studies.releaseBond, stage.study, hospital.id, sender=stage.stranger)
    if suite.rewards.refundable(stage.study):
        rapidly(suite.rewards.refund, stage.study, sender=stage.stranger)
    assert suite.token.balanceOf(suite.rewards) == 0
    check_money(stage, deposited)
