# SPDX-License-Identifier: Apache-2.0
"""How failures, offences, amounts, times, lists and a stranger's text are put: in logs, commands and the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from node.types import CeremonyFailure, Charge, FailureReason, Offence, Opening

FAILURE = {
    FailureReason.TOO_FEW_SUBMISSIONS: "fewer hospitals submitted an update than the plan's minimum",
    FailureReason.TOO_FEW_INCLUDED: "fewer updates were attested by enough hospitals than the plan's minimum",
    FailureReason.UNOPENED: "fewer hospitals than the threshold gave pad shares within the plan's patience",
}
OFFENCE = {
    Offence.FALSE_DEALING: "a false dealing in a key ceremony, or a false complaint about one",
    Offence.FALSE_PAYLOAD: "an update whose bytes do not fit what it committed to",
    Offence.FALSE_PAD_SHARE: "a pad share that does not fit the dealings",
    Offence.EQUIVOCATION: "two different CKKS shares signed for one round and set",
}
CHARGE = {
    Charge.PAYLOAD: OFFENCE[Offence.FALSE_PAYLOAD],
    Charge.PAD_SHARE: OFFENCE[Offence.FALSE_PAD_SHARE],
}
CEREMONY_FAILURE = {
    CeremonyFailure.TOO_FEW: "fewer hospitals than the plan's minimum were left",
    CeremonyFailure.TWO_TRANSCRIPTS: "two transcripts were acknowledged by enough hospitals each",
    CeremonyFailure.NO_TRANSCRIPT: "no transcript was acknowledged by enough hospitals",
}
OPENING = {
    Opening.CKKS: "by CKKS, then by pads",
    Opening.PADS: "by pads",
}

#: Of a study without a privacy budget; no rule of the protocol prevents it.
NEIGHBOURING = (
    "This study has no privacy budget: whoever is in the sum of one round and not in that of the next shows its own "
    "update approximately to everybody"
)
#: What `scripts/bench_differencing.py` measures (the median hospital), rounded; a test compares them.
NEIGHBOURING_MEASURED = (
    "Among five hospitals with breast cancer records, that told an update to 13 % after five rounds and to 1 % after "
    "eleven"
)


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


def token_word(symbol: str) -> str:
    """A token's name beside an amount: its symbol, unless that is more than a word and could add to the amount."""
    return symbol if symbol.isascii() and symbol.isalnum() and symbol[0].isalpha() and len(symbol) <= 12 else "tokens"


# What Unicode calls printable and nobody sees: fillers, joiners, selectors, an empty Braille cell.
_UNSEEN = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, *range(0xFE00, 0xFE10), 0xFFA0)
) | frozenset(range(0xE0100, 0xE01F0))
# No script needs more marks on one letter; more of them paint over the lines above and below.
_MARKS_MOST = 4
_LONGEST = 2000


def plain(text: str) -> str:
    """A stranger's text on one line, for eyes: what could steer a terminal, forge a line or hide is an escape.

    That is every control and format character, line break and invisible sign, as Python writes them (\\x1b), and
    marks that are piled up. Of a text beyond 2,000 characters the rest is counted. Of what is plain, nothing changes.
    """
    shown: list[str] = []
    marks = 0
    for sign in text[:_LONGEST]:
        marks = marks + 1 if unicodedata.category(sign).startswith("M") else 0
        seen = sign.isprintable() and ord(sign) not in _UNSEEN and marks <= _MARKS_MOST
        shown.append(sign if seen else sign.encode("unicode_escape").decode())
    rest = len(text) - _LONGEST
    return "".join(shown) + (f" … and {rest:,} characters more" if rest > 0 else "")
