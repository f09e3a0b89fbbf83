# SPDX-License-Identifier: Apache-2.0
"""How rounds end: silence, withheld files, garbage, keys and tokens in trouble; and who pays what to whom for it."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from node.types import CeremonyStep, Phase, StudyState
from tests.support.settlement import (
    Books,
    each,
    equally,
    everybody_is_whole,
    of_a_model,
    of_work,
    open_books,
    together,
)
from tests.support.stage import Stage, update_of
from tests.support.suite import BOND, DIGEST, NO_PROOF, send

SLICE = BOND // 4
GARBAGE = b"\x66" * 32


@pytest.fixture
def books(running: Stage) -> Books:
    """What everybody owned when round 1 began."""
    return open_books(running)


def test_last_poster_of_a_phase__runs_out_of_gas__sends_it_again(stage: Stage) -> None:
    members = stage.run(4, batchRounds=1)
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
    starve(last.operator, suite.rounds.submitUpdate, stage.study, 1, *update.__dict__.values(), NO_PROOF)
    stage.updates[stage.study, 1, 3] = update
    assert stage.phase() is Phase.ATTEST
    stage.attest_all(0b1111, members[:3])
    starve(last.operator, suite.rounds.attest, stage.study, 1, 0b1111)
    assert stage.phase() is Phase.INCLUDE
    stage.include()
    opener = stage.quorum()[-1]
    stage.share_all(but=[opener])
    signature = stage.sign(stage.operators[opener], 0, DIGEST)
    starve(stage.operators[opener], suite.rounds.postShare, stage.study, 1, 0, DIGEST, 500, signature)
    assert suite.rounds.roundState(stage.study, 1).verified
    stage.finalise()
    stage.hold_ceremony(members, ceremony=2, until=CeremonyStep.TEST_SHARES)
    stage.hold_step(members[:3], CeremonyStep.ACKNOWLEDGEMENT, ceremony=2)
    starve(last.operator, suite.studies.postCeremony, stage.study, 2, int(CeremonyStep.ACKNOWLEDGEMENT), DIGEST, 32)
    assert stage.state() is StudyState.RUNNING
    stage.fail_rounds(2)
    stage.hold_ceremony(members, ceremony=3)
    stage.fail_rounds(3)
    everybody_is_whole(books, rewards=of_a_model(members))


def test_fewer_than_the_minimum_submit__fails_and_costs_nobody(running: Stage, books: Books) -> None:
    running.submit_all(running.members[:2])
    running.end_phase()
    assert running.phase() is Phase.FAILED
    running.fail_round()
    running.fail_rounds(2)
    assert running.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_fewer_than_the_minimum_are_attested__those_held_share_what_the_withheld_lose(
    running: Stage, books: Books
) -> None:
    running.submit_all()
    running.attest_all(0b0011, running.members[:3])
    running.end_phase()
    running.include()
    assert running.phase() is Phase.FAILED
    running.fail_rounds(2)
    assert running.state() is StudyState.CANCELLED
    held, withheld = running.members[:2], running.members[2:]
    everybody_is_whole(books, slashed=each(SLICE, withheld), shared=equally(2 * SLICE, held))


def test_ciphertext_served_to_some_only__is_left_out_and_pays_the_others(running: Stage, books: Books) -> None:
    selfish, others = running.members[3], running.members[:3]
    running.submit_all()
    running.attest_all(0b0111, others)
    running.attest_all(0b1111, [selfish])
    running.include()
    running.share_all()
    running.finalise()
    running.fail_rounds(2, 3)
    everybody_is_whole(books, rewards=of_a_model(others), slashed=each(SLICE, [selfish]), shared=equally(SLICE, others))


def test_almost_all_are_silent_in_attest__fails_and_costs_nobody(running: Stage, books: Books) -> None:
    running.submit_all()
    running.attest_all(0b1111, running.members[:1])
    running.end_phase()
    assert running.phase() is Phase.INCLUDE
    running.include()
    assert running.phase() is Phase.FAILED
    running.fail_rounds(2)
    everybody_is_whole(books)


def test_only_t_attest__they_open_it_and_all_who_submitted_are_paid(running: Stage, books: Books) -> None:
    running.submit_all()
    running.attest_all(0b1111, running.members[:2])
    running.end_phase()
    running.include()
    running.share_all()
    running.finalise()
    running.fail_rounds(2, 3)
    everybody_is_whole(books, rewards=of_a_model(running.members))


def test_no_quorum_is_left__fails_at_once_and_the_silent_pay_the_others(running: Stage, books: Books) -> None:
    running.submit_all()
    running.attest_all(0b1111, running.members[:3])
    running.end_phase()
    running.include()
    silent = [hospital for hospital in running.members if hospital.id in running.quorum()]
    running.end_phase()
    assert running.suite.rounds.currentAttempt(running.study, 1) == 1
    assert running.phase() is Phase.FAILED
    running.fail_round()
    running.fail_rounds(2)
    others = [hospital for hospital in running.members if hospital not in silent]
    everybody_is_whole(books, slashed=each(SLICE, silent), shared=equally(2 * SLICE, others))


def test_all_attempts_are_used__who_was_silent_in_any_pays_the_others(running: Stage, books: Books) -> None:
    running.reach_open()
    silent = []
    for attempt in range(running.plan["attempts"]):
        assert running.phase() is Phase.OPEN
        silent.append(running.quorum(attempt)[0])
        running.share_all(attempt, but=silent)
        running.end_phase()
    assert running.phase() is Phase.FAILED
    running.fail_round()
    running.fail_rounds(2)
    guilty = [hospital for hospital in running.members if hospital.id in silent]
    others = [hospital for hospital in running.members if hospital.id not in silent]
    everybody_is_whole(books, slashed=each(SLICE, guilty), shared=equally(2 * SLICE, others))


def test_garbage_shares_in_every_attempt__the_work_is_paid_and_the_study_goes_on(running: Stage, books: Books) -> None:
    running.reach_open()
    for attempt in range(running.plan["attempts"]):
        running.share_all(attempt, digest=GARBAGE)
        running.end_phase()
    assert running.phase() is Phase.FAILED
    running.fail_round()
    assert running.state() is StudyState.RUNNING
    running.finish(2)
    running.finish(3)
    assert running.state() is StudyState.COMPLETED
    model = of_a_model(running.members)
    everybody_is_whole(books, rewards=together(of_work(running.members), model, model))


def test_sums_that_do_not_open__f_times_in_a_row__end_the_study(running: Stage, books: Books) -> None:
    for round_ in (1, 2):
        assert running.state() is StudyState.RUNNING
        running.reach_open(round_)
        for attempt in range(running.plan["attempts"]):
            running.share_all(attempt, round_, GARBAGE)
            running.end_phase(round_)
        running.fail_round(round_)
    assert running.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=together(*[of_work(running.members)] * 2))


def test_last_poster__never_sends_it_again__the_next_attempt_goes_on_without_it(running: Stage, books: Books) -> None:
    running.reach_open()
    last = running.quorum()[-1]
    running.share_all(but=[last])
    running.end_phase()
    assert last not in running.quorum(1)
    running.share_all(1)
    running.finalise()
    running.fail_rounds(2, 3)
    others = [hospital for hospital in running.members if hospital.id != last]
    everybody_is_whole(books, rewards=of_a_model(running.members), slashed={last: SLICE}, shared=equally(SLICE, others))


def test_operator_is_rotated_in_mid_round__the_new_key_goes_on_and_the_old_is_done(
    running: Stage, books: Books, accounts: Any
) -> None:
    suite, hospital, fresh = running.suite, running.members[1], accounts[22]
    running.submit_all()
    suite.registry.rotateOperator(hospital.id, fresh, sender=hospital.owner)
    running.attest(hospital, 0b1111)
    suite.studies.adoptOperator(running.study, hospital.id, sender=hospital.owner)
    running.attest_all(0b1111, [one for one in running.members if one is not hospital])
    running.include()
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled, operator=hospital.operator.address):
        running.share(hospital.id)
    changed = running.with_operator(hospital, fresh)
    assert hospital.id in changed.quorum()
    changed.share_all()
    changed.finalise()
    changed.finish(2)
    changed.finish(3)
    everybody_is_whole(books, rewards=together(*[of_a_model(running.members)] * 3))


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
    running.fail_rounds(2, 3)
    everybody_is_whole(books, rewards=of_a_model(running.members if in_time else running.members[:3]))
