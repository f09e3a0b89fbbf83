# SPDX-License-Identifier: Apache-2.0
"""One set for each starting model, over all of a node's studies: the difference of two sums is somebody's update."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.errors import OpeningRefused
from node.plan import TrainingPlan
from node.state import NodeState
from node.steps.advance import advance
from node.steps.attestation import attest_ciphertexts
from node.steps.blocks import Blocks
from node.steps.head_records import HeadRecords
from node.steps.opening import close_round, post_share
from node.steps.records import stored_records
from node.steps.submission import submit_update
from node.types import Phase, PhaseState
from tests.support.fake_chain import NO_BLOCKS, FakeChain, round_state
from tests.support.plans import private, private_plan, small_plan, tiny_network_plan
from tests.support.steps import CONFIRMED, Party, deal, make_parties

Cast = tuple[FakeChain, list[Party]]

ALL, WITHOUT_THE_SECOND = 0b1111, 0b1101
ANOTHER = "makes no share for the set"
PAID_FOR = "no privacy budget pays for it"


@pytest.fixture
def cast(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cast]:
    """Four hospitals, t = 2, of the small plan or of another that a test names; the last one lies."""
    chain, parties = make_parties(tmp_path, count=4, plan=getattr(request, "param", small_plan)())
    yield chain, parties
    for party in parties:
        party.hospital.state.close()


def fix_set(chain: FakeChain, parties: list[Party], number: int, bitmap: int, openers: list[Party]) -> None:
    """A round's set is fixed, final, and these are named to open it."""
    if number not in chain.rounds:
        chain.rounds[number] = round_state(chain.rounds[1].root_before)
        deal(parties, number)
    now = int(time.time())
    chain.round_number = number
    chain.change_round(number, submit_ended_at=now, attest_ended_at=now, included_at=now, included_bitmap=bitmap)
    chain.phases[number] = PhaseState(Phase.OPEN, now + chain.plan.phases.open)
    chain.shares.clear()
    chain.quorums[0] = tuple(party.number for party in openers)


def fail(chain: FakeChain, parties: list[Party], number: int = 1) -> None:
    """The round fails: the next one starts from the same model. Everybody closes it."""
    chain.change_round(number, closed_as=Phase.FAILED, closed_at=int(time.time()))
    for party in parties:
        close_round(party.context, number)


def post(party: Party, number: int = 1) -> None:
    post_share(party.context, number, CONFIRMED)


def shares(party: Party, number: int) -> list[tuple[Any, ...]]:
    return [sent for sent in party.ledger.named("post_share") if sent[0] == number]


def in_second_study(party: Party, *, plan: TrainingPlan | None = None, records: Any = None) -> Party:
    """The same hospital, with the same memory, in study 2: by default with the same plan and the same records."""
    study, plan = replace(party.context.study, id=2), plan or party.context.plan
    content = (records or party.records).to_bytes()
    enrolment = replace(party.context.enrolment, data_root=stored_records(plan, content).commitment())
    context = replace(party.context, study=study, plan=plan, enrolment=enrolment)
    context.hospital.secrets.put(f"{context.key}/records", content)
    return replace(party, context=context)


def opened_by_liars_choice(cast: Cast) -> Party:
    """Round 1's sum over all is open to the liar alone, who spoiled it; an honest opener that helped."""
    chain, parties = cast
    honest, liar = parties[2], parties[3]
    fix_set(chain, parties, 1, ALL, [honest, liar])
    post(honest)
    fail(chain, parties)
    return honest


# In one study


def test_one_drops_out_after_a_sum_was_opened__no_honest_node_opens_the_rest(cast: Cast) -> None:
    """Who helped before and who only saw it: the liar may choose whom the second quorum names."""
    chain, parties = cast
    opened_by_liars_choice(cast)
    for opener in (parties[0], parties[2]):
        fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [opener, parties[3]])
        with pytest.raises(OpeningRefused, match=PAID_FOR) as refused:
            post(opener, 2)
        assert "[3, 7, 9]" in str(refused.value) and "[3, 5, 7, 9]" in str(refused.value)
        assert shares(opener, 2) == []
        assert opener.hospital.state.opening_set(1, 2) is None


def test_one_joins_after_a_sum_was_opened__is_another_set_too(cast: Cast) -> None:
    chain, parties = cast
    fix_set(chain, parties, 1, WITHOUT_THE_SECOND, parties[2:])
    post(parties[2])
    fail(chain, parties)
    fix_set(chain, parties, 2, ALL, parties[2:])
    with pytest.raises(OpeningRefused, match=ANOTHER):
        post(parties[2], 2)


def test_same_set_again__opens(cast: Cast) -> None:
    chain, parties = cast
    honest = opened_by_liars_choice(cast)
    fix_set(chain, parties, 2, ALL, [honest, parties[3]])
    post(honest, 2)
    assert len(shares(honest, 2)) == 1


