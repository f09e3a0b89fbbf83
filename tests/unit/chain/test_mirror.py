# SPDX-License-Identifier: Apache-2.0
"""The records in `node.types` are the contracts' own: same members in the same order."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any, cast

import pytest
from eth_abi.abi import encode

from node.chain.abi import ABI_FOLDER, load_interfaces
from node.chain.client import ChainReader
from node.chain.records import to_record, to_struct
from node.chain.writes import Ledger
from node.errors import ChainMismatch
from node.types import (
    Batch,
    BlockDraw,
    CeremonyFailure,
    CeremonyState,
    CeremonyStep,
    Charge,
    Circuit,
    CircuitKind,
    Enrolment,
    FailureReason,
    Hospital,
    Offence,
    Opening,
    Outcome,
    Phase,
    PlanTerms,
    Pot,
    Proof,
    RoundState,
    Service,
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
    "kind",
    [
        *(Standing, StudyState, CeremonyStep, CeremonyFailure, Phase, Opening, CircuitKind, Outcome, FailureReason),
        *(Offence, Charge, Service),
    ],
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
        (Batch, "Batch", set()),
        (BlockDraw, "Draw", set()),
        (RoundState, "RoundState", set()),
        (Submission, "Submission", set()),
        (Pot, "Pot", {"id"}),
        (Proof, "Proof", set()),
    ],
)
def test_record__mirrors_the_interface(record: type, struct: str, own: set[str]) -> None:
    expected = [snake(member.rstrip(";").split()[-1]) for member in members("struct", struct)]
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    assert [name for name in names if name not in own] == expected


def in_the_interfaces(*kinds: str) -> dict[tuple[str, str], int]:
    """Functions and events of the committed ABIs, with how many values each takes."""
    return {
        (path.stem, entry["name"]): len(entry["inputs"])
        for path in ABI_FOLDER.glob("*.json")
        for entry in json.loads(path.read_text())
        if entry["type"] in kinds
    }


def test_reader__every_view_and_event_it_names__is_in_the_interfaces() -> None:
    source = "\n".join(inspect.getsource(kind) for kind in ChainReader.__mro__ if kind is not object)
    called = set(re.findall(r'self\.call\(\s*"(\w+)", "(\w+)"', source))
    heard = set(re.findall(r'self\.(?:events|_of_round)\(\s*"(\w+)", "(\w+)"', source))
    heard |= {("KeyCeremony", event) for event in re.findall(r'self\._of_ceremony\(\s*"(\w+)"', source)}
    assert {("StudyRegistry", "study"), ("KeyCeremony", "batchOf"), ("Openings", "quorum")} <= called
    assert called <= in_the_interfaces("function").keys()
    assert {("RoundManager", "UpdateSubmitted"), ("KeyCeremony", "Complained"), ("Court", "Accused")} <= heard
    assert heard <= in_the_interfaces("event").keys()


class Recording:
    """In the place of a key: notes the function of each order, and how many values it is given."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], int] = {}

    def send(self, intent: str, contract: str, function: str, *arguments: object, repeatable: bool = False) -> None:
        self.orders[contract, function] = len(arguments)


def test_ledger__every_step_of_ceremonies_and_openings__fits_its_function() -> None:
    key = Recording()
    ledger, digest = Ledger(cast(Any, key)), bytes(32)
    ledger.post_keys(1, 1, 2, 3, digest, digest)
    ledger.post_dealing(1, 1, digest, digest, 9)
    ledger.post_holding(1, 1, 0b11, True)
    ledger.name_lacking(1, 1, 0b1)
    ledger.complain(1, 1, 0, 1, (2, 3), 4, 5)
    ledger.be_satisfied(1, 1)
    ledger.acknowledge(1, 1, digest, 0)
    ledger.move_on(1, 1, CeremonyStep.KEY)
    ledger.request_ceremony("rotate", 1)
    ledger.post_pad_share(1, 1, b"share")
    ledger.post_pad_share_file(1, 1, digest, 9)
    ledger.record_absence(1, 1)
    ledger.accuse(1, 1, Charge.PAYLOAD, 0b1)
    ledger.approve_newcomer(1, 2)
    ledger.leave_study(1, 2)
    ledger.enrol(1, 2, 3, digest)
    ledger.enrol_blocks(1, digest, 3, digest)
    assert len(key.orders) == 17 and key.orders.items() <= in_the_interfaces("function").items()


def test_struct__there_and_back__is_the_same() -> None:
    terms = PlanTerms(*range(33))  # type: ignore[arg-type]
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
