# SPDX-License-Identifier: Apache-2.0
"""What in a hospital's data is probably a mistake: named, and refused until somebody says that it is right."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from node.errors import DataDoubtful
from node.learning.csv_file import same_form
from node.plan import Label
from node.words import listed

#: How many a message tells of; programs are told of all.
_SHOWN = 10


class Kind(StrEnum):
    """What the matter probably is."""

    CONSTANT = "constant"
    CODE = "code"
    FAR = "far"
    SMALL = "small"
    ONE_CLASS = "one class"
    BLANK = "blank"
    NARROW = "narrow"
    SHALLOW = "shallow"


@dataclass(frozen=True)
class Finding:
    """One of them: of a column, an image or the label, called `name`, with what was seen and what to do about it.

    `evidence` counts and compares; no record's value is in it.
    """

    subject: str
    name: str
    kind: Kind
    evidence: str
    advice: str


def check_label(label: Label, labels: Collection[int]) -> tuple[Finding, ...]:
    """Whether only one class occurs among n labels of 0 or 1."""
    if len(set(labels)) != 1:
        return ()
    only = label.positive if 1 in labels else label.negative
    evidence = f"only {only!r} occurs in {len(labels):,} records"
    return (Finding("label", label.name, Kind.ONE_CLASS, evidence, "Records of the other class are probably missing"),)


def refuse(source: str, findings: Iterable[Finding], accepted: Collection[str]) -> tuple[Finding, ...]:
    """Those findings whose name is among the accepted; raises DataDoubtful with all others."""
    every, right = tuple(findings), {same_form(name) for name in accepted}
    doubtful = [found for found in every if same_form(found.name) not in right]
    if doubtful:
        told = listed([sentence(found) for found in doubtful], _SHOWN, " ")
        names = dict.fromkeys(found.name for found in doubtful)
        options = listed([f"--accept {shlex.quote(name)}" for name in names], _SHOWN, " ")
        raise DataDoubtful(
            f"{source} looks wrong in {len(doubtful):,} place{'s' if len(doubtful) > 1 else ''}. {told} "
            f"Correct the data, or accept what is right as it is: {options}",
            [{"subject": f.subject, "name": f.name, "kind": f.kind.value, "evidence": f.evidence} for f in doubtful],
        )
    return every


def sentence(found: Finding) -> str:
    """A finding for people."""
    return f"{found.subject.capitalize()} {found.name!r}: {found.evidence}. {found.advice}."