def test_another_model__any_set_opens(cast: Cast) -> None:
    chain, parties = cast
    honest = opened_by_liars_choice(cast)
    fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [honest, parties[3]])
    chain.change_round(2, root_before=chain.rounds[1].root_before + 1)
    post(honest, 2)
    assert len(shares(honest, 2)) == 1


@pytest.mark.parametrize("cast", [tiny_network_plan], indirect=True)
def test_network__whose_training_is_seeded_by_the_round__is_held_to_one_set_too(cast: Cast) -> None:
    chain, parties = cast
    honest = opened_by_liars_choice(cast)
    fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [honest, parties[3]])
    with pytest.raises(OpeningRefused, match=ANOTHER):
        post(honest, 2)


@pytest.mark.parametrize("cast", [private_plan, lambda: private(tiny_network_plan(), rounds=3)], indirect=True)
def test_privacy_budget__pays_for_another_set(cast: Cast) -> None:
    chain, parties = cast
    honest = opened_by_liars_choice(cast)
    fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [honest, parties[3]])
    post(honest, 2)
    assert len(shares(honest, 2)) == 1


def test_share__nothing_of_it_leaves_before_its_set_is_on_disk(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, parties = cast
    opener = parties[2]
    fix_set(chain, parties, 1, ALL, [opener, parties[3]])

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(opener.store, "put", crash)
    with pytest.raises(RuntimeError):
        post(opener)
    chain.change_round(1, included_bitmap=WITHOUT_THE_SECOND)
    monkeypatch.undo()
    with pytest.raises(OpeningRefused, match=ANOTHER):
        post(opener)


def test_memory_brought_back_from_before_the_opening__learns_the_set_from_the_chain(cast: Cast) -> None:
    chain, parties = cast
    opener, memory = parties[2], parties[2].store.local.folder.parent / "state.sqlite"
    backup = shutil.copy(memory, memory.with_name("backup.sqlite"))
    fix_set(chain, parties, 1, ALL, [opener, parties[3]])
    post(opener)
    with NodeState(Path(backup)) as older:
        hospital = replace(opener.hospital, state=older)
        restored = replace(opener, context=replace(opener.context, hospital=hospital))
        chain.change_round(1, closed_as=Phase.FAILED)
        close_round(restored.context, 1)
        fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [opener, parties[3]])
        deal([restored], 2)
        with pytest.raises(OpeningRefused, match=ANOTHER):
            post(restored, 2)


def test_block_that_comes_into_use_in_between__does_not_make_it_another_study(cast: Cast) -> None:
    """A hospital opens with others before its own rows are drawn; what it trains on later changes nothing of that."""
    chain, parties = cast
    sampled = parties[2]
    assert isinstance(sampled.records, HeadRecords)
    blocks = Blocks((sampled.records, replace(sampled.records, salt=8)), (71, 72))
    sampled.hospital.secrets.erase("study-1/records")
    sampled.hospital.secrets.put("study-1/records", blocks.to_bytes())
    chain.draws[sampled.number] = replace(NO_BLOCKS, blocks_root=blocks.tree().root)
    fix_set(chain, parties, 1, 0b1011, [sampled, parties[3]])
    post(sampled)
    fail(chain, parties)
    chain.final_used[sampled.number] = (71, sampled.records.rows)
    fix_set(chain, parties, 2, ALL, [sampled, parties[3]])
    with pytest.raises(OpeningRefused, match=ANOTHER):
        post(sampled, 2)


