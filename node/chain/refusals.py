# SPDX-License-Identifier: Apache-2.0
"""What a contract's refusal means, put in words with its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.chain.sentences import SENTENCES
from node.errors import ContractReverted
from node.plan import RHO_UNITS
from node.types import CeremonyStep, CircuitKind, Offence, Phase, Standing, StudyState
from node.words import format_span, format_time

#: How a number of a kind of unit is put: by the unit's name and the number.
Show = Callable[[str, int], str]

_NAMES: Mapping[str, type[Any]] = {
    "phase": Phase,
    "standing": Standing,
    "state": StudyState,
    "step": CeremonyStep,
    "kind": CircuitKind,
    "offence": Offence,
}
"""Values that are numbers of something with a name."""


def refusal(name: str, values: Mapping[str, object], call: str, show: Show | None = None) -> ContractReverted:
    """The refusal by a custom error, with its sentence where it is one of the suite's.

    `show`: how amounts and times are put, by default without what only the chain knows.
    """
    known = SENTENCES.get(name, "")
    meaning = known.format(**{key: _Value(_named(key, value), show or in_numbers) for key, value in values.items()})
    return ContractReverted(name, dict(values), call, meaning)


def in_numbers(unit: str, number: int) -> str:
    """A number with its unit, where nobody can say what the token is or what time it is on the chain."""
    match unit:
        case "tokens":
            return f"{number:,} of the token's smallest unit"
        case "time":
            return format_time(number)
        case "span":
            return format_span(number)
        case "rate":
            return f"{number}/256"
        case "rho":
            return f"{number / RHO_UNITS:.4g} rho"
    raise ValueError(f"no unit: {unit}")


@dataclass(frozen=True)
class _Value:
    """A value in a sentence."""

    value: object
    show: Show

    def __format__(self, unit: str) -> str:
        return self.show(unit, self.value) if unit and isinstance(self.value, int) else str(self.value)


def _named(key: str, value: object) -> object:
    kind = _NAMES.get(key)
    try:
        return kind(value).name.lower().replace("_", " ") if kind is not None else value
    except ValueError:
        return value
