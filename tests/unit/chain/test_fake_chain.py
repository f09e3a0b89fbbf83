# SPDX-License-Identifier: Apache-2.0
"""The chain that tests of steps pretend has the contracts' rules: a study is played on it, and liars are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.errors import ContractReverted
from node.group.pedersen import generator
from node.plan import Participation
from node.proofs.published import published_terms
from node.types import CeremonyStep, Charge, Opening, Phase, Proof, Study, StudyState
from tests.support.fake_chain import ADDRESS, STUDY, FakeChain
from tests.support.fake_ledger import FakeLedger
from tests.support.plans import pads_alone, small_plan

NUMBERS = (3, 5, 7, 9)
PROOF = Proof((0, 0), ((0, 0), (0, 0)), (0, 0))


def chain_of(*, pads: bool = False, rounds: int = 3) -> tuple[FakeChain, list[FakeLedger]]:
    plan = replace(small_plan(), participation=Participation(3, 5, rounds, rounds))
    plan = pads_alone(plan) if pads else plan
    study = Study(STUDY, ADDRESS, 0, 0, len(NUMBERS), 0, False, rounds, published_terms(plan, 1, 2))
    chain = FakeChain(plan, study, NUMBERS, (8, 6, 5, 7), (1, 2, 3, 4), {})
    return chain, [FakeLedger(chain, number) for number in NUMBERS]


def post_keys(chain: FakeChain, ledgers: list[FakeLedger]) -> None:
    number = chain.books.ceremony.number
    for place, ledger in enumerate(ledgers):
        ledger.post_keys(STUDY, number, place + 1, 2, bytes([place + 1]) * 32, bytes(32))


def deal(chain: FakeChain, ledgers: list[FakeLedger]) -> None:
    state = chain.books.ceremony
    for ledger in ledgers:
        ledger.post_dealing(STUDY, state.number, state.keys_hash, bytes([7]) * 32, 100)


def hold(chain: FakeChain, ledgers: list[FakeLedger], satisfied: bool = True) -> None:
    state = chain.books.ceremony
    for ledger in ledgers:
        ledger.post_holding(STUDY, state.number, state.dealt, satisfied)


def acknowledge(chain: FakeChain, ledgers: list[FakeLedger], digest: bytes = bytes(32), guilty: int = 0) -> None:
    for ledger in ledgers:
        ledger.acknowledge(STUDY, chain.books.ceremony.number, digest, guilty)


def running(**options: Any) -> tuple[FakeChain, list[FakeLedger]]:
    chain, ledgers = chain_of(**options)
    chain.start_batch(0b1111)
    return chain, ledgers


def include(chain: FakeChain, ledgers: list[FakeLedger]) -> tuple[int, int]:
    number = chain.books.round_number
    for place, ledger in enumerate(ledgers):
        point = generator(place)
        ledger.submit_update(STUDY, number, bytes([place + 1]) * 32, 10, point.x, point.y, PROOF)
    if chain.phase(STUDY, number).phase is Phase.SUBMIT:
        chain.wait(60)
    for ledger in ledgers:
        ledger.attest(STUDY, number, chain.books.rounds[number].submitted_bitmap)
    if chain.phase(STUDY, number).phase is Phase.ATTEST:
        chain.wait(60)
    known = chain.submissions(STUDY, number, NUMBERS)
    ledgers[0].include_updates(STUDY, number, [known[one] for one in NUMBERS if one in known])
    return chain.books.totals[number]


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ContractReverted) as caught:
        call()
    return caught.value.name


def test_ceremony__everybody_acts__is_over_without_waiting_and_without_complaints() -> None:
    chain, ledgers = chain_of()
    chain.ceremonies().begin()
    post_keys(chain, ledgers)
    assert chain.books.ceremony.step is CeremonyStep.DEAL
    deal(chain, ledgers)
    hold(chain, ledgers)
    assert chain.books.ceremony.step is CeremonyStep.ACKNOWLEDGE
    acknowledge(chain, ledgers)
    assert chain.books.state is StudyState.RUNNING and chain.batch_of(STUDY, 1).participants == 0b1111
    assert len(chain.posted_keys(STUDY, 1, chain.books.ceremony.keys_hash)) == 4 and not chain.books.fined


def test_ceremony__silent_hospital__is_left_out_and_fined_and_asked_again() -> None:
    chain, ledgers = chain_of()
    chain.ceremonies().begin()
    post_keys(chain, ledgers)
    deal(chain, ledgers[:3])
    assert refusal(lambda: ledgers[0].move_on(STUDY, 1, CeremonyStep.DEAL)) == "KeyCeremonyStepOpen"
    chain.wait(60)
    ledgers[0].move_on(STUDY, 1, CeremonyStep.DEAL)
    hold(chain, ledgers[:3])
    acknowledge(chain, ledgers[:3])
    batch = chain.batch_of(STUDY, 1)
    assert (batch.participants, batch.dealt, chain.books.fined) == (0b0111, 0b1111, [("ceremony 1", 0b1000)])
    assert not chain.is_out(STUDY, 3)
    chain.books.round_number = 1
    assert chain.ceremonies().begin().due == 0b1111


def test_ceremony__guilty_dealer__is_excluded_for_good() -> None:
    chain, ledgers = chain_of()
    chain.ceremonies().begin()
    post_keys(chain, ledgers)
    deal(chain, ledgers)
    hold(chain, ledgers, satisfied=False)
    ledgers[0].complain(STUDY, 1, 3, 1, (1, 2), 3, 4)
    assert refusal(lambda: ledgers[0].complain(STUDY, 1, 3, 2, (1, 2), 3, 4)) == "KeyCeremonyAlreadyComplained"
    for ledger in ledgers:
        ledger.be_satisfied(STUDY, 1)
    acknowledge(chain, ledgers, guilty=0b1000)
    assert chain.books.ceremony.participants == 0b0111 and chain.excluded(STUDY) == 0b1000


def test_ceremony__two_transcripts_of_t_each__starts_anew_and_fines_nobody() -> None:
    chain, ledgers = chain_of()
    chain.ceremonies().begin()
    post_keys(chain, ledgers)
    deal(chain, ledgers)
    hold(chain, ledgers)
    acknowledge(chain, ledgers[:2], bytes([1]) * 32)
    acknowledge(chain, ledgers[2:], bytes([2]) * 32)
    assert (chain.books.ceremony.number, chain.books.ceremony.step) == (2, CeremonyStep.KEY)
    assert not chain.books.fined and chain.books.state is StudyState.CEREMONY


def test_dealing__made_for_other_keys__is_refused() -> None:
    chain, ledgers = chain_of()
    chain.ceremonies().begin()
    post_keys(chain, ledgers)
    assert refusal(lambda: ledgers[0].post_dealing(STUDY, 1, bytes(32), bytes(32), 1)) == "KeyCeremonyOtherKeys"


def test_round__opened_by_ckks__counts_no_failure_and_recovers_until_the_next_submission_ends() -> None:
    chain, ledgers = running()
    total = include(chain, ledgers)
    assert chain.phase(STUDY, 1).phase is Phase.OPEN and len(chain.quorum(STUDY, 1)) == 2
    assert refusal(lambda: ledgers[0].post_pad_share(STUDY, 1, b"s")) == "OpeningsWrongPhase"
    ledgers[0].finalise(STUDY, 1, total, 77, PROOF)
    assert chain.books.failed_ckks == 0 and chain.current_round(STUDY) == 2
    ledgers[0].post_pad_share(STUDY, 1, b"s")
    chain.wait(60)
    assert refusal(lambda: ledgers[1].post_pad_share(STUDY, 1, b"s")) == "OpeningsWrongPhase"


def test_round__not_opened_in_its_windows__is_suspended_and_still_finalised() -> None:
    chain, ledgers = running()
    total = include(chain, ledgers)
    chain.wait(60)
    ledgers[0].post_pad_share(STUDY, 1, b"s")
    chain.wait(60)
    assert chain.phase(STUDY, 1).phase is Phase.SUSPENDED
    ledgers[1].record_absence(STUDY, 1)
    assert chain.absent(STUDY, 1) == 0b1110
    ledgers[1].post_pad_share(STUDY, 1, b"s")
    ledgers[0].finalise(STUDY, 1, total, 77, PROOF)
    assert chain.books.failed_ckks == 1 and chain.phase(STUDY, 1).phase is Phase.FINALISED


def test_round__after_patience__ends_the_study_and_binds_its_root_for_good() -> None:
    chain, ledgers = running()
    include(chain, ledgers)
    chain.wait(chain.plan.phases.patience)
    assert chain.phase(STUDY, 1).phase is Phase.FAILED
    ledgers[0].fail_round(STUDY, 1)
    assert chain.books.state is StudyState.CANCELLED
    assert chain.set_of(STUDY, chain.study_record.plan.initial_root) == 0b1111


def test_round__two_ckks_openings_failed__next_round_opens_by_pads_at_once() -> None:
    chain, ledgers = running()
    for root in (77, 78):
        total = include(chain, ledgers)
        chain.wait(60)
        ledgers[0].finalise(STUDY, chain.books.round_number, total, root, PROOF)
    include(chain, ledgers)
    assert chain.books.rounds[3].opening is Opening.PADS and chain.quorum(STUDY, 3) == ()
    ledgers[0].post_pad_share(STUDY, 3, b"s")


def test_round__too_few_submit__ends_the_batch_and_the_missing_sit_out() -> None:
    chain, ledgers = running(rounds=4)
    for place, ledger in enumerate(ledgers[:2]):
        point = generator(place)
        ledger.submit_update(STUDY, 1, bytes([1]) * 32, 10, point.x, point.y, PROOF)
    chain.wait(60)
    ledgers[0].fail_round(STUDY, 1)
    state = chain.books.ceremony
    assert (state.number, state.first_round, state.due) == (2, 2, 0b1111)  # too few without the two that were missing
    assert chain.books.fined == [("round 1", 0b1100)]


def test_round__model_returns_to_one_with_a_set__ends_the_study() -> None:
    chain, ledgers = running()
    total = include(chain, ledgers)
    ledgers[0].finalise(STUDY, 1, total, chain.study_record.plan.initial_root, PROOF)
    assert chain.books.state is StudyState.COMPLETED


def test_court__t_accusers__convict_and_exclude() -> None:
    chain, ledgers = running()
    include(chain, ledgers)
    ledgers[0].accuse(STUDY, 1, Charge.PAYLOAD, 0b1000)
    assert chain.convicted(STUDY, 1, Charge.PAYLOAD) == 0
    ledgers[1].accuse(STUDY, 1, Charge.PAYLOAD, 0b1000)
    assert chain.convicted(STUDY, 1, Charge.PAYLOAD) == chain.excluded(STUDY) == 0b1000
    assert refusal(lambda: ledgers[2].accuse(STUDY, 1, Charge.PAD_SHARE, 0b1000)) == "CourtNothingToAccuse"


def test_hold__later_writes__are_seen_by_final_reads_once_settled() -> None:
    chain, ledgers = running(pads=True)
    chain.hold()
    include(chain, ledgers)
    assert chain.phase(STUDY, 1, at=90).phase is not Phase.OPEN and chain.round_state(STUDY, 1, at=90).included_at == 0
    chain.settle()
    assert chain.phase(STUDY, 1, at=90).phase is Phase.OPEN
