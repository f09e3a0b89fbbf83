# SPDX-License-Identifier: Apache-2.0
"""The salt that a hospital commits to when it enrols, and shows in key ceremonies: it is mixed into the others' draws.

It stands in the journal, hence in backups: it is no secret once the first ceremony began, and a restored node needs it.
"""

from __future__ import annotations

import secrets

from node.chain.studies import salt_commitment
from node.errors import StudyError
from node.steps.context import Hospital

_SALT_BYTES = 32


def commit_to_salt(hospital: Hospital, study_id: int) -> bytes:
    """What the enrolment puts on chain, 32 bytes: the commitment to a salt that is drawn once for each study."""
    hospital.state.done(_entry(study_id), {"salt": secrets.token_hex(_SALT_BYTES)})
    return salt_commitment(own_salt(hospital, study_id))


def own_salt(hospital: Hospital, study_id: int) -> bytes:
    """The salt, 32 bytes; raises StudyError where this memory is not of the node that enrolled."""
    kept = hospital.state.result(_entry(study_id))
    if kept is None:
        raise StudyError(
            f"Study {study_id}: this node does not know the salt that its hospital committed to when it enrolled, and "
            "cannot post keys without it. Restore the state file of the node that enrolled."
        )
    return bytes.fromhex(kept["salt"])


def _entry(study_id: int) -> str:
    return f"study-{study_id}/salt"
