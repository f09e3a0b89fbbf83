# SPDX-License-Identifier: Apache-2.0
"""Whether what stands on chain in this hospital's name is what this node sent.

Two nodes with one key can both have a seed and take the other's keys or dealing for their own. Such a node would
complain of everybody with a point that its key does not bear out, or mask an update by a pad that was not dealt.
"""

from __future__ import annotations

from node.crypto import keys_to_post
from node.steps.ceremony.binding import FinalCeremony, identity_of
from node.steps.ceremony.keys import ceremony_seed
from node.steps.ceremony.names import dealing_made
from node.steps.ceremony.standing import leave_alone
from node.steps.context import StudyContext


def is_anothers(context: StudyContext, found: FinalCeremony) -> bool:
    """Whether keys or dealing on record are none of this node's; it then leaves the ceremony alone."""
    hospital, number = context.hospital, found.state.number
    posted, mine = found.keys[hospital.id], keys_to_post(identity_of(context, number), ceremony_seed(context, number))
    strange = (posted.px, posted.py, posted.box_key) != (mine.pad.x, mine.pad.y, mine.box)
    dealt, made = found.dealings.get(hospital.id), hospital.state.result(dealing_made(context, number))
    if dealt is not None:
        strange = strange or made is None or dealt.digest.hex() != made["digest"]
    if strange:
        leave_alone(
            context, number,
            "the chain shows keys or a dealing in this hospital's name that this node did not make: another program "
            "uses its key",
        )  # fmt: skip
    return strange
