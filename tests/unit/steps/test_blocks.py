# SPDX-License-Identifier: Apache-2.0
"""A hospital with more rows than the circuit: blocks committed to once, one drawn, and training on that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.chain.blocks import BlockTree
from node.errors import ChainUnavailable, ContractReverted, DataError
from node.learning import reference
from node.proofs.commitments import weights_root
from node.steps.advance import advance
from node.steps.blocks import Blocks
from node.steps.drawn import records_in_use, use_drawn_block
from node.steps.enrolment import enrol
from node.steps.head_records import HeadRecords
from node.steps.records import stored_records
from node.steps.submission import submit_update
from node.steps.trained import Trained
from node.types import Phase, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.image_heads import EXTRACTOR, small_image_head
from tests.support.plans import pads_alone
from tests.support.small_study import records, write_table
from tests.support.steps import (
    Party,
    brief,
    finalised,
    finish_round,
    lost_connection,
    make_parties,
    make_running,
    reach_phase,
)
from tests.support.xrays import write_npz

ROWS = 20


def enrolled(chain: FakeChain, party: Party, data: Path, extractor: Path | None = None) -> Blocks:
    """Enrol the hospital as one that was not in the study yet; its blocks."""
    party.hospital.secrets.erase(f"study-{STUDY}/records")
    everybody, chain.enrolled = chain.enrolled, tuple(n for n in chain.enrolled if n != party.number)
    plan = data.with_name("plan.json")
    plan.write_bytes(chain.plan.canonical())
    enrol(party.hospital, STUDY, data, plan_file=plan, extractor=extractor)
    chain.enrolled = everybody
    return kept(party)


def kept(party: Party) -> Blocks:
    found = stored_records(party.context.plan, party.hospital.secrets.get(f"study-{STUDY}/records"))
    assert isinstance(found, Blocks)
    return found


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_table(tmp_path / "table.csv", records(1, ROWS))
    return tmp_path / "table.csv"


@pytest.fixture
def blocks(chain: FakeChain, hospital: Party, table: Path) -> Blocks:
    """The first hospital has enrolled with three blocks."""
    return enrolled(chain, hospital, table)


def test_enrol__more_rows_than_the_circuit__commits_to_all_blocks_at_once(
    chain: FakeChain, hospital: Party, blocks: Blocks
) -> None:
    ((root, count, *_),) = hospital.ledger.named("enrol_blocks")
    assert hospital.ledger.named("enrol") == []
    assert count == 3 and blocks.count == ROWS and [part.rows for part in blocks.parts] == [7, 7, 6]
    leaves = [(part.commitment(), part.rows) for part in blocks.parts]
    assert root == BlockTree(leaves).root == blocks.tree().root


def test_enrol__sent_before_a_restart__sends_the_same_blocks(
    chain: FakeChain, hospital: Party, table: Path, blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order drawn anew would be none of those that the chain knows."""
    monkeypatch.setattr("node.steps.enrolment.is_sent", lambda *_: True)
    plan = table.with_name("plan.json")
    enrol(hospital.hospital, STUDY, table, plan_file=plan)
    first, again = hospital.ledger.named("enrol_blocks")
    assert first == again and kept(hospital) == blocks


def test_enrol__refused_by_the_contract__keeps_no_blocks(chain: FakeChain, hospital: Party, table: Path) -> None:
    hospital.ledger.failure = ContractReverted("StudyRegistryWrongState", {"studyId": STUDY})
    with pytest.raises(ContractReverted):
        enrolled(chain, hospital, table)
    assert not hospital.hospital.secrets.has(f"study-{STUDY}/records")


def test_use__drawn_and_final__opens_that_block_with_its_path_once(
    chain: FakeChain, hospital: Party, blocks: Blocks
) -> None:
    chain.draw(hospital.number, 2)
    for _ in range(3):
        use_drawn_block(hospital.context)
    assert hospital.ledger.named("keep_draw") == [[hospital.number]], "before the chain forgets the hash"
    ((data_root, rows, path),) = hospital.ledger.named("use_block")
    assert (data_root, rows) == (blocks.roots[2], 6) == (blocks.parts[2].commitment(), blocks.parts[2].rows)
    assert path == blocks.tree().path(2) and len(path) == 2


