# SPDX-License-Identifier: Apache-2.0
"""How a failed round, an offence and an amount are put, in a node's log, its commands and the audit page."""

from __future__ import annotations

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
