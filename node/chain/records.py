# SPDX-License-Identifier: Apache-2.0
"""From the contracts' structs to the project's records: same members, Python's spelling."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from node.errors import ChainMismatch

_Record = TypeVar("_Record")


def to_record(kind: type[_Record], struct: Mapping[str, Any], **given: Any) -> _Record:
    """Build a record of `kind` from a decoded struct; `given` fills members that the struct lacks.

    Raises `ChainMismatch` where the struct has another shape: the contracts are of another version.
    """
    values: dict[str, Any] = dict(given)
    try:
        for name, hint in _members(kind):
            if name not in values:
                values[name] = _convert(hint, struct[_camel(name)])
    except (KeyError, ValueError) as error:
        raise ChainMismatch(
            f"A {kind.__name__} from the chain has another shape ({error}): "
            "the contracts and this program are of different versions."
        ) from None
    return kind(**values)


def to_struct(record: Any) -> dict[str, Any]:
    """The reverse: a record as the dictionary that a contract call takes."""
    return {
        _camel(member.name): to_struct(value) if dataclasses.is_dataclass(value) else value
        for member in dataclasses.fields(record)
        for value in (getattr(record, member.name),)
    }


def _members(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((member.name, hints[member.name]) for member in dataclasses.fields(kind))


def _convert(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return to_record(hint, value)
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
