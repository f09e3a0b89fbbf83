# SPDX-License-Identifier: Apache-2.0
"""The records in `node.types` are the contracts' own: same members in the same order."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from eth_abi.abi import encode

from node.chain.abi import ABI_FOLDER, load_interfaces
from node.chain.client import ChainReader
from node.chain.records import to_record, to_struct
from node.chain.round_reads import RoundReader
from node.errors import ChainMismatch
from node.types import (
    CeremonyState,
    CeremonyStep,
    Circuit,
    CircuitKind,
    Enrolment,
    FailureReason,
    Hospital,
    Offence,
    Outcome,
    Phase,
    PlanTerms,
    Pot,
    Proof,
    RoundState,
    Standing,
    Study,
    StudyState,
    Submission,
    bitmap_of,
    indices,
)
from scripts.children import ROOT

SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "contracts" / "interfaces").glob("*.sol")))


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def members(kind: str, name: str) -> list[str]:
    found = re.search(rf"\b{kind} {name} \{{(.*?)\}}", SOURCES, re.DOTALL)
    assert found, f"no {kind} {name} in the interfaces"
    return [line.strip() for line in found.group(1).strip().splitlines()]


@pytest.mark.parametrize(
    "kind", [Standing, StudyState, CeremonyStep, Phase, CircuitKind, Outcome, FailureReason, Offence]
)
def test_enum__mirrors_the_interface(kind: type) -> None:
    expected = [snake(member.rstrip(",")).upper() for member in members("enum", kind.__name__)]
    assert [member.name for member in kind] == expected  # type: ignore[attr-defined]
    assert [member.value for member in kind] == list(range(len(expected)))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("record", "struct", "own"),
    [
        (Hospital, "Hospital", {"id"}),
        (Study, "Study", {"id"}),
        (PlanTerms, "Plan", set()),
        (Circuit, "Circuit", set()),
        (Enrolment, "Enrolment", set()),
        (CeremonyState, "CeremonyState", set()),
        (RoundState, "RoundState", set()),
        (Submission, "Submission", set()),
        (Pot, "Pot", {"id", "offence", "stage"}),
        (Proof, "Proof", set()),
    ],
)
def test_record__mirrors_the_interface(record: type, struct: str, own: set[str]) -> None:
    expected = [snake(member.rstrip(";").split()[-1]) for member in members("struct", struct)]
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    assert [name for name in names if name not in own] == expected


def test_reader__every_view_it_calls__is_in_the_interfaces() -> None:
    import inspect

    known = {
        (path.stem, entry["name"])
        for path in ABI_FOLDER.glob("*.json")
        for entry in json.loads(path.read_text())
        if entry["type"] in ("function", "event")
    }
    source = inspect.getsource(ChainReader) + inspect.getsource(RoundReader)
    called = set(re.findall(r'self\.(?:call|events)\(\s*"(\w+)", "(\w+)"', source))
    called |= {("RoundManager", event) for event in re.findall(r'self\._of_round\(\s*"(\w+)"', source)}
    assert {("StudyRegistry", "study"), ("RoundManager", "UpdateSubmitted")} <= called <= known


def test_struct__there_and_back__is_the_same() -> None:
    terms = PlanTerms(*range(27))
    assert to_record(PlanTerms, to_struct(terms)) == terms
    assert to_struct(Proof((1, 2), ((3, 4), (5, 6)), (7, 8))) == {"a": (1, 2), "b": ((3, 4), (5, 6)), "c": (7, 8)}


def test_struct__unknown_enum_member__is_a_mismatch() -> None:
    struct = {"owner": "", "operator": "", "standing": 9, "name": "", "endpoint": ""}
    with pytest.raises(ChainMismatch, match="different versions"):
        to_record(Hospital, struct, id=1)


def test_interfaces__error_of_any_contract__is_named() -> None:
    interfaces = load_interfaces()
    import_error = interfaces.decode_revert(bytes.fromhex("deadbeef"), "call")
    assert import_error.name == "UnknownError"
    assert interfaces.decode_revert(None, "call").name == "RevertWithoutReason"


def test_interfaces__text_that_is_no_utf8__is_read_with_escapes() -> None:
    name = encode(["bytes"], [b"St. Anna\xff\xc3"])
    assert load_interfaces().decode_result("ConsiliumToken", "symbol", name) == r"St. Anna\xff\xc3"


def test_bitmap__there_and_back__is_the_same() -> None:
    assert indices(0b101001) == (0, 3, 5)
    assert bitmap_of(indices(0b101001)) == 0b101001
    assert indices(0) == ()
