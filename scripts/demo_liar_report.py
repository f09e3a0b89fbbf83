# SPDX-License-Identifier: Apache-2.0
"""What the demo's report tells of a hospital that lied: who found it out by what, and what it cost whom."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.chain.client import ChainReader
from node.types import Opening
from node.words import plain
from scripts.demo_liars import LIES, NOTE, ROUND
from scripts.demo_plan import NAMES

STUDY = 1
_UNIT = 10**18


def liar_found(kind: str, folder: Path, reader: ChainReader) -> dict[str, Any]:
    """The report's part about it; `hospital` is None where none had the place for the lie.

    `found_by`: who complained of it, accused it, could not get its payload, or asked for the model that it kept;
    `fined`: all that it lost of its bond, of which `shared` is the others' now; `openings_lost`: rounds that CKKS did
    not open in its window.
    """
    rounds = [reader.round_state(STUDY, number) for number in range(1, reader.current_round(STUDY) + 1)]
    number = _who(folder, reader)
    finders = _finders(kind, reader, number) if number else []
    slices, fines = (
        sum(event.arguments["amount"] for event in reader.events("StakeVault", name, studyId=STUDY, hospitalId=number))
        for name in ("BondSlashed", "AbsenceFined")
    )
    return {
        "kind": kind,
        "hospital": reader.hospital(number).name if number else None,
        "found_by": [reader.hospital(finder).name for finder in sorted(set(finders) - {number})],
        "fined": slices + fines,
        "shared": slices,
        "openings_lost": sum(
            state.opening is Opening.CKKS and 0 < state.pads_from <= state.closed_at for state in rounds
        ),
        "rounds_suspended": sum(0 < state.pads_until <= state.closed_at for state in rounds),
    }


def unexpected(found: dict[str, Any]) -> list[str]:
    """What is not as it should be with such a lie, in words."""
    lie, problems = LIES[found["kind"]], []
    if found["hospital"] is None:
        return ["no hospital lied"]
    if bool(found["found_by"]) != lie.is_found:
        problems.append(f"the liar was found by {found['found_by']}")
    if bool(found["fined"]) != lie.is_fined:
        problems.append(f"the lie cost {found['fined']} units")
    if not lie.is_found and found["openings_lost"] != 1:
        problems.append(f"the lie cost {found['openings_lost']} openings by CKKS, not one")
    if found["rounds_suspended"]:
        problems.append(f"{found['rounds_suspended']} rounds were suspended")
    return problems


def told(found: dict[str, Any]) -> str:
    """A sentence: who did what, how it was found, what it cost whom."""
    if found["hospital"] is None:
        return "none had the place for the lie."
    lie = LIES[found["kind"]]
    names = ", ".join(map(plain, found["found_by"]))
    how = f"found by {names}: {_BY[found['kind']]}" if found["found_by"] else "nobody can tell whose fault it was"
    lost = "it lost nothing"
    if found["fined"]:
        lost = f"it lost {found['fined'] / _UNIT:,.2f} tokens, of which {found['shared'] / _UNIT:,.2f} are the others'"
    windows = found["openings_lost"]
    others = f"{windows} window of an opening, and no round" if windows else "time, and no round"
    return f"{plain(found['hospital'])} {lie.deed}; {how}. {lost[0].upper()}{lost[1:]}; the others lost {others}."


_BY = {
    "dealing": "the complaint opened the box to all",
    "ciphertext": "its bytes do not fit its commitment",
    "share": "its bytes do not fit the dealings",
    "withhold": "they never held it",
    "hostage": "they asked for the model, and opened the sum again",
}


def _who(folder: Path, reader: ChainReader) -> int:
    """The number of the hospital that left the note; 0 for none."""
    for note in folder.glob(f"hospital-*/{NOTE}"):
        # Folders are numbered as the demo's hospitals are named.
        name = NAMES[int(note.parent.name.removeprefix("hospital-")) - 1]
        return next(one.id for one in reader.hospitals() if one.name == name)
    return 0


def _finders(kind: str, reader: ChainReader, number: int) -> Iterable[int]:
    enrolled = reader.enrolled_ids(STUDY)
    index = enrolled.index(number)

    def of(contract: str, name: str, **about: int) -> list[dict[str, Any]]:
        return [dict(event.arguments) for event in reader.events(contract, name, studyId=STUDY, **about)]

    found = [said["hospitalId"] for said in of("KeyCeremony", "Complained") if said["dealer"] == index]
    found += [said["hospitalId"] for said in of("Court", "Accused") if said["accused"] >> index & 1]
    if kind == "withhold":
        attested = of("RoundManager", "CiphertextsAttested", round=ROUND)
        found += [said["hospitalId"] for said in attested if not said["bitmap"] >> index & 1]
    if kind == "hostage":
        found += list(reader.pad_shares(STUDY, ROUND))
    return found
