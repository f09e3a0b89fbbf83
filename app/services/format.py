# SPDX-License-Identifier: Apache-2.0
"""Numbers for readers: each with its unit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from node.audit.basics import NetworkView
from node.plan import LEARNING_RATE_FRACTION_BITS, WEIGHT_FRACTION_BITS

_NOT_YET = "–"


def tokens(amount: int, network: NetworkView) -> str:
    """An amount of the network's token: to two places, marked where that leaves something out."""
    unit = 10**network.token_decimals
    places = 10 ** min(2, network.token_decimals)
    exact = amount * places % unit == 0
    shown = network.amount((amount * places + unit // 2) // unit * (unit // places))
    return shown if exact else f"≈ {shown}"


def token_number(amount: int, network: NetworkView) -> float:
    """An amount for a chart's axis, rounded as charts are."""
    return float(Decimal(amount).scaleb(-network.token_decimals))


def size(count: int) -> str:
    """A file's size."""
    if count < 1024:
        return f"{count} bytes"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024 / 1024:.1f} MiB"


def duration(seconds: int) -> str:
    """A length of time in its two largest units."""
    parts = []
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def time(seconds: int) -> str:
    """A moment, in UTC."""
    if not seconds:
        return _NOT_YET
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def weight(value: int) -> float:
    """A weight as a real number (scale 2^16)."""
    return value / (1 << WEIGHT_FRACTION_BITS)


def rate(value: int) -> str:
    """A learning rate (scale 2^8)."""
    return f"{value / (1 << LEARNING_RATE_FRACTION_BITS):g}"


def field_hex(value: int) -> str:
    """A field element as 32 bytes in hex."""
    return f"0x{value:064x}"


def short(text: str, head: int = 10, tail: int = 6) -> str:
    """A long identifier for a place where it only has to be recognised."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def names(items: list[str]) -> str:
    """Names in a sentence."""
    if len(items) < 2:
        return "".join(items) or "nobody"
    return f"{', '.join(items[:-1])} and {items[-1]}"
