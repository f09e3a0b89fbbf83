# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON documents as checked records: each field states its rule once, for reading and building.

A field's rule stands in its annotation (`Annotated[int, Integer(0, 9)]`); a field that holds another record
needs none. A rule between fields is an `Across`. Whatever is wrong is found at once, so that nobody mends one
fault to be told of the next. Canonical means UTF-8, keys in order, no spaces, no floating point, and exactly
the record's keys, so that one record has one sequence of bytes and one digest.
"""

from __future__ import annotations

import decimal
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, NoReturn, Protocol, TypeVar, get_type_hints

from node.errors import DataError

DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?")
WHOLE = re.compile(r"0|[1-9][0-9]{0,77}")
UINT8, UINT16, UINT32, UINT64, UINT128 = ((1 << bits) - 1 for bits in (8, 16, 32, 64, 128))

#: How many faults a message tells, and how much of a value: both may be a stranger's.
_FAULTS_SHOWN = 30
_VALUE_SHOWN = 60


class Fault(NamedTuple):
    """A key, as a path from the document's top, and what is wrong with its value and would be right."""

    where: str
    problem: str
    between: bool = False
    """Whether each value is sound by itself, and not together with others."""


Faults = Iterator[Fault]
#: What a rule between values gives: paths from its record, each with what is wrong there.
Broken = Iterator[tuple[str, str]]


class _Missing:
    """Stands in a record that was read for a value that the document lacks."""


_MISSING: Final = _Missing()


class Rule(Protocol):
    """How a value is made from parsed JSON, and what is wrong with one."""

    def build(self, value: object, where: str, found: list[Fault]) -> object:
        """The value as the record holds it; what cannot be one is left as it is, for `check` to tell."""

    def check(self, value: object, where: str) -> Faults:
        """What is wrong with a value by itself."""


@dataclass(frozen=True)
class Across:
    """A rule between values, at `needs` (paths from a record): asked only where each is there and sound by itself.

    `check` gets the values, in that order, and gives faults with paths from the same record.
    """

    needs: tuple[str, ...]
    check: Callable[..., Broken]


def across(*needs: str) -> Callable[[Callable[..., Broken]], Across]:
    """Makes a function of the values at these paths a record's rule."""
    return lambda check: Across(needs, check)


@dataclass(frozen=True)
class _Plain:
    def build(self, value: object, where: str, found: list[Fault]) -> object:
        return value


@dataclass(frozen=True)
class Integer(_Plain):
    """An integer in [low, high]."""

    low: int
    high: int

    def check(self, value: object, where: str) -> Faults:
        if type(value) is not int or not self.low <= value <= self.high:
            wanted = f"an integer in [{self.low}, {self.high}]"
            yield Fault(where, f"is not {self.low if self.low == self.high else wanted}{told(value)}")


@dataclass(frozen=True)
class Text(_Plain):
    """Printable text of 1 to `longest` characters; one of `allowed` where those are given."""

    longest: int
    allowed: tuple[str, ...] = ()

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, str) or not 1 <= len(value) <= self.longest or not value.isprintable():
            yield Fault(where, f"is not a text of 1 to {self.longest} printable characters{told(value)}")
        elif self.allowed and value not in self.allowed:
            yield Fault(where, f"is not one of: {', '.join(self.allowed)}{told(value)}")


@dataclass(frozen=True)
class Decimal(_Plain):
    """A decimal number as text, such as "14.25", in [low, high] where those are given; no exponent."""

    positive: bool = False
    low: str | None = None
    high: str | None = None

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, str) or not DECIMAL.fullmatch(value):
            yield Fault(where, f'is not a decimal number as text, such as "14.25"{told(value)}')
            return
        if self.positive and decimal.Decimal(value) <= 0:
            yield Fault(where, f"is not above zero{told(value)}")
        if self.low is not None and decimal.Decimal(value) < decimal.Decimal(self.low):
            yield Fault(where, f"is below {self.low}{told(value)}")
        if self.high is not None and decimal.Decimal(value) > decimal.Decimal(self.high):
            yield Fault(where, f"is above {self.high}{told(value)}")


@dataclass(frozen=True)
class Amount(_Plain):
    """A whole number in [low, 2^128) as text, since money outgrows the integers of other readers."""

    low: int = 0

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, str) or not WHOLE.fullmatch(value):
            yield Fault(where, f'is not a whole number as text, such as "1000"{told(value)}')
        elif not self.low <= int(value) <= UINT128:
            yield Fault(where, f"is not from {self.low} to 2^128 − 1{told(value)}")


@dataclass(frozen=True)
class Many:
    """A tuple of 1 to `most` values under one rule."""

    each: Rule
    most: int

    def build(self, value: object, where: str, found: list[Fault]) -> object:
        if not isinstance(value, list):
            return value
        return tuple(self.each.build(entry, f"{where}[{index}]", found) for index, entry in enumerate(value))

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, tuple):
            yield Fault(where, f"is not a list{told(value)}")
        elif not 1 <= len(value) <= self.most:
            yield Fault(where, f"does not have 1 to {self.most} entries, but {len(value)}")
        else:
            for index, entry in enumerate(value):
                yield from self.each.check(entry, f"{where}[{index}]")


@dataclass(frozen=True)
class Part:
    """Another record."""

    record: type[Section]

    def build(self, value: object, where: str, found: list[Fault]) -> object:
        return _build(self.record, value, where, found)

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, self.record):
            yield Fault(where, f"is not an object{told(value)}")
        else:
            yield from faults(self.record, vars(value), where)


