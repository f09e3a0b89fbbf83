# SPDX-License-Identifier: Apache-2.0
"""The contracts' enums, in Python: same members, same order, names in Python's spelling.

Mirrored from `contracts/interfaces`; a test compares the two.
"""

from __future__ import annotations

import enum


class Standing(enum.IntEnum):
    """Where a hospital stands in the registry."""

    NONE = 0
    APPLIED = 1
    ADMITTED = 2
    SUSPENDED = 3


class StudyState(enum.IntEnum):
    """What a study is doing, derived by the contract."""

    NONE = 0
    PUBLISHED = 1
    ENROLLING = 2
    CEREMONY = 3
    RUNNING = 4
    COMPLETED = 5
    CANCELLED = 6

    @property
    def ended(self) -> bool:
        """Whether bonds and money can be taken back."""
        return self in (StudyState.COMPLETED, StudyState.CANCELLED)


class CeremonyStep(enum.IntEnum):
    """The steps of a key ceremony, in order."""

    KEY = 0
    DEAL = 1
    HOLD = 2
    COMPLAIN = 3
    ACKNOWLEDGE = 4


class CeremonyFailure(enum.IntEnum):
    """Why a key ceremony failed: too few are left, two transcripts were acknowledged by t each, or none was."""

    TOO_FEW = 0
    TWO_TRANSCRIPTS = 1
    NO_TRANSCRIPT = 2


class Phase(enum.IntEnum):
    """The phase of a round, derived by the contract; a suspended one waits for its opening until patience is over."""

    NONE = 0
    SUBMIT = 1
    ATTEST = 2
    INCLUDE = 3
    OPEN = 4
    SUSPENDED = 5
    FINALISED = 6
    FAILED = 7

    @property
    def opens(self) -> bool:
        """Whether the set is fixed and its sum can still be opened and finalised."""
        return self in (Phase.OPEN, Phase.SUSPENDED)


class Opening(enum.IntEnum):
    """How a round opens: by CKKS once, then by pads; or by pads at once."""

    CKKS = 0
    PADS = 1


class CircuitKind(enum.IntEnum):
    """What a listed circuit proves."""

    NONE = 0
    TRAINING = 1
    AGGREGATION = 2
    BOUNDED = 3


class Outcome(enum.IntEnum):
    """How a study's rounds ended."""

    OPEN = 0
    COMPLETED = 1
    CANCELLED = 2


class FailureReason(enum.IntEnum):
    """Why a round failed; one that was not opened within the plan's patience ends its study."""

    TOO_FEW_SUBMISSIONS = 0
    TOO_FEW_INCLUDED = 1
    UNOPENED = 2


class Offence(enum.IntEnum):
    """What a slice of a bond is taken for: lies, never silence."""

    FALSE_DEALING = 0
    FALSE_PAYLOAD = 1
    FALSE_PAD_SHARE = 2
    EQUIVOCATION = 3


class Charge(enum.IntEnum):
    """What participants accuse a hospital of: bytes under its digest that do not fit what it committed to."""

    PAYLOAD = 0
    PAD_SHARE = 1


class Service(enum.IntEnum):
    """What whoever moves a study on is paid for."""

    INCLUDE = 0
    FINALISE = 1
    MOVE_ON = 2
    FAIL = 3
