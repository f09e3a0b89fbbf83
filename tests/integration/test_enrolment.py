# SPDX-License-Identifier: Apache-2.0
"""`consilium enrol`, refused: what does not fit costs nothing, and the reason says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest

from node.cli import main as consilium
from node.config import load_config
from node.secrets import SecretStore
from node.state import step_of
from node.steps import enrolment
from node.steps.records import read_records, stored_records
from tests.support.consortium import Consortium, Member
from tests.support.network import PASSPHRASE
from tests.support.small_study import records, study_plan, write_table

COLUMNS = ("a", "b", "c", "d", "ill")
GOOD = records(4, 7)


@dataclass(frozen=True)
class Books:
    """What a refused hospital must still have."""

    nonce: int
    bond: int
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def study(consortium: Consortium) -> int:
    """A study in which everybody could enrol, were it not for what the tests change."""
    consortium.anvil.request("evm_setAutomine", True)
    return consortium.publish(study_plan("Open to four", 4))


@pytest.fixture
def hospital(consortium: Consortium) -> Iterator[Member]:
    """An admitted, bonded hospital whose table the test may spoil."""
    member = consortium.members[3]
    kept = member.table.read_bytes()
    yield member
    member.table.write_bytes(kept)


def books(consortium: Consortium, member: Member) -> Books:
    nonce = int(consortium.anvil.request("eth_getTransactionCount", member.operator, "pending"), 16)
    return Books(nonce, consortium.reader.available_bond(member.number), tuple(member.secret_names))


def spoilt(row: int, column: int, value: str) -> list[list[str]]:
    rows = [list(record) for record in GOOD]
    rows[row][column] = value
    return rows


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (COLUMNS, spoilt(2, 1, ""), "line 4, column 'b': the value is missing"),
        (COLUMNS, spoilt(0, 3, "12 mm"), "line 2, column 'd': this is not a number"),
        (COLUMNS, spoilt(1, 4, "maybe"), "the label is neither 'yes' nor 'no'"),
        (("a", "b", "c", "e", "ill"), GOOD, "lacks the plan's columns 'd'"),
        ((*COLUMNS, "name"), [(*row, "x") for row in GOOD], "columns that the plan does not know: 'name' (number 6)"),
        (COLUMNS, [], "no records"),
    ],
    ids=["missing value", "text", "label", "other column", "column too many", "no row"],
)
def test_enrol__table_that_does_not_fit__is_refused_and_nothing_is_sent_or_lost(
    consortium: Consortium, study: int, hospital: Member, columns: Sequence[str], rows: Sequence[object], message: str
) -> None:
    before = books(consortium, hospital)
    write_table(hospital.table, rows, columns)  # type: ignore[arg-type]
    ended = consortium.enrol(hospital, study)
    assert ended.code == 3 and message in ended.err, ended.err
    assert "12 mm" not in ended.err and "maybe" not in ended.err
    assert books(consortium, hospital) == before
    assert hospital.number not in consortium.reader.enrolled_ids(study)


def rows_in_another_unit() -> list[list[str]]:
    rows = [list(record) for record in GOOD]
    for row in rows:
        row[2] = str(1000 * float(row[2]))
    return rows


def test_enrol__values_in_another_unit__are_refused_by_column_and_not_shown(
    consortium: Consortium, study: int, hospital: Member
) -> None:
    before = books(consortium, hospital)
    rows = rows_in_another_unit()
    write_table(hospital.table, rows)
    ended = consortium.enrol(hospital, study)
    assert ended.code == 3 and "Column 'c': 7 of 7 values lie outside the plan's range" in ended.err
    assert "--accept c" in ended.err and not any(row[2] in ended.err for row in rows)
    told = consortium.enrol(hospital, study, "--json").error
    assert [(found["name"], found["kind"]) for found in told["findings"]] == [("c", "far")]
    assert consortium.enrol(hospital, study, "--accept", "a").code == 3
    assert books(consortium, hospital) == before


def test_enrol__values_that_look_wrong_and_are_accepted__are_taken_and_that_is_on_record(
    consortium: Consortium,
) -> None:
    consortium.anvil.request("evm_setAutomine", True)
    study, member = consortium.publish(study_plan("In another unit", 4)), consortium.members[3]
    kept = member.table.read_bytes()
    write_table(member.table, rows_in_another_unit())
    done = consortium.enrol(member, study, "--accept", "c", "--json")
    member.table.write_bytes(kept)
    assert done.value["accepted"] == ["c"] and done.value["rows"] == 7
    assert (done.value["records"], done.value["used_least"], done.value["used_most"]) == (7, 7, 7)
    assert "25.00% of the values lie outside the plan's range and are clipped" in done.value["notes"][0]
    step = step_of(load_config(member.home).state_file, f"study-{study}/data")
    assert step is not None and "Column 'c': 7 of 7 values" in step.detail["accepted"][0]


def test_enrol__more_rows_than_the_circuit_takes__says_first_how_many_are_used(consortium: Consortium) -> None:
    consortium.anvil.request("evm_setAutomine", True)
    study, member = consortium.publish(study_plan("Sampled", 4)), consortium.members[3]
    kept = member.table.read_bytes()
    write_table(member.table, records(5, 19))
    ended = consortium.enrol(member, study)
    member.table.write_bytes(kept)
    assert ended.code == 0
    assert "6 or 7 of 19 records will be used in every round: one block of 3, which the chain draws." in ended.err


def test_enrol__not_admitted__is_refused_by_name(consortium: Consortium, study: int) -> None:
    newcomer = consortium.found("Newcomer", GOOD, admit=False)
    before = books(consortium, newcomer)
    ended = consortium.enrol(newcomer, study, "--json")
    assert ended.code == 4
    assert ended.error["revert"] == "StudyRegistryNotAdmitted"
    assert ended.error["values"] == {"hospitalId": newcomer.number}
    assert books(consortium, newcomer) == before


def test_enrol__without_a_bond__is_refused_with_the_amounts(consortium: Consortium, study: int) -> None:
    penniless = consortium.found("Penniless", GOOD, bond=0)
    before = books(consortium, penniless)
    ended = consortium.enrol(penniless, study, "--json")
    assert ended.code == 4
    assert ended.error["revert"] == "StakeVaultInsufficient" and ended.error["values"]["available"] == 0
    assert books(consortium, penniless) == before


def test_enrol__after_the_last_place_is_taken__is_refused_and_keeps_no_records(consortium: Consortium) -> None:
    consortium.anvil.request("evm_setAutomine", True)
    full = consortium.publish(study_plan("Room for three", 3))
    for member in consortium.members[:3]:
        assert consortium.enrol(member, full).code == 0
    late = consortium.members[3]
    before = books(consortium, late)
    ended = consortium.enrol(late, full, "--json")
    assert ended.code == 4 and ended.error["revert"] == "StudyRegistryWrongState"
    assert books(consortium, late) == before


def test_enrol__again_with_another_table__keeps_what_was_committed_to(consortium: Consortium) -> None:
    consortium.anvil.request("evm_setAutomine", True)
    study = consortium.publish(study_plan("Twice", 4))
    member = consortium.members[3]
    first = consortium.enrol(member, study, "--json")
    kept, before = member.table.read_bytes(), books(consortium, member)
    write_table(member.table, records(77, 3))
    again = consortium.enrol(member, study, "--json")
    member.table.write_bytes(kept)
    assert again.code == 0 and again.value["data_root"] == first.value["data_root"] and again.value["rows"] == 7
    assert books(consortium, member) == before


def test_enrol__again_while_one_is_under_way__waits_and_replaces_no_record(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each draws a salt of its own: what one committed to must not be replaced by what the other read before."""
    consortium.anvil.request("evm_setAutomine", True)
    study, member = consortium.publish(study_plan("At once", 4)), consortium.members[3]
    command = ["enrol", str(study), "--plan", str(consortium.plan_file(study)), "--teach-again"]
    codes: list[int] = []
    second = Thread(target=lambda: codes.append(consilium(command)))

    def read_in_between(*arguments: Any) -> Any:
        found = read_records(*arguments)
        if second.ident is None:
            second.start()
            second.join(timeout=4)
            assert codes == [], "the second one did not wait"
        return found

    monkeypatch.setattr(enrolment, "read_records", read_in_between)
    # The environment of the first is the second's, which ends within its command or has all that it needs.
    assert consortium.command(member.home, *command).code == 0
    second.join()
    assert codes == [0]
    kept = SecretStore(member.home / "secrets", PASSPHRASE).get(f"study-{study}/records")
    place = consortium.reader.enrolment(study, member.number)
    assert stored_records(study_plan("At once", 4), kept).commitment() == place.data_root


def test_enrol__plan_of_another_study__is_refused_naming_what_differs(consortium: Consortium, study: int) -> None:
    member = consortium.members[3]
    other = consortium.publish(study_plan("Another", 4, rounds=3, confirmations=2))
    before = books(consortium, member)
    ended = consortium.command(member.home, "enrol", study, "--plan", consortium.plan_file(other))
    assert ended.code == 8
    assert "document digest" in ended.err and "rounds" in ended.err and "confirmations" in ended.err
    assert books(consortium, member) == before
