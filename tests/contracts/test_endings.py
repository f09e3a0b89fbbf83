# SPDX-License-Identifier: Apache-2.0
"""How studies end: whoever stays away, everybody who was honest has back what is theirs, to the last unit."""

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
    open_books,
    together,
)
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, DIGEST, REWARD, pass_until

SLICE = BOND // 4
OTHER = b"\x77" * 32


@pytest.fixture
def members(stage: Stage) -> list[Hospital]:
    """Four hospitals, t = 2, minimum 3, in the first step of the ceremony."""
    stage.publish(maximum=4)
    stage.members = stage.hospitals[:4]
    stage.enrol_all(stage.members)
    return stage.members


@pytest.fixture
def books(stage: Stage, members: list[Hospital]) -> Books:
    """What everybody owned when the ceremony began."""
    return open_books(stage)


def fail_ceremony(stage: Stage) -> None:
    pass_until(stage.suite.studies.ceremonyState(stage.study).deadline)
    stage.suite.studies.failCeremony(stage.study, sender=stage.stranger)


def complete(stage: Stage) -> None:
    """Play all rounds well."""
    for round_ in range(1, stage.plan["rounds"] + 1):
        stage.finish(round_)
    assert stage.state() is StudyState.COMPLETED


def three_models(hospitals: list[Hospital]) -> dict[int, int]:
    return together(*[of_a_model(hospitals)] * 3)


def ruin(*wallets: Any) -> None:
    """Leave wallets without a wei: they never send a transaction again."""
    for wallet in wallets:
        ape.chain.provider.make_request("anvil_setBalance", [str(wallet), "0x0"])


def test_sponsor_never_pays_in_full__the_deadline_cancels_and_gives_back(stage: Stage) -> None:
    stage.publish(funded=False)
    stage.fund(REWARD)
    books = open_books(stage)
    ruin(stage.sponsor)
    assert stage.state() is StudyState.PUBLISHED
    stage.end_enrolment()
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_too_few_enrol__the_deadline_cancels_and_gives_back(stage: Stage) -> None:
    stage.publish()
    books = open_books(stage)
    stage.enrol_all(stage.hospitals[:2])
    assert stage.state() is StudyState.ENROLLING
    stage.end_enrolment()
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_ceremony_stalls__cancels_and_gives_back(stage: Stage, members: list[Hospital], books: Books) -> None:
    stage.post(members[0], CeremonyStep.KEY)
    assert stage.state() is StudyState.CEREMONY
    fail_ceremony(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_dealings_missing__those_who_dealt_share_the_slices(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.KEY)
    stage.hold_step(members[:2], CeremonyStep.DEALING)
    fail_ceremony(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books, slashed=each(SLICE, members[2:]), shared=equally(2 * SLICE, members[:2]))


def test_nobody_deals__nobody_gains(stage: Stage, members: list[Hospital], books: Books) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.KEY)
    fail_ceremony(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_one_does_not_acknowledge__the_others_go_on_and_it_keeps_its_bond(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    stage.hold_step(members[1:], CeremonyStep.ACKNOWLEDGEMENT)
    fail_ceremony(stage)
    stage.suite.studies.releaseBond(stage.study, members[0].id, sender=stage.stranger)
    stage.hold_ceremony(members[1:], ceremony=2)
    stage.members = members[1:]
    complete(stage)
    everybody_is_whole(books, rewards=three_models(members[1:]))


def test_no_transcript_is_acknowledged_by_most__cancels_and_gives_back(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    for hospital, digest in zip(members, (DIGEST, OTHER, DIGEST, OTHER), strict=True):
        stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT, digest)
    fail_ceremony(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_ceremony_stalls_between_batches__what_was_earned_is_paid(stage: Stage) -> None:
    members = stage.run(4, batchRounds=1)
    books = open_books(stage)
    stage.finish(1)
    assert stage.state() is StudyState.CEREMONY
    fail_ceremony(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=of_a_model(members))


def test_budget_is_spent__completes_early_and_refunds_the_other_rounds(stage: Stage) -> None:
    members = stage.run(4, privacyBudget=25, privacyCost=10)
    books, rounds = open_books(stage), stage.suite.rounds
    stage.finish(1)
    assert stage.state() is StudyState.RUNNING
    stage.finish(2)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.studies.study(stage.study).rounds == 2
    with ape.reverts(rounds.RoundManagerPrivacyBudgetSpent, studyId=stage.study, round=3):
        stage.submit(members[0], 3)
    # A round that was never planned is no matter of the budget.
    with ape.reverts(rounds.RoundManagerWrongPhase, round=4, phase=Phase.NONE):
        stage.submit(members[0], 4)
    everybody_is_whole(books, rewards=together(*[of_a_model(members)] * 2))


def test_failed_rounds__spend_budget_too(stage: Stage) -> None:
    stage.run(4, privacyBudget=10, privacyCost=10)
    books = open_books(stage)
    stage.fail_rounds(1)
    assert stage.state() is StudyState.COMPLETED
    everybody_is_whole(books)


def test_sponsor_disappears__hospitals_are_paid_and_the_rest_waits_in_its_wallet(running: Stage) -> None:
    books = open_books(running)
    ruin(running.sponsor)
    running.finish(1)
    running.fail_rounds(2, 3)
    assert running.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=of_a_model(running.members))


def test_council_disappears__a_study_runs_to_its_end_and_pays(running: Stage) -> None:
    books = open_books(running)
    ruin(running.suite.council)
    complete(running)
    everybody_is_whole(books, rewards=three_models(running.members))


def test_verifiers_are_delisted__a_study_that_named_them_goes_on_and_pays(running: Stage) -> None:
    books, suite = open_books(running), running.suite
    for circuit in (running.training, running.aggregation):
        suite.catalogue.delistCircuit(circuit, sender=suite.council)
    complete(running)
    everybody_is_whole(books, rewards=three_models(running.members))


def test_suspended_in_mid_study__takes_part_to_the_end_and_is_paid(running: Stage) -> None:
    books, suite, suspended = open_books(running), running.suite, running.members[1]
    running.submit_all([suspended])
    suite.registry.suspend(suspended.id, sender=suite.council)
    running.submit_all([one for one in running.members if one is not suspended])
    running.attest_all()
    running.include()
    running.share_all()
    running.finalise()
    running.finish(2)
    running.finish(3)
    assert running.state() is StudyState.COMPLETED
    everybody_is_whole(books, rewards=three_models(running.members))


def test_intake_is_paused__payments_are_not(running: Stage) -> None:
    books, suite = open_books(running), running.suite
    suite.studies.setPaused(True, sender=suite.council)
    complete(running)
    everybody_is_whole(books, rewards=three_models(running.members))
