# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON documents as checked records: each field states its rule once, for reading and building.

A field's rule stands in its annotation (`Annotated[int, Integer(0, 9)]`); a field that holds another record
needs none. Canonical means UTF-8, keys in order, no spaces, no floating point, and exactly the record's
keys, so that one record has one sequence of bytes and one digest.
"""

from __future__ import annotations

import decimal
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Protocol, TypeVar, get_type_hints

from node.errors import DataError

DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?")
WHOLE = re.compile(r"0|[1-9][0-9]{0,77}")
UINT8, UINT16, UINT32, UINT64 = ((1 << bits) - 1 for bits in (8, 16, 32, 64))


class Rule(Protocol):
    """How a value is made from parsed JSON and checked; both raise DataError naming the key."""

    def build(self, value: object, where: str) -> object:
        """The value as the record holds it."""

    def check(self, value: object, where: str) -> None:
        """Refuses a value that does not fit."""


@dataclass(frozen=True)
class _Plain:
    def build(self, value: object, where: str) -> object:
        return value


@dataclass(frozen=True)
class Integer(_Plain):
    """An integer in [low, high]."""

    low: int
    high: int

    def check(self, value: object, where: str) -> None:
        if type(value) is not int or not self.low <= value <= self.high:
            wanted = f"an integer in [{self.low}, {self.high}]"
            refuse(where, f"is not {self.low if self.low == self.high else wanted}")


@dataclass(frozen=True)
class Text(_Plain):
    """Printable text of 1 to `longest` characters; one of `allowed` where those are given."""

    longest: int
    allowed: tuple[str, ...] = ()

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, str) or not 1 <= len(value) <= self.longest or not value.isprintable():
            refuse(where, f"is not a text of 1 to {self.longest} printable characters")
        if self.allowed and value not in self.allowed:
            refuse(where, f"is not one of: {', '.join(self.allowed)}")


@dataclass(frozen=True)
class Decimal(_Plain):
    """A decimal number as text, such as "14.25", in [low, high] where those are given; no exponent."""

    positive: bool = False
    low: str | None = None
    high: str | None = None

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, str) or not DECIMAL.fullmatch(value):
            refuse(where, 'is not a decimal number as text, such as "14.25"')
        if self.positive and decimal.Decimal(value) <= 0:
            refuse(where, "is not above zero")
        if self.low is not None and decimal.Decimal(value) < decimal.Decimal(self.low):
            refuse(where, f"is below {self.low}")
        if self.high is not None and decimal.Decimal(value) > decimal.Decimal(self.high):
            refuse(where, f"is above {self.high}")


@dataclass(frozen=True)
class Amount(_Plain):
    """A whole, non-negative number as text, since money outgrows the integers of other readers."""

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, str) or not WHOLE.fullmatch(value):
            refuse(where, 'is not a whole number as text, such as "1000"')


@dataclass(frozen=True)
class Many:
    """A tuple of 1 to `most` values under one rule."""

    each: Rule
    most: int

    def build(self, value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            refuse(where, "is not a list")
        return tuple(self.each.build(entry, f"{where}[{index}]") for index, entry in enumerate(value))

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, tuple) or not 1 <= len(value) <= self.most:
            refuse(where, f"does not have 1 to {self.most} entries")
        for index, entry in enumerate(value):
            self.each.check(entry, f"{where}[{index}]")


@dataclass(frozen=True)
class Part:
    """Another record."""

    record: type[Section]

    def build(self, value: object, where: str) -> object:
        return read(self.record, value, where)

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, self.record):
            refuse(where, f"is not a {self.record.__name__}")
        check_section(value, where)


@dataclass(frozen=True)
class Either:
    """One of several records: the first that has one of the document's keys."""

    records: tuple[type[Section], ...]

    def build(self, value: object, where: str) -> object:
        keys = value.keys() if isinstance(value, dict) else set()
        record = next((record for record in self.records if keys & _rules(record).keys()), self.records[0])
        return read(record, value, where)

    def check(self, value: object, where: str) -> None:
        if not isinstance(value, self.records):
            refuse(where, f"is not a {' or a '.join(record.__name__ for record in self.records)}")
        check_section(value, where)


@dataclass(frozen=True)
class Section:
    """One object of a document."""

    def check(self, where: str) -> None:
        """The rules that hold between fields of this section; `where` is its path."""


S = TypeVar("S", bound=Section)


def refuse(where: str, problem: str) -> NoReturn:
    """Raises the DataError of a plan, naming the key."""
    raise DataError(f"The plan cannot be used: {where} {problem}.")


def check_section(value: Section, where: str) -> None:
    """Checks every field of a record and of its parts; raises DataError naming the key."""
    for name, rule in _rules(type(value)).items():
        rule.check(getattr(value, name), _join(where, name))
    value.check(where)


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


def read(record: type[S], value: object, where: str) -> S:
    """Builds a record from parsed JSON that has exactly its keys; the values are not checked yet."""
    if not isinstance(value, dict):
        refuse(where or "the document", "is not an object")
    rules = _rules(record)
    for name in sorted(rules.keys() - value.keys()):
        refuse(_join(where, name), "is missing")
    for name in sorted(value.keys() - rules.keys()):
        refuse(ascii(_join(where, name)[:100]), "is a key that no plan has")
    return record(**{name: rule.build(value[name], _join(where, name)) for name, rule in rules.items()})


def _rules(record: type[Section]) -> dict[str, Rule]:
    """The rule of each field, from its annotation."""
    found: dict[str, Rule] = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        extras: Any = getattr(hint, "__metadata__", None)
        found[name] = extras[0] if extras else Part(hint)
    return found


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
