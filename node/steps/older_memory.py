# SPDX-License-Identifier: Apache-2.0
"""One key, one node: what a node does where its key has sent what its memory does not hold.

The memory is new, or was brought back from a backup, or another node uses the key. Two nodes of one hospital encrypt
two messages under one secret, or help to open two sets, and its bond is cut. So before a node has sent anything, it
looks whether the other one answers; if not, it leaves its studies to the others up to their next key ceremonies, and
is silent meanwhile, so that the other one would be seen first. Whatever comes from elsewhere later ends the node.
"""

from __future__ import annotations

import secrets

import requests
from urllib3.exceptions import HTTPError

from node.chain.delivery import in_use
from node.chain.events import NumbersNamed
from node.steps.context import Hospital, is_left_to_others, left_to_others
from node.storage.gateway import NOT_HERE
from node.web import open_session

_SILENCE_SECONDS = 5.0
_EVER = "older-memory"
"""The journal's entry that this node has left a study to the others."""


def take_over(hospital: Hospital) -> None:
    """Be the only one that signs with the operator's key from now on.

    Raises `KeyInUse` where another node does, and `ChainUnavailable` where the chain cannot be read.
    """

    def unknown_found(unknown: int) -> None:
        registered = hospital.reader.hospital(hospital.id).endpoint
        if registered and _another_answers(hospital, registered):
            raise in_use(
                f"{hospital.operator} has sent {unknown} transactions that this memory does not hold, and a node "
                f"answers at {registered}, the hospital's registered endpoint"
            )
        _leave_studies(hospital, unknown)

    hospital.ledger.key.take_over(unknown_found)


def is_silent(hospital: Hospital) -> bool:
    """Whether all studies of the hospital that go on are left to the others, so that there is nothing to announce."""
    if hospital.state.result(_EVER) is None:
        return False
    going_on = [study for study in _enrolled(hospital) if not hospital.reader.study_state(study).ended]
    return bool(going_on) and all(is_left_to_others(hospital, study) for study in going_on)


def _leave_studies(hospital: Hospital, unknown: int) -> None:
    hospital.log.warning(
        "%s has sent %d transactions that this node's memory does not hold: it is new or was brought back from a "
        "backup, or another node uses the key. Make sure that no other one runs. This one announces nothing and sits "
        "out each of its studies up to the next key ceremony; `consilium keys rotate` has one held sooner",
        hospital.operator,
        unknown,
    )
    hospital.state.done(_EVER)
    for study in _enrolled(hospital):
        if not hospital.reader.study_state(study).ended:
            ceremony = hospital.reader.ceremony_state(study).number
            hospital.state.done(left_to_others(study, ceremony), {"unknown_transactions": unknown})


def _enrolled(hospital: Hospital) -> tuple[int, ...]:
    return NumbersNamed(hospital.reader, "StudyRegistry", "HospitalEnrolled", "studyId", hospitalId=hospital.id).look()


def _another_answers(hospital: Hospital, endpoint: str) -> bool:
    """Whether the gateway of another node answers at an address, which may well lead to this node's own."""
    here = hospital.store.put(secrets.token_bytes(32))
    try:
        with (
            open_session(endpoint) as session,
            session.get(
                f"{endpoint.rstrip('/')}/ipfs/{here.cid}", timeout=_SILENCE_SECONDS, allow_redirects=False, stream=True
            ) as answer,
        ):
            return bool(answer.raw.read(len(NOT_HERE)) == NOT_HERE.encode())
    except (requests.RequestException, HTTPError, OSError, ValueError):
        return False
