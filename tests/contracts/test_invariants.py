# SPDX-License-Identifier: Apache-2.0
"""Random studies: whatever hospitals do or leave out, money adds up and anyone can bring it to an end."""

from __future__ import annotations

import random

import pytest

from tests.support.settlement import nothing_is_left, owed_by_vault
from tests.support.stage import Phase, Stage, State
from tests.support.suite import BOND, DIGEST, pass_until, rapidly


def check_money(stage: Stage, deposited: int) -> None:
    """The vault holds exactly what it owes; the pool what came in less what it paid."""
    assert stage.suite.token.balanceOf(stage.suite.vault) == owed_by_vault(stage) == deposited


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
    rounds, taking_part = stage.suite.rounds, stage.suite.studies.ceremonyOf(stage.study, round_)[1]
    members = [hospital for index, hospital in enumerate(stage.members) if taking_part >> index & 1]
    diligence = rng.choice([0.6, 0.9, 1.0])
    for hospital in members:
        if rng.random() < diligence:
            stage.submit_all([hospital], round_)
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
        stage.include(round_)
    while stage.phase(round_) is Phase.OPEN:
        attempt = rounds.currentAttempt(stage.study, round_)
        silent = [number for number in stage.quorum(attempt, round_) if rng.random() >= diligence]
        stage.share_all(attempt, round_, but=silent)
        if rng.random() < 0.4:
            stage.finalise(round_, round_)
        else:
            stage.end_phase(round_)
    if stage.phase(round_) is Phase.FAILED and rounds.roundState(stage.study, round_).closedAs == 0:
        rapidly(rounds.failRound, stage.study, round_, sender=stage.stranger)


def change_membership(stage: Stage, rng: random.Random) -> None:
    """Now and then a participant asks for new keys or leaves, or a hospital joins."""
    studies, taking_part = stage.suite.studies, stage.suite.studies.ceremonyState(stage.study).participants
    members = [hospital for index, hospital in enumerate(stage.members) if taking_part >> index & 1]
    reached = stage.suite.rounds.currentRound(stage.study)
    chance, someone = rng.random(), rng.choice(members)
    if chance < 0.2:
        rapidly(studies.leaveStudy, stage.study, sender=rng.choice([someone.owner, someone.operator]))
        outside = [hospital for hospital in stage.hospitals if hospital not in stage.members]
        if outside and reached < stage.plan["rounds"] and rng.random() < 0.7:
            stage.enrol_all(outside[:1])
            stage.members.append(outside[0])
    elif chance < 0.4 and studies.ceremonyOf(stage.study, reached + 1)[0]:
        rapidly(studies.requestCeremony, stage.study, sender=someone.operator)


@pytest.mark.parametrize("seed", range(8))
def test_random_study__ends_and_pays_out_to_the_last_unit(stage: Stage, seed: int) -> None:
    rng, suite = random.Random(seed), stage.suite
    count = rng.choice([4, 5, 6])
    deposited = suite.token.balanceOf(suite.vault)
    terms = {"bond": BOND + seed, "rewardPerRound": 10**9 + rng.randrange(99), "batchRounds": rng.choice([1, 2, 4])}
    stage.publish(maximum=count, rounds=4, attempts=3, **terms)
    stage.members = stage.hospitals[:count]
    stage.enrol_all(stage.members)
    play_ceremony(stage, rng)
    check_money(stage, deposited)
    played = 0
    while stage.state() is State.RUNNING:
        played += 1
        assert suite.rounds.currentRound(stage.study) == played
        change_membership(stage, rng)
        play_round(stage, rng, played)
        assert stage.phase(played) in (Phase.FINALISED, Phase.FAILED)
        check_money(stage, deposited)
        play_ceremony(stage, rng)
        check_money(stage, deposited)
    assert stage.state() in (State.COMPLETED, State.CANCELLED)

    nothing_is_left(stage)
