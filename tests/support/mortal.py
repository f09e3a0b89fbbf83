# SPDX-License-Identifier: Apache-2.0
"""A node's process for tests, which can be killed at chosen points, once at each: a power cut to be repeated.

Processes come from a server that has imported the node once, since importing takes longer than most steps.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import node.runner  # noqa: F401 (what a node imports when it runs, imported before processes are split off)
from node.chain.ceremonies import CeremonyWriter
from node.chain.openings import OpeningWriter
from node.chain.rounds import RoundWriter
from node.chain.studies import StudyWriter
from node.cli import main
from node.proofs.prover import NativeProver
from node.state import NodeState
from scripts.children import end_with_parent

_CONTEXT = multiprocessing.get_context("forkserver")


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


def _payload(_self: object, key: str, *_: object) -> int | None:
    parts = key.split("/")
    return int(parts[1].removeprefix("round-")) if parts[-1] == "payload" else None


POINTS = {
    "using-block": Point(StudyWriter, "use_block", False, lambda *_: 0),
    "block-used": Point(StudyWriter, "use_block", True, lambda *_: 0),
    "dealing": Point(CeremonyWriter, "post_dealing", False, lambda *_: 0),
    "dealt": Point(CeremonyWriter, "post_dealing", True, lambda *_: 0),
    "held": Point(CeremonyWriter, "post_holding", True, lambda *_: 0),
    "acknowledged": Point(CeremonyWriter, "acknowledge", True, lambda *_: 0),
    # The payload is stored, and the journal does not know it yet.
    "encrypted": Point(NodeState, "done", False, _payload),
    # The witness, and records with it, lies in a temporary folder.
    "proving": Point(NativeProver, "_prove", False, lambda *_: 0),
    "submitting": Point(RoundWriter, "submit_update", False, _round_of),
    "submitted": Point(RoundWriter, "submit_update", True, _round_of),
    "attested": Point(RoundWriter, "attest", True, _round_of),
    # The set is recorded and the share is stored.
    "sharing": Point(OpeningWriter, "post_share", False, _round_of),
    "shared": Point(OpeningWriter, "post_share", True, _round_of),
    # The same, of its share of the pads.
    "opening": Point(OpeningWriter, "post_pad_share", False, _round_of),
    "opened": Point(OpeningWriter, "post_pad_share", True, _round_of),
    "finalised": Point(RoundWriter, "finalise", True, _round_of),
}


def start(
    arguments: Sequence[str], log: Path, environment: dict[str, str], deaths: Path, points: Sequence[str]
) -> ForkServerProcess:
    """Run `consilium ARGUMENTS…` in a process of its own, its output in `log`.

    It sends itself SIGKILL at the first of the points ("submitted", or "submitted@2" for round 2 only) that it
    reaches and that has no file in the folder `deaths` yet.
    """
    _CONTEXT.set_forkserver_preload([__name__])
    process = _CONTEXT.Process(
        target=_run, args=(list(arguments), log, dict(environment), deaths, list(points)), daemon=True
    )
    process.start()
    return process


def _run(arguments: list[str], log: Path, environment: dict[str, str], deaths: Path, points: list[str]) -> None:
    end_with_parent()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, sys.__stdout__.fileno())
    os.dup2(output, sys.__stderr__.fileno())
    deaths.mkdir(exist_ok=True)
    for point in points:
        _arm(deaths, point)
    code = main(arguments)
    # Told to stop while it ends anyway, it still ends as it says.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(code)


def _arm(folder: Path, name: str) -> None:
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