def test_use__not_drawn_or_not_final__waits(chain: FakeChain, hospital: Party, blocks: Blocks) -> None:
    use_drawn_block(hospital.context)
    use_drawn_block(hospital.context)
    chain.hold()
    chain.draw(hospital.number, 1)
    use_drawn_block(hospital.context)
    assert hospital.ledger.named("use_block") == []


def test_use__connection_lost__is_tried_again_at_the_next_look(
    chain: FakeChain, hospital: Party, blocks: Blocks
) -> None:
    chain.draw(hospital.number, 0)
    use_drawn_block(hospital.context)
    hospital.ledger.failure = lost_connection()
    with pytest.raises(ChainUnavailable):
        use_drawn_block(hospital.context)
    use_drawn_block(hospital.context)
    assert len(hospital.ledger.named("use_block")) == 1


def test_use__while_others_still_enrol__keeps_the_hash_before_the_chain_forgets_it(
    chain: FakeChain, hospital: Party, blocks: Blocks
) -> None:
    """Which block it draws shows with the salts, at the end of the first Key step: that may be long after."""
    chain.books.state = StudyState.ENROLLING
    for _ in range(2):
        assert not advance(hospital.context)
    assert hospital.ledger.named("keep_draw") == [[hospital.number]] and not hospital.ledger.named("use_block")


def test_use__hospital_with_one_commitment__does_nothing(hospital: Party) -> None:
    use_drawn_block(hospital.context)
    assert hospital.ledger.sent == [] and records_in_use(hospital.context) == hospital.records


