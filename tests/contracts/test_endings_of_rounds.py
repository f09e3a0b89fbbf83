# SPDX-License-Identifier: Apache-2.0
"""How rounds end: silence, lies, withheld files and keys in trouble; and who pays what to whom for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ape
import pytest

from node.types import CeremonyStep, Charge, Phase, StudyState
from tests.support.consents import consent
from tests.support.settlement import (
    Books,
    each,
    equally,
    everybody_is_whole,
    of_a_model,
    open_books,
    together,
)
from tests.support.stage import PAD_SHARE, Hospital, Stage, ceremony_keys, update_of
from tests.support.suite import ABSENCE_FINE, BOND, DIGEST, NO_PROOF, pass_until, send

SLICE = BOND // 4


@pytest.fixture
def books(running: Stage) -> Books:
    """What everybody owned when round 1 began."""
    return open_books(running)


def models(hospitals: list[Hospital], count: int = 1) -> dict[int, int]:
    """What finalised rounds earn those who were included in each."""
    return together(*[of_a_model(hospitals)] * count)


def give_up(stage: Stage, round_: int) -> None:
    """A round whose sum nobody can open any more, until the study ends."""
    if stage.phase(round_) is Phase.SUBMIT:
        stage.reach_open(round_)
    pass_until(stage.record(round_).includedAt + stage.plan["patience"])
    stage.fail_round(round_)
    assert stage.state() is StudyState.CANCELLED


def test_last_poster_of_a_phase__runs_out_of_gas__sends_it_again(stage: Stage) -> None:
    members = stage.run(4, rounds=2, batchRounds=1)
    books, suite, last = open_books(stage), stage.suite, members[-1]

    def starve(operator: Any, method: Any, *arguments: Any) -> None:
        """Three quarters of the gas it takes are not enough and change nothing; sent again, it counts."""
        snapshot = ape.chain.snapshot()
        needed = send(method, *arguments, sender=operator).gas_used
        ape.chain.restore(snapshot)
        assert not send(method, *arguments, sender=operator, gas=needed * 3 // 4).ok
        assert send(method, *arguments, sender=operator).ok

    stage.submit_all(members[:3])
    update = update_of(last, 1)
    starve(last.operator, suite.rounds.submitUpdate, stage.study, 1, *dataclasses.astuple(update), NO_PROOF)
    stage.updates[stage.study, 1, 3] = update
    assert stage.phase() is Phase.ATTEST
    stage.attest_all(0b1111, members[:3])
    starve(last.operator, suite.rounds.attest, stage.study, 1, 0b1111)
    assert stage.phase() is Phase.INCLUDE
    entries = [dataclasses.astuple(one) for one in stage.included(0b1111)]
    starve(stage.stranger, suite.rounds.includeUpdates, stage.study, 1, entries)
    opener = stage.quorum()[-1]
    stage.share_all(but=[opener])
    signature = stage.sign(stage.operators[opener], DIGEST)
    starve(stage.operators[opener], suite.openings.postShare, stage.study, 1, DIGEST, 500, signature)
    stage.reach_pads()
    starve(last.operator, suite.openings.postPadShare, stage.study, 1, PAD_SHARE)
    starve(stage.stranger, suite.rounds.finalise, stage.study, 1, *stage.sum(), 1001, NO_PROOF)
    stage.hold_step(members[:3], CeremonyStep.KEY, ceremony=2)
    starve(last.operator, suite.ceremony.postKeys, stage.study, 2, *ceremony_keys(last).values())
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD):
        stage.hold_step(members, step, ceremony=2)
    stage.hold_step(members[:3], CeremonyStep.ACKNOWLEDGE, ceremony=2)
    starve(last.operator, suite.ceremony.acknowledge, stage.study, 2, DIGEST, 0)
    assert stage.state() is StudyState.RUNNING
    stage.finish(2)
    everybody_is_whole(books, rewards=models(members, 2))


def test_missing__sit_out_the_next_ceremony__and_are_back_in_the_one_after(stage: Stage) -> None:
    """Removed: that those missing sit out; a batch would hang on them again, and all pay for the next ceremony."""
    stage.publish(maximum=5, rounds=3, unopenedRounds=3, patience=2_100)
    stage.enrol_all(stage.hospitals[:5])
    stage.members, books = stage.hospitals[:3], open_books(stage)
    stage.hold_step(stage.members, CeremonyStep.KEY)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(stage.members, step)
    stage.submit_all(stage.members[:2])
    stage.end_phase()
    stage.fail_round()
    # The two that were silent in the first ceremony come back to the second, and are enough without the third.
    assert stage.ceremony().due == 0b11011
    missing, stage.members = stage.members[2], [*stage.hospitals[:2], *stage.hospitals[3:5]]
    stage.hold_ceremony(stage.members, ceremony=2)
    stage.suite.ceremony.requestCeremony(stage.study, sender=stage.members[0].operator)
    stage.finish(2)
    assert stage.ceremony().due == 0b11111
    stage.hold_ceremony(stage.hospitals[:5], ceremony=3)
    back, stage.members = stage.members, stage.hospitals[:5]
    stage.finish(3)
    fined = each(ABSENCE_FINE, [missing, *stage.hospitals[3:5]])
    everybody_is_whole(books, rewards=together(models(back), models(stage.members)), fined=fined)


def test_fewer_than_the_minimum_submit__fails_and_fines_the_missing(running: Stage, books: Books) -> None:
    running.submit_all(running.members[:2])
    running.end_phase()
    running.fail_round()
    running.hold_ceremony(running.members, ceremony=2)
    running.finish(2)
    running.finish(3)
    assert running.state() is StudyState.COMPLETED
    everybody_is_whole(books, rewards=models(running.members, 2), fined=each(ABSENCE_FINE, running.members[2:]))


def test_rounds_fail_in_a_row__f_of_them__cancel_the_study(running: Stage, books: Books) -> None:
    """The next one starts from the same weights, with new keys; F in a row are the end."""
    for round_ in (1, 2):
        assert running.record(round_).rootBefore == 42
        running.end_phase(round_)
        running.fail_round(round_)
        if round_ == 1:
            running.hold_ceremony(running.members, ceremony=2)
    assert running.state() is StudyState.CANCELLED
    assert (running.suite.rounds.currentRound(running.study), running.phase(3)) == (2, Phase.NONE)
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, round=3, phase=Phase.NONE, needed=Phase.SUBMIT):
        running.submit(running.members[0], round_=3)
    # Each batch has its own cap, and each failure its fine.
    everybody_is_whole(books, fined=each(2 * ABSENCE_FINE, running.members))


def test_rounds_fail__but_not_in_a_row__do_not_end_the_study(stage: Stage) -> None:
    stage.run(4, rounds=4)
    for round_, ceremony in ((1, 2), (3, 3)):
        stage.end_phase(round_)
        stage.fail_round(round_)
        stage.hold_ceremony(stage.members, ceremony)
        stage.finish(round_ + 1)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.rounds.finalisedRounds(stage.study) == 2


def test_fewer_than_the_minimum_are_held__fines_whom_2t_less_1_could_not_get_hold_of(
    running: Stage, books: Books
) -> None:
    running.submit_all()
    running.attest_all(0b0011)
    running.include()
    assert running.phase() is Phase.FAILED
    running.hold_ceremony(running.members, ceremony=2)
    give_up(running, 2)
    everybody_is_whole(books, fined=each(ABSENCE_FINE, running.members[2:]))


def test_payload_served_to_some_only__is_left_out_and_pays_a_fine(running: Stage, books: Books) -> None:
    selfish, others = running.members[3], running.members[:3]
    running.submit_all()
    running.attest_all(0b0111, others)
    running.attest_all(0b1111, [selfish])
    running.include()
    running.share_all()
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(others), fined=each(ABSENCE_FINE, [selfish]))


def test_false_payload__costs_a_slice_that_the_others_share(running: Stage, books: Books) -> None:
    liar, others = running.members[3], running.members[:3]
    running.submit_all()
    for accuser in others:
        running.accuse(accuser, 0b1000, Charge.PAYLOAD)
    running.attest_all(0b0111)
    running.include()
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(others), slashed=each(SLICE, [liar]), shared=equally(SLICE, others))


def test_only_t_attest__they_open_it_and_all_who_submitted_are_paid(running: Stage, books: Books) -> None:
    running.submit_all()
    running.attest_all(0b1111, running.members[:2])
    running.end_phase()
    running.include()
    running.share_all()
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(running.members))


def test_garbage_by_ckks__costs_one_window_and_nobody_anything(running: Stage, books: Books) -> None:
    """What names nobody is paid by nobody: pads follow, and the round is finalised.

    Removed: that a round opens by pads where CKKS did not.
    """
    for round_ in (1, 2, 3):
        running.reach_open(round_)
        running.share_all(round_, digest=b"\x66" * 32)
        running.reach_pads(round_)
        running.pad_share_all(running.members[:2], round_)
        running.finalise(1000 + round_, round_)
    assert running.suite.rounds.failedCkksOpenings(running.study) == 2
    everybody_is_whole(books, rewards=models(running.members, 3))


def test_silent_in_ckks__costs_one_window_and_nobody_anything(running: Stage, books: Books) -> None:
    running.reach_open()
    running.reach_pads()
    running.pad_share_all(running.members[2:])
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(running.members))


def test_false_pad_share__costs_a_slice_and_the_round_nothing(running: Stage, books: Books) -> None:
    liar, others = running.members[1], [running.members[0], *running.members[2:]]
    running.reach_open()
    running.reach_pads()
    running.pad_share(liar, share=b"\x66" * 64)
    for accuser in others:
        running.accuse(accuser, 0b0010, Charge.PAD_SHARE)
    running.pad_share_all(others[:2])
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(
        books, rewards=models(running.members), slashed=each(SLICE, [liar]), shared=equally(SLICE, others)
    )


def test_fewer_than_t_come_within_patience__that_rounds_pay_is_lost_and_no_bond(running: Stage, books: Books) -> None:
    running.finish(1)
    running.reach_open(2)
    running.reach_pads(2)
    running.pad_share(running.members[0], 2)
    running.reach_suspension(2)
    running.record_absence(2)
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(running.members), fined=each(ABSENCE_FINE, running.members[1:]))


def test_model_that_returns__pays_its_round_and_ends_the_study(running: Stage, books: Books) -> None:
    running.finish(1)
    running.reach_open(2)
    running.finalise(42, 2)
    assert running.state() is StudyState.COMPLETED
    everybody_is_whole(books, rewards=models(running.members, 2))


def test_operator_is_rotated_in_mid_round__the_new_key_goes_on_and_the_old_is_done(
    running: Stage, books: Books, accounts: Any
) -> None:
    suite, hospital, fresh = running.suite, running.members[1], accounts[22]
    running.submit_all()
    signed = consent(suite.registry, hospital.owner, fresh)
    suite.registry.rotateOperator(hospital.id, fresh, signed, sender=hospital.owner)
    running.attest(hospital, 0b1111)
    suite.studies.adoptOperator(running.study, hospital.id, sender=hospital.owner)
    running.attest_all(0b1111, [one for one in running.members if one is not hospital])
    running.include()
    running.reach_pads()
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled, operator=hospital.operator.address):
        running.pad_share(hospital)
    changed = running.with_operator(hospital, fresh)
    changed.pad_share_all()
    changed.finalise(1001)
    changed.finish(2)
    changed.finish(3)
    everybody_is_whole(books, rewards=models(running.members, 3))


@pytest.mark.parametrize("in_time", [True, False])
def test_reorganisation_removes_a_submission_after_release__the_same_bytes_count_or_it_sits_out(
    running: Stage, books: Books, in_time: bool
) -> None:
    rounds, hospital = running.suite.rounds, running.members[3]
    running.submit_all(running.members[:3])
    before = ape.chain.snapshot()
    running.submit(hospital)
    recorded = rounds.submission(running.study, 1, hospital.id)
    assert running.phase() is Phase.ATTEST
    # Another branch wins, on which the transaction never was; the ciphertext is out there all the same.
    ape.chain.restore(before)
    ape.chain.mine(2)
    assert rounds.submission(running.study, 1, hospital.id) == bytes(32)
    assert running.phase() is Phase.SUBMIT
    if in_time:
        running.submit(hospital)
        assert rounds.submission(running.study, 1, hospital.id) == recorded
    else:
        running.end_phase()
    running.attest_all(0b1111 if in_time else 0b0111)
    running.include()
    running.share_all()
    running.finalise()
    give_up(running, 2)
    everybody_is_whole(books, rewards=models(running.members if in_time else running.members[:3]))


@pytest.mark.parametrize("leave", [True, False])
def test_leaving_while_a_round_is_suspended__takes_effect_when_it_is_over(
    running: Stage, books: Books, leave: bool
) -> None:
    """Removed: that a suspended round goes on as its batch does, whoever leaves."""
    suite, leaver = running.suite, running.members[3]
    running.reach_open()
    running.reach_suspension()
    act: Callable[..., Any] = suite.studies.leaveStudy if leave else suite.ceremony.requestCeremony
    arguments = [running.study, leaver.id] if leave else [running.study]
    act(*arguments, sender=leaver.owner)
    assert (running.state(), running.phase()) == (StudyState.RUNNING, Phase.SUSPENDED)
    running.pad_share_all(running.members[2:])
    running.finalise(1001)
    assert running.state() is StudyState.CEREMONY
    rest = running.members[:3] if leave else running.members
    running.hold_ceremony(rest, ceremony=2)
    running.members, everyone = rest, running.members
    running.finish(2)
    running.finish(3)
    everybody_is_whole(books, rewards=together(models(everyone), models(rest, 2)))
