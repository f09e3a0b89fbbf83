# SPDX-License-Identifier: Apache-2.0
"""Key: this hospital's keys of a ceremony, from one seed that is durable before they leave."""

from __future__ import annotations

from node.crypto import keys_to_post, new_ceremony_seed
from node.errors import SecretUnavailable
from node.steps.ceremony.binding import identity_of
from node.steps.ceremony.names import keys_posted, seed_name
from node.steps.context import StudyContext
from node.steps.salt import own_salt
from node.types import CeremonyState


def post_keys(context: StudyContext, state: CeremonyState) -> None:
    """Post this hospital's keys, once; their seed is new in each ceremony."""
    hospital, mine = context.hospital, 1 << context.enrolment.index
    if not state.due & mine or state.keyed & mine:
        return
    name, entry = seed_name(context, state.number), keys_posted(context, state.number)
    if hospital.state.result(entry) is None:
        if not hospital.secrets.has(name):
            hospital.secrets.put(name, new_ceremony_seed())
        hospital.state.done(entry)
    keys = keys_to_post(identity_of(context, state.number), ceremony_seed(context, state.number))
    salt = own_salt(hospital, context.id)
    hospital.ledger.post_keys(context.id, state.number, keys.pad.x, keys.pad.y, keys.box, salt)
    context.log.info("ceremony %d: posted keys", state.number)


def ceremony_seed(context: StudyContext, ceremony: int) -> bytes:
    """The seed of a ceremony that this hospital posted keys in; raises SecretUnavailable where it is gone."""
    try:
        return context.hospital.secrets.get(seed_name(context, ceremony))
    except SecretUnavailable:
        raise SecretUnavailable(
            f"Study {context.id}, ceremony {ceremony}: this node's ceremony secret is gone, so it cannot take part; it "
            "posts new keys in the next one. Restore the secrets folder if you can."
        ) from None