def test_use__draw_was_missed__has_another_one_made_and_uses_that(
    chain: FakeChain, hospital: Party, blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    chain.lost.add(hospital.number)
    use_drawn_block(hospital.context)
    assert hospital.ledger.named("redraw") == [[]] and "another one is" in caplog.text
    chain.draw(hospital.number, 1)
    use_drawn_block(hospital.context)
    use_drawn_block(hospital.context)
    assert len(hospital.ledger.named("use_block")) == 1


def test_use__draw_was_missed_twice__says_so_once_and_sends_nothing_more(
    chain: FakeChain, hospital: Party, blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        chain.lost.add(hospital.number)
        use_drawn_block(hospital.context)
    assert hospital.ledger.named("redraw") == [[]]
    assert caplog.text.count("for good: it takes no part") == 1


def test_use__draw_was_missed_and_a_salt_is_known__takes_no_part(
    chain: FakeChain, hospital: Party, blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever knows the salts and builds the block could choose what a further draw gives."""
    for _ in range(2):
        chain.lost.add(hospital.number)
        hospital.ledger.failure = ContractReverted("BlockDrawsSaltsKnown", {"studyId": STUDY})
        use_drawn_block(hospital.context)
    assert caplog.text.count("for good: it takes no part") == 1 and hospital.ledger.named("redraw") == []


def test_submit__block_not_in_use__sends_nothing_and_says_why_once(
    chain: FakeChain, hospital: Party, blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor where its use is not final: an update of another block could not be masked a second time."""
    submit_update(hospital.context, 1, chain.books.rounds[1])
    chain.draw(hospital.number, 1)
    use_drawn_block(hospital.context)
    chain.hold()
    use_drawn_block(hospital.context)
    submit_update(hospital.context, 1, chain.books.rounds[1])
    assert hospital.ledger.named("submit_update") == [] and hospital.prover.statements == []
    assert caplog.text.count("no block of this hospital's rows is in use yet") == 1
    chain.settle()
    use_drawn_block(hospital.context)
    submit_update(hospital.context, 1, chain.books.rounds[1])
    assert hospital.prover.statements[0].public_signals()[2:4] == (blocks.roots[1], 7)


def test_submit__every_round__trains_on_the_same_block(chain: FakeChain, hospital: Party, blocks: Blocks) -> None:
    chain.draw(hospital.number, 1)
    for _ in range(2):
        use_drawn_block(hospital.context)
    assert records_in_use(hospital.context) == records_in_use(hospital.context) == blocks.parts[1]


def test_round__with_a_drawn_block__ends_with_the_model_of_the_exact_arithmetic(
    chain: FakeChain, parties: list[Party], table: Path
) -> None:
    """Real proofs of the training circuit, on a block of a hospital with more rows than it takes."""
    proving = [party.proving for party in parties]
    first = proving[0]
    blocks = enrolled(chain, first, table)
    chain.draw(first.number, 1)
    reach_phase(chain, proving, Phase.OPEN)
    tables: list[HeadRecords] = [blocks.parts[1], *(party.records for party in proving[1:])]
    assert chain.books.rounds[1].sum_rows == sum(part.rows for part in tables) == 7 + 6 + 5
    expected = _next_model(tables)
    finish_round(chain, proving)
    assert finalised(proving) == [[1, weights_root(expected)]]
    assert any(expected)


def test_round__of_a_head_on_images__submits_what_is_trained_on_the_drawn_images(tmp_path: Path) -> None:
    chain, parties = make_running(tmp_path, plan=brief(pads_alone(small_image_head())))
    party = parties[0].proving
    images = write_npz(tmp_path / "images.npz", train=100, val=2, test=2)
    file = tmp_path / "extractor"
    file.write_bytes(EXTRACTOR)
    blocks = enrolled(chain, party, images, file)
    named = chain.plan.model.extractor  # type: ignore[union-attr]
    assert party.store.local.released(bytes.fromhex(named.digest), named.size), "others get it from here"
    assert [part.rows for part in blocks.parts] == [50, 50]
    chain.draw(party.number, 1)
    for _ in range(2):
        use_drawn_block(party.context)
    submit_update(party.context, 1, chain.books.rounds[1])
    assert len(party.ledger.named("submit_update")) == 1
    made = Trained.from_bytes(party.hospital.secrets.get(f"{party.context.round_key(1)}/update"))
    plain = _update(blocks.parts[1], (0,) * 31)
    assert list(made.values) == plain and any(plain[:24]) and not any(plain[24:30])


def test_enrol__extractor_of_another_plan__is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    chain, parties = make_parties(tmp_path, plan=small_image_head())
    images = write_npz(tmp_path / "images.npz", train=100, val=2, test=2)
    file = tmp_path / "extractor"
    file.write_bytes(EXTRACTOR[:-1] + b"\x01")
    with pytest.raises(DataError, match="not the extractor that the plan names"):
        enrolled(chain, parties[0], images, file)
    assert parties[0].ledger.sent == []
    assert not parties[0].hospital.secrets.has(f"study-{STUDY}/records")


def test_enrol__extractor_in_the_store_of_another_hospital__is_fetched_and_served_on(tmp_path: Path) -> None:
    chain, parties = make_parties(tmp_path, plan=small_image_head())
    images = write_npz(tmp_path / "images.npz", train=100, val=2, test=2)
    address = parties[1].store.put(EXTRACTOR)
    enrolled(chain, parties[0], images)
    assert parties[0].store.fetched == [address.digest]
    assert parties[0].store.local.released(address.digest, address.size)


def _update(records: HeadRecords, weights: tuple[int, ...]) -> list[int]:
    """By the plain-integer reference."""
    training, bits = records.plan.training, records.plan.quantisation.value_bits
    local = reference.train(
        weights,
        records.table,
        records.labels,
        capacity=training.rows_maximum,
        batch_size=training.batch_size,
        epochs=training.epochs,
        learning_rate=training.learning_rate,
    )
    return reference.update(weights, local, records.rows, bits)


def _next_model(tables: list[HeadRecords]) -> list[int]:
    weights = tables[0].plan.model.initial
    total = [sum(column) for column in zip(*(_update(part, weights) for part in tables), strict=True)]
    return reference.aggregate(weights, total, sum(part.rows for part in tables))
