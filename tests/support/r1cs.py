# SPDX-License-Identifier: Apache-2.0
"""A reader of circom's .r1cs, .wtns and .sym files, and a checker of constraints in plain integers."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from node.proofs.field import MODULUS

#: wire number → coefficient.
Combination = dict[int, int]


@dataclass(frozen=True)
class ConstraintSystem:
    """Constraints a·b = c over wires; wire 0 is one, then public outputs and inputs, in order."""

    wires: int
    public: int
    constraints: list[tuple[Combination, Combination, Combination]]

    def by_wire(self) -> dict[int, list[int]]:
        """Map each wire to the numbers of the constraints that it stands in."""
        found: dict[int, list[int]] = defaultdict(list)
        for number, parts in enumerate(self.constraints):
            for wire in set().union(*parts):
                found[wire].append(number)
        return found

    def holds(self, number: int, witness: list[int]) -> bool:
        """Say whether one constraint holds."""
        a, b, c = (
            sum(coefficient * witness[wire] for wire, coefficient in part.items())
            for part in self.constraints[number]
        )
        return (a * b - c) % MODULUS == 0

    def broken(self, witness: list[int]) -> list[int]:
        """Return the numbers of all constraints that the witness breaks."""
        return [number for number in range(len(self.constraints)) if not self.holds(number, witness)]


def _sections(data: bytes) -> dict[int, bytes]:
    sections, position = {}, 12
    for _ in range(struct.unpack_from("<I", data, 8)[0]):
        kind, size = struct.unpack_from("<IQ", data, position)
        sections[kind] = data[position + 12 : position + 12 + size]
        position += 12 + size
    return sections


def read_r1cs(path: Path) -> ConstraintSystem:
    """Read a circuit's constraints."""
    sections = _sections(path.read_bytes())
    header, body = sections[1], sections[2]
    wires, outputs, inputs = struct.unpack_from("<III", header, 36)
    count = struct.unpack_from("<I", header, 36 + 24)[0]
    position = 0
    constraints = []
    for _ in range(count):
        parts = []
        for _ in range(3):
            (terms,) = struct.unpack_from("<I", body, position)
            position += 4
            part = {}
            for _ in range(terms):
                (wire,) = struct.unpack_from("<I", body, position)
                part[wire] = int.from_bytes(body[position + 4 : position + 36], "little")
                position += 36
            parts.append(part)
        constraints.append((parts[0], parts[1], parts[2]))
    return ConstraintSystem(wires, outputs + inputs, constraints)


def read_witness(path: Path) -> list[int]:
    """Read the value of every wire."""
    body = _sections(path.read_bytes())[2]
    return [int.from_bytes(body[at : at + 32], "little") for at in range(0, len(body), 32)]


def read_names(path: Path) -> dict[int, list[str]]:
    """Map each wire to its signals' full names; signals that were simplified away have none."""
    names: dict[int, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        _, wire, _, name = line.split(",")
        if wire != "-1":
            names[int(wire)].append(name)
    return names
