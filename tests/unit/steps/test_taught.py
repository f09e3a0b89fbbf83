# SPDX-License-Identifier: Apache-2.0
"""Records that were taught with: no second study without a privacy budget, whatever its model, order and terms."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import ChainUnavailable, ContractReverted, StudyError
from node.learning.datasets.images import Images
from node.plan import TrainingPlan
from node.state import NodeState
from node.steps.enrolment import enrol
from node.steps.raw_records import raw_images, raw_rows
from node.steps.taught import refuse_taught
from node.types import Receipt, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.lying_endpoints import misled
from tests.support.plans import private_plan, small_plan
from tests.support.small_study import records, write_table
from tests.support.steps import Party
from tests.support.xrays import synthetic

OTHER = STUDY + 1
ROWS = records(1, 8)


@pytest.fixture
def newcomer(chain: FakeChain, hospital: Party) -> Party:
    """A hospital that is in none of the studies that it will be asked about."""
    hospital.hospital.secrets.erase(f"study-{STUDY}/records")
    chain.enrolled = (5, 7)
    return hospital


def enrolled(chain: FakeChain, party: Party, study: int, table: Path, *, teach_again: bool = False) -> Receipt:
    plan = table.with_suffix(".json")
    plan.write_bytes(chain.plan.canonical())
    return enrol(party.hospital, study, table, plan_file=plan, teach_again=teach_again)


def table_of(folder: Path, rows: list[list[str]], name: str = "table") -> Path:
    path = folder / f"{name}.csv"
    write_table(path, rows)
    return path


def test_raw_records__in_another_order_and_scaled_otherwise__are_the_same() -> None:
    values = np.array([[1.5, -2.0], [3.0, -0.0]])
    found = raw_rows(values, ["a", "b"])
    assert len(found) == 2 and all(len(digest) == 32 for digest in found)
    assert (
        raw_rows(values[::-1, ::-1], ["b", "a"]) == raw_rows(np.array([[3.0, 0.0], [1.5, -2.0]]), ["a", "b"]) == found
    )
    assert raw_rows(values + 1, ["a", "b"]).isdisjoint(found)


def test_raw_images__some_of_them_again__are_known() -> None:
    pixels = Images(*synthetic(6, seed=3)).pixels
    assert raw_images(pixels[3:]) < raw_images(pixels[::-1]) == raw_images(pixels)


def test_enrol__one_record_of_a_study_that_goes_on__is_refused_naming_both(
    chain: FakeChain, newcomer: Party, tmp_path: Path
) -> None:
    """The sums of both would show an update nearly to the last digit."""
    enrolled(chain, newcomer, STUDY, table_of(tmp_path, ROWS))
    again = table_of(tmp_path, [ROWS[3], *records(2, 5)], "again")
    newcomer.ledger.sent.clear()
    with pytest.raises(
        StudyError, match=rf"1 of these 6 records .* in study {STUDY}, and study {OTHER} has no privacy"
    ):
        enrolled(chain, newcomer, OTHER, again)
    assert newcomer.ledger.sent == [] and not newcomer.hospital.secrets.has(f"study-{OTHER}/records")


def test_enrol__taught_with_in_a_study_that_is_over__is_refused_also_after_a_restart(
    chain: FakeChain, newcomer: Party, tmp_path: Path
) -> None:
    table = table_of(tmp_path, ROWS)
    enrolled(chain, newcomer, STUDY, table)
    newcomer.hospital.state.spend(STUDY, 1, 0)
    chain.books.state = StudyState.COMPLETED
    path = newcomer.hospital.metrics.with_name("state.sqlite")
    newcomer.hospital.state.close()
    restarted = replace(newcomer.hospital, state=NodeState(path))
    with pytest.raises(StudyError, match="--teach-again"):
        enrol(restarted, OTHER, table, plan_file=table.with_suffix(".json"))
    restarted.state.close()


def test_enrol__study_that_ended_before_anything_was_taught__is_no_reason(
    chain: FakeChain, newcomer: Party, tmp_path: Path
) -> None:
    table = table_of(tmp_path, ROWS)
    enrolled(chain, newcomer, STUDY, table)
    chain.books.state = StudyState.CANCELLED
    enrolled(chain, newcomer, OTHER, table)
    assert len(newcomer.ledger.named("enrol")) == 2


def test_enrol__one_endpoint_says_that_the_other_study_has_ended__is_not_believed(
    chain: FakeChain, newcomer: Party
) -> None:
    """Both would be taught with the records, and the difference of their sums would show the update."""
    newcomer.hospital.state.teach(OTHER, [b"a record"])
    node = misled(chain, newcomer, study_state=lambda state: StudyState.CANCELLED)
    with pytest.raises(ChainUnavailable):
        refuse_taught(node.hospital, STUDY, small_plan(), frozenset([b"a record"]), teach_again=False)


def test_enrol__refused_by_the_contract__was_not_taught_with(chain: FakeChain, newcomer: Party, tmp_path: Path) -> None:
    table = table_of(tmp_path, ROWS)
    newcomer.ledger.failure = ContractReverted("StudyRegistryWrongState", {"studyId": STUDY})
    with pytest.raises(ContractReverted):
        enrolled(chain, newcomer, STUDY, table)
    enrolled(chain, newcomer, OTHER, table)


def test_enrol__teach_again__enrols_and_keeps_saying_what_that_shows(
    chain: FakeChain, newcomer: Party, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    table = table_of(tmp_path, ROWS)
    enrolled(chain, newcomer, STUDY, table)
    enrolled(chain, newcomer, OTHER, table, teach_again=True)
    assert f"what study {STUDY} and study {OTHER} open" in caplog.text and "as --teach-again says" in caplog.text


def test_enrol__same_study_again__is_not_another_one(chain: FakeChain, newcomer: Party, tmp_path: Path) -> None:
    table = table_of(tmp_path, ROWS)
    for _ in range(2):
        enrolled(chain, newcomer, STUDY, table)
    assert len(newcomer.ledger.named("enrol")) == 2


def test_study_with_a_budget__is_told_what_was_spent_over_all_studies(chain: FakeChain, newcomer: Party) -> None:
    state, raw = newcomer.hospital.state, frozenset({bytes(32), bytes([1]) * 32})
    plan: TrainingPlan = private_plan()
    for study, rounds in ((STUDY, 2), (OTHER, 1)):
        state.teach(study, raw)
        for number in range(rounds):
            state.spend(study, number + 1, plan.privacy.cost)
    (told,) = refuse_taught(newcomer.hospital, OTHER + 1, plan, raw, teach_again=False)
    assert f"2 of these 2 records were taught with in study {STUDY} and study {OTHER}" in told
    assert state.spent(STUDY) + state.spent(OTHER) == 3 * plan.privacy.cost and "epsilon" in told
    state.spend(OTHER + 2, 1, 0)
    state.teach(OTHER + 2, raw)
    (told,) = refuse_taught(newcomer.hospital, OTHER + 1, plan, raw, teach_again=False)
    assert f"Studies [{OTHER + 2}] had no budget" in told
    with pytest.raises(StudyError, match="has no privacy budget"):
        refuse_taught(newcomer.hospital, OTHER + 1, small_plan(), raw, teach_again=False)
