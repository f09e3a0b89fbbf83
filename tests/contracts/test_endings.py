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
from tests.support.suite import ABSENCE_FINE, BOND, REWARD

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


def end_ceremonies(stage: Stage) -> None:
    """Nobody comes any more: ceremonies are moved on until as many failed as end a study."""
    while stage.state() is StudyState.CEREMONY:
        stage.move_on()


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


def test_nobody_posts_a_key__each_pays_for_its_absence_and_no_more(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    end_ceremonies(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books, fined=each(2 * ABSENCE_FINE, members))


def test_one_posts_no_key__the_others_go_on_and_it_pays_a_fine(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_step(members[1:], CeremonyStep.KEY)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(members[1:], step)
    stage.members = members[1:]
    complete(stage)
    everybody_is_whole(books, rewards=three_models(members[1:]), fined=each(ABSENCE_FINE, members[:1]))


def test_one_does_not_acknowledge__loses_its_place_and_pays_a_fine(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.HOLD)
    stage.hold_step(members[1:], CeremonyStep.ACKNOWLEDGE)
    stage.move_on()
    stage.members = members[1:]
    complete(stage)
    everybody_is_whole(books, rewards=three_models(members[1:]), fined=each(ABSENCE_FINE, members[:1]))


def test_one_deals_falsely__pays_a_slice_to_the_others_who_go_on(
    stage: Stage, members: list[Hospital], books: Books
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.DEAL)
    stage.hold_step(members, CeremonyStep.HOLD, satisfied=False)
    stage.hold_step(members, CeremonyStep.COMPLAIN)
    stage.hold_step(members, CeremonyStep.ACKNOWLEDGE, guilty=0b0001)
    stage.members = members[1:]
    complete(stage)
    everybody_is_whole(
        books,
        rewards=three_models(members[1:]),
        slashed=each(SLICE, members[:1]),
        shared=equally(SLICE, members[1:]),
    )


def test_two_transcripts__cost_nobody_anything(stage: Stage, members: list[Hospital], books: Books) -> None:
    """There are two chains then; neither half of the hospitals did wrong."""
    for ceremony in (1, 2):
        stage.hold_ceremony(members, ceremony, until=CeremonyStep.HOLD)
        stage.hold_step(members[:2], CeremonyStep.ACKNOWLEDGE, ceremony)
        stage.hold_step(members[2:], CeremonyStep.ACKNOWLEDGE, ceremony, digest=OTHER)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books)


def test_nobody_comes_between_batches__what_was_earned_is_paid(stage: Stage) -> None:
    members = stage.run(4, batchRounds=1)
    books = open_books(stage)
    stage.finish(1)
    assert stage.state() is StudyState.CEREMONY
    end_ceremonies(stage)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=of_a_model(members), fined=each(2 * ABSENCE_FINE, members))


def test_left_while_enrolment_was_open__has_its_bond_at_once_and_another_takes_the_place(stage: Stage) -> None:
    stage.publish(maximum=4)
    books = open_books(stage)
    first, *others = stage.hospitals[:5]
    stage.enrol_all([first, *others[:2]])
    stage.suite.studies.leaveStudy(stage.study, first.id, sender=first.owner)
    assert stage.suite.vault.available(first.id) == 3 * BOND
    stage.enrol_all(others[2:])
    assert stage.state() is StudyState.CEREMONY
    stage.members = others
    stage.hold_ceremony(others)
    complete(stage)
    everybody_is_whole(books, rewards=three_models(others))


def test_set_can_no_longer_meet__after_patience_everybody_has_its_bond(stage: Stage) -> None:
    """Only the round's pay is lost, and each absence costs its fine: a sum that never opens strands nothing."""
    members = stage.run(4)
    books = open_books(stage)
    stage.finish(1)
    stage.reach_open(2)
    stage.reach_suspension(2)
    stage.record_absence(2)
    stage.end_phase(2)
    stage.fail_round(2)
    assert stage.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=of_a_model(members), fined=each(ABSENCE_FINE, members))


def test_suspended_round__finalised_late__pays_as_any_other(stage: Stage) -> None:
    members = stage.run(4)
    books = open_books(stage)
    stage.reach_open()
    stage.reach_suspension()
    stage.record_absence()
    stage.pad_share_all()
    stage.finalise()
    for round_ in (2, 3):
        stage.finish(round_)
    everybody_is_whole(books, rewards=three_models(members), fined=each(ABSENCE_FINE, members))


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
    everybody_is_whole(books, fined=each(ABSENCE_FINE, stage.members))


def test_sponsor_disappears__hospitals_are_paid_and_the_rest_waits_in_its_wallet(running: Stage) -> None:
    books = open_books(running)
    ruin(running.sponsor)
    running.finish(1)
    running.fail_rounds(2)
    end_ceremonies(running)
    assert running.state() is StudyState.CANCELLED
    # Twice in ceremonies for the batch after the round's.
    everybody_is_whole(books, rewards=of_a_model(running.members), fined=each(3 * ABSENCE_FINE, running.members))


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
