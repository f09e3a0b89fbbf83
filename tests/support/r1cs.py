# SPDX-License-Identifier: Apache-2.0
"""A reader of circom's .r1cs, .wtns and .sym files, and a checker of constraints in plain integers."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path

from node.group.field import MODULUS

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
            sum(coefficient * witness[wire] for wire, coefficient in part.items()) for part in self.constraints[number]
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


def loose_wires(system: ConstraintSystem, witness: list[int], fixed: set[int]) -> set[int]:
    """Return the wires that the constraints, to first order, leave open once the fixed ones are given.

    Gaussian elimination on the constraints' derivatives at the witness, sparsest rows first. A wire
    is returned where its column adds no rank: it, or it with others, could move.
    """
    rows = {number: _derivative(system, number, witness, fixed) for number in range(len(system.constraints))}
    rows = {number: row for number, row in rows.items() if row}
    places: dict[int, set[int]] = defaultdict(set)
    for number, row in rows.items():
        for wire in row:
            places[wire].add(number)
    queue = [(len(row), number) for number, row in rows.items()]
    heapify(queue)
    loose = set(range(1, system.wires)) - fixed
    while queue:
        size, number = heappop(queue)
        pivot = rows.get(number)
        if pivot is None or len(pivot) != size:
            continue
        del rows[number]
        for wire in pivot:
            places[wire].discard(number)
        solved = min(pivot, key=lambda wire: len(places[wire]))
        scale = pow(pivot[solved], -1, MODULUS)
        loose.discard(solved)
        for other in places.pop(solved):
            row = rows[other]
            factor = row.pop(solved) * scale
            for wire, coefficient in pivot.items():
                if wire == solved:
                    continue
                value = (row.get(wire, 0) - factor * coefficient) % MODULUS
                if value:
                    row[wire] = value
                    places[wire].add(other)
                elif row.pop(wire, None) is not None:
                    places[wire].discard(other)
            if row:
                heappush(queue, (len(row), other))
            else:
                del rows[other]
    return loose


def _derivative(system: ConstraintSystem, number: int, witness: list[int], fixed: set[int]) -> Combination:
    """Return the derivative of a·b - c at the witness by the wires that are not fixed."""
    a, b, c = system.constraints[number]
    value_a = sum(coefficient * witness[wire] for wire, coefficient in a.items())
    value_b = sum(coefficient * witness[wire] for wire, coefficient in b.items())
    found = {
        wire: (a.get(wire, 0) * value_b + b.get(wire, 0) * value_a - c.get(wire, 0)) % MODULUS
        for wire in {*a, *b, *c} - fixed - {0}
    }
    return {wire: coefficient for wire, coefficient in found.items() if coefficient}