def test_refusal__at_every_look__is_one_line_of_the_log(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    chain, parties = cast
    honest = opened_by_liars_choice(cast)
    fix_set(chain, parties, 2, WITHOUT_THE_SECOND, [honest, parties[3]])
    caplog.clear()
    for _ in range(3):
        assert not advance(honest.context)
    assert [record.levelno for record in caplog.records if ANOTHER in record.getMessage()] == [logging.ERROR]
    assert shares(honest, 2) == []


# Over studies


def test_second_study_with_the_same_model_training_and_records__another_set_is_refused(cast: Cast) -> None:
    chain, parties = cast
    opened_by_liars_choice(cast)
    second = [in_second_study(party) for party in parties]
    deal(second, 1)
    chain.rounds[1] = round_state(chain.rounds[1].root_before)
    fix_set(chain, second, 1, WITHOUT_THE_SECOND, second[2:])
    with pytest.raises(OpeningRefused, match=r"study 1\)"):
        post(second[2])
    assert shares(second[2], 1) == shares(parties[2], 1)


def test_second_study_with_the_same_hospitals_and_roots__the_same_set_opens(cast: Cast) -> None:
    chain, parties = cast
    opened_by_liars_choice(cast)
    second = [in_second_study(party) for party in parties]
    deal(second, 1)
    chain.rounds[1] = round_state(chain.rounds[1].root_before)
    fix_set(chain, second, 1, ALL, second[2:])
    post(second[2])
    assert len(shares(second[2], 1)) == 2


def test_second_study_after_the_first_was_forgotten__is_refused_all_the_same(cast: Cast) -> None:
    chain, parties = cast
    opened_by_liars_choice(cast)
    forgetful = parties[2]
    forgetful.hospital.secrets.erase_all("study-1")
    second = [in_second_study(party) for party in parties]
    deal(second, 1)
    chain.rounds[1] = round_state(chain.rounds[1].root_before)
    fix_set(chain, second, 1, WITHOUT_THE_SECOND, second[2:])
    with pytest.raises(OpeningRefused, match=ANOTHER):
        post(second[2])


def test_second_study_by_a_node_brought_back_from_a_backup_of_after_the_opening__is_refused(cast: Cast) -> None:
    chain, parties = cast
    opened_by_liars_choice(cast)
    memory = parties[2].store.local.folder.parent / "state.sqlite"
    parties[2].hospital.state.close()
    with NodeState(Path(shutil.copy(memory, memory.with_name("backup.sqlite")))) as restored:
        party = in_second_study(parties[2])
        party = replace(party, context=replace(party.context, hospital=replace(party.hospital, state=restored)))
        second = [party if one is parties[2] else in_second_study(one) for one in parties]
        deal(second, 1)
        chain.rounds[1] = round_state(chain.rounds[1].root_before)
        fix_set(chain, second, 1, WITHOUT_THE_SECOND, second[2:])
        with pytest.raises(OpeningRefused, match=ANOTHER):
            post(party)


def in_submission(chain: FakeChain, second: list[Party]) -> None:
    deal(second, 1)
    chain.rounds[1] = round_state(chain.rounds[1].root_before)
    chain.phases[1] = PhaseState(Phase.SUBMIT, int(time.time()) + 60)


def test_second_study_where_no_set_can_be_the_same__is_sat_out_so_that_nobody_is_named_in_vain(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    """With another salt for the same records, as an enrolment of a plain table draws it."""
    chain, parties = cast
    opened_by_liars_choice(cast)
    records = [replace(party.records, salt=party.records.salt + 100) for party in parties]
    chain.roots = tuple(own.commitment() for own in records)
    salted = [in_second_study(party, records=own) for party, own in zip(parties, records, strict=True)]
    in_submission(chain, salted)
    for party in salted:
        before = len(party.ledger.sent)
        for _ in range(2):
            submit_update(party.context, 1, chain.rounds[1])
            attest_ciphertexts(party.context, 1, chain.rounds[1], chain.phases[1])
        assert len(party.ledger.sent) == before
    told = [record for record in caplog.records if "sits the round out" in record.getMessage()]
    assert len(told) == len(salted)


def test_second_study_where_the_set_can_be_the_same__is_taken_part_in(cast: Cast) -> None:
    chain, parties = cast
    opened_by_liars_choice(cast)
    second = [in_second_study(party) for party in parties]
    in_submission(chain, second)
    submit_update(second[0].context, 1, chain.rounds[1])
    attest_ciphertexts(second[0].context, 1, chain.rounds[1], PhaseState(Phase.ATTEST, int(time.time())))
    assert [name for name, *_ in second[0].ledger.sent] == ["submit_update", "attest"]


def other_rate(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, training=replace(plan.training, learning_rate=127))  # type: ignore[call-arg]


def other_circuit(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, training=replace(plan.training, circuit="training_64x4", rows_maximum=64))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("plan", "rows", "refused"),
    [
        (other_rate, None, False),
        (None, 7, False),
        (other_circuit, None, True),
        (lambda plan: replace(plan, title="Another title", question="And another question?"), None, True),
    ],
    ids=["learning rate", "records", "circuit", "title"],
)
def test_second_study_that_differs_in__is_held_to_the_set_if_the_update_is_the_same(
    cast: Cast, plan: Callable[[TrainingPlan], TrainingPlan] | None, rows: int | None, refused: bool
) -> None:
    chain, parties = cast
    first = opened_by_liars_choice(cast)
    records = first.records
    if rows is not None:
        records = replace(records, table=records.table[::-1])
    party = in_second_study(first, plan=plan(first.context.plan) if plan else None, records=records)
    second = [party if one is first else in_second_study(one) for one in parties]
    deal(second, 1)
    chain.rounds[1] = round_state(chain.rounds[1].root_before)
    fix_set(chain, second, 1, WITHOUT_THE_SECOND, [party, second[3]])
    if refused:
        with pytest.raises(OpeningRefused, match=ANOTHER):
            post(party)
    else:
        post(party)
        assert len(shares(party, 1)) == 2


def test_records__a_feature_more_that_is_always_zero__have_the_same_digest(cast: Cast) -> None:
    """As where a second plan names it and the first left it out: what is trained on is the same."""
    records = cast[1][0].records
    short = replace(records, table=tuple(row[:3] for row in records.table))
    assert short.digest() == replace(records, table=tuple((*row[:3], 0) for row in records.table)).digest()
    assert short.digest() != records.digest()