@dataclass(frozen=True)
class Either:
    """One of several records: the first that has one of the document's keys."""

    records: tuple[type[Section], ...]

    def build(self, value: object, where: str, found: list[Fault]) -> object:
        keys = value.keys() if isinstance(value, dict) else set()
        record = next((record for record in self.records if keys & _rules(record).keys()), self.records[0])
        return _build(record, value, where, found)

    def check(self, value: object, where: str) -> Faults:
        if not isinstance(value, self.records):
            yield Fault(where, f"is not an object{told(value)}")
        else:
            yield from faults(type(value), vars(value), where)


@dataclass(frozen=True)
class Section:
    """One object of a document."""


S = TypeVar("S", bound=Section)


def told(value: object) -> str:
    """A plain value as a message tells it, in ASCII since it may be a stranger's; nothing of a list or an object."""
    if not isinstance(value, (str, int, type(None))):
        return ""
    text = json.dumps(value)
    return f": it is {text if len(text) <= _VALUE_SHOWN else text[:_VALUE_SHOWN] + '…'}"


def refuse(where: str, problem: str) -> NoReturn:
    """Raises the DataError of a plan, naming the key."""
    refuse_all([Fault(where, problem)])


def refuse_all(found: Sequence[Fault]) -> NoReturn:
    """Raises the DataError of a plan with everything that is wrong in it."""
    count = f", {len(found)} things are wrong" if len(found) > 1 else ""
    raise DataError(f"The plan cannot be used{count}: {listing(found)}.")


def listing(found: Sequence[Fault]) -> str:
    """What is wrong, in one line."""
    shown = "; ".join(f"{fault.where} {fault.problem}" for fault in found[:_FAULTS_SHOWN])
    return shown + (f"; and {len(found) - _FAULTS_SHOWN} more" if len(found) > _FAULTS_SHOWN else "")


def faults(record: type[Section], values: Mapping[str, object], where: str, more: Sequence[Across] = ()) -> list[Fault]:
    """What is wrong with the values of a record's fields: each by itself, then between them, also by `more` rules."""
    found: list[Fault] = []
    for name, rule in _rules(record).items():
        place = _join(where, name)
        if values[name] is _MISSING:
            found.append(Fault(place, "is missing"))
        else:
            found += rule.check(values[name], place)
    unsound = [fault.where for fault in found if not fault.between]
    own = [rule for kind in reversed(record.__mro__) for rule in vars(kind).values() if isinstance(rule, Across)]
    for between in (*own, *more):
        if any(_touch(place, _join(where, need)) for place in unsound for need in between.needs):
            continue
        operands = [_at(values, need) for need in between.needs]
        if any(value is _MISSING for value in operands):
            continue
        broken = between.check(*operands)
        found += [Fault(_join(where, place), problem, between=True) for place, problem in broken]
    return found


def check_section(value: Section, where: str) -> None:
    """Checks every field of a record and of its parts; raises DataError with all that is wrong, by its key."""
    if found := faults(type(value), vars(value), where):
        refuse_all(found)


def to_bytes(value: Section, extra: dict[str, str]) -> bytes:
    """The canonical bytes of a record, with the keys of `extra` at its top level."""
    document = {**extra, **asdict(value)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def load(document: bytes) -> object:
    """Parses JSON without floating point; raises DataError for anything that is not such a document."""

    def no_number(found: str) -> NoReturn:
        raise ValueError(f"{found[:40]} is not an integer")

    try:
        return json.loads(document.decode(), parse_float=no_number, parse_constant=no_number)
    except RecursionError:
        refuse("the document", "is nested too deeply")
    except ValueError as error:
        refuse("the document", f"is not JSON of integers and texts ({str(error)[:200]})")


def read(record: type[S], value: object, where: str, more: Sequence[Across] = ()) -> S:
    """The record of parsed JSON that has exactly its keys; raises DataError with all that is wrong, by its key.

    `more`: rules between its values that do not follow from the document alone.
    """
    if not isinstance(value, dict):
        refuse(where or "the document", f"is not an object{told(value)}")
    found: list[Fault] = []
    values = _values(record, value, where, found)
    found += faults(record, values, where, more)
    if found:
        refuse_all(found)
    return record(**values)


def _build(record: type[Section], value: object, where: str, found: list[Fault]) -> object:
    return record(**_values(record, value, where, found)) if isinstance(value, dict) else value


def _values(record: type[Section], value: Mapping[str, object], where: str, found: list[Fault]) -> dict[str, Any]:
    """The values of a record's fields, unchecked; keys that it has not are added to what was found."""
    rules = _rules(record)
    for name in sorted(value.keys() - rules.keys()):
        found.append(Fault(ascii(_join(where, name)[:100]), "is a key that no plan has"))
    return {
        name: rule.build(value[name], _join(where, name), found) if name in value else _MISSING
        for name, rule in rules.items()
    }


def _rules(record: type[Section]) -> dict[str, Rule]:
    """The rule of each field, from its annotation."""
    found: dict[str, Rule] = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        extras: Any = getattr(hint, "__metadata__", None)
        found[name] = extras[0] if extras else Part(hint)
    return found


def _at(values: Mapping[str, object], path: str) -> object:
    first, *rest = path.split(".")
    found = values.get(first, _MISSING)
    for name in rest:
        found = getattr(found, name, _MISSING)
    return found


def _touch(one: str, other: str) -> bool:
    """Whether one path is the other, or within it."""
    short, long = sorted((one, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
