# SPDX-License-Identifier: Apache-2.0
"""A node that is killed at chosen points, once at each: a power cut that can be repeated.

`python -m tests.support.mortal FOLDER POINT[@ROUND],… ARGUMENTS…` runs `consilium ARGUMENTS…`. The process
sends itself SIGKILL at the first point it reaches that has no file in FOLDER yet.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.chain.rounds import RoundWriter
from node.chain.studies import StudyWriter
from node.cli import main
from node.proofs.prover import NativeProver
from node.state import NodeState
from node.types import CeremonyStep


@dataclass(frozen=True)
class Point:
    """A call at which to die: before it does anything, or after it has returned.

    `moment` tells the round from the call's arguments, 0 where there is none, and None for another call.
    """

    owner: type
    method: str
    after: bool
    moment: Callable[..., int | None]


def _round_of(_self: object, _study: int, round_number: int, *_: object) -> int:
    return round_number


def _ceremony(wanted: CeremonyStep) -> Callable[..., int | None]:
    def moment(_self: object, _study: int, _ceremony: int, step: CeremonyStep, *_: object) -> int | None:
        return 0 if step is wanted else None

    return moment


def _encryption(_self: object, key: str, *_: object) -> int | None:
    parts = key.split("/")
    return int(parts[1].removeprefix("round-")) if parts[-1] == "encryption" else None


POINTS = {
    "dealing": Point(StudyWriter, "post_ceremony", False, _ceremony(CeremonyStep.DEALING)),
    "test-shares": Point(StudyWriter, "post_ceremony", True, _ceremony(CeremonyStep.TEST_SHARES)),
    "acknowledged": Point(StudyWriter, "post_ceremony", True, _ceremony(CeremonyStep.ACKNOWLEDGEMENT)),
    # The ciphertext is stored, and the journal does not know it yet.
    "encrypted": Point(NodeState, "done", False, _encryption),
    # The witness, and records with it, lies in a temporary folder.
    "proving": Point(NativeProver, "_prove", False, lambda *_: 0),
    "submitting": Point(RoundWriter, "submit_update", False, _round_of),
    "submitted": Point(RoundWriter, "submit_update", True, _round_of),
    "attested": Point(RoundWriter, "attest", True, _round_of),
    # The set is recorded and the share is stored.
    "sharing": Point(RoundWriter, "post_share", False, _round_of),
    "shared": Point(RoundWriter, "post_share", True, _round_of),
    "finalised": Point(RoundWriter, "finalise", True, _round_of),
}


def arm(folder: Path, name: str) -> None:
    """Have the process killed at a point, unless it was before."""
    base, _, chosen = name.partition("@")
    point = POINTS[base]
    original = getattr(point.owner, point.method)
    marker = folder / name

    def reached(*arguments: Any) -> None:
        moment = point.moment(*arguments)
        if moment is None or (chosen and moment != int(chosen)) or marker.exists():
            return
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(*arguments: Any) -> Any:
        if not point.after:
            reached(*arguments)
        result = original(*arguments)
        if point.after:
            reached(*arguments)
        return result

    setattr(point.owner, point.method, wrapped)


if __name__ == "__main__":
    deaths = Path(sys.argv[1])
    deaths.mkdir(exist_ok=True)
    for armed in sys.argv[2].split(","):
        arm(deaths, armed)
    sys.exit(main(sys.argv[3:]))
