# SPDX-License-Identifier: Apache-2.0
"""Money as people write it: whole tokens in decimals, never rounded."""

from __future__ import annotations

import re

from node.errors import UsageError

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def parse_amount(text: str, decimals: int) -> int:
    """An amount in whole tokens ("12.5") as an integer of the smallest unit; raises `UsageError`."""
    match = _AMOUNT.fullmatch(text.strip().replace("_", ""))
    if match is None:
        raise UsageError(f"{text!r} is no amount: write whole tokens in decimals, such as 250 or 12.5.")
    whole, part = match.group(1), (match.group(2) or "").rstrip("0")
    if len(part) > decimals:
        raise UsageError(f"{text} is finer than the token's smallest unit ({decimals} decimals).")
    return int(whole + part.ljust(decimals, "0"))
