# SPDX-License-Identifier: Apache-2.0
"""How failed rounds, offences, amounts, times and lists are put, in a node's log, its commands and the audit page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from node.types import FailureReason, Offence

FAILURE = {
    FailureReason.TOO_FEW_SUBMISSIONS: "fewer hospitals submitted an update than the plan's minimum",
    FailureReason.TOO_FEW_INCLUDED: "fewer updates were attested by enough hospitals than the plan's minimum",
    FailureReason.UNOPENED: "no attempt gave the sum of the updates: shares were missing, or did not open it",
    FailureReason.ANOTHER_SET: (
        "an earlier round fixed a set for the same starting model, and not all of that set were there again; "
        "a sum over another would show somebody's update"
    ),
}
OFFENCE = {
    Offence.MISSING_DEALING: "no dealing in the key ceremony",
    Offence.CIPHERTEXT_LEFT_OUT: "a submitted update that the others could not get",
    Offence.MISSING_SHARE: "no opening share although named for it",
    Offence.EQUIVOCATION: "two different opening shares signed for one attempt",
}


def format_amount(amount: int, decimals: int) -> str:
    """An integer of the smallest unit in whole tokens, exact and without trailing zeros."""
    whole, part = divmod(amount, 10**decimals)
    digits = str(part).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{whole:,}" + (f".{digits}" if digits else "")


def format_time(seconds: int, now: float | None = None) -> str:
    """A time in seconds since 1970, in this machine's time zone; with `now`, how far off it is too."""
    try:
        date = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        # A stranger's number may name a year that no calendar has.
        return f"{seconds} s after the beginning of 1970"
    shown = date.strftime("%Y-%m-%d %H:%M:%S %Z")
    if now is None:
        return shown
    away = round(seconds - now)
    return f"{shown} (in {format_span(away)})" if away > 0 else f"{shown} ({format_span(-away)} ago)"


def format_span(seconds: int) -> str:
    """A length of time in its two largest units: "1 d 4 h", "20 min", "45 s"."""
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        parts.append((count, unit))
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [f"{count:,} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def listed(items: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first of so many things, and how many more there are."""
    shown = separator.join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"
