# SPDX-License-Identifier: Apache-2.0
"""What changed who takes part in a study, or for how long its keys last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.audit.ledger import Ledger, members
from node.audit.views import Move, MoveView

#: The event of each kind, and whom it is about beside who made it.
_EVENTS: dict[Move, tuple[str, str, Callable[[dict[str, Any], tuple[int, ...]], tuple[int, ...]]]] = {
    Move.WITHDREW: ("StudyRegistry", "EnrolmentWithdrawn", lambda told, ids: ()),
    Move.APPROVED: ("StudyRegistry", "NewcomerApproved", lambda told, ids: (told["hospitalId"],)),
    Move.LEFT: ("KeyCeremony", "HospitalLeft", lambda told, ids: ()),
    Move.ASKED: ("KeyCeremony", "CeremonyRequested", lambda told, ids: ()),
    Move.CUT_SHORT: ("KeyCeremony", "BatchCutShort", lambda told, ids: members(told["sittingOut"], ids)),
}


def read_moves(ledger: Ledger, study_id: int, hospitals: tuple[int, ...]) -> tuple[MoveView, ...]:
    """All of them, oldest first; `hospitals` are registry numbers by enrolment index."""
    found = []
    for what, (contract, name, about) in _EVENTS.items():
        for event in ledger.events(contract, name, studyId=study_id):
            told = dict(event.arguments)
            act = ledger.act(event, told.get("by", told.get("hospitalId", 0)))
            found.append(MoveView(what, about(told, hospitals), act))
    return tuple(sorted(found, key=lambda move: move.act.block_number))
