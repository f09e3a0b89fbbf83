# SPDX-License-Identifier: Apache-2.0
"""Opening by pads: any participant's share, once a round, for the set that all endpoints agree is final.

Any t good shares open, in whatever order and whenever they come. A false one is seen by everybody, and accused.
"""

from __future__ import annotations

import logging

from node.chain.client import ChainReader
from node.chain.openings import MAX_INLINE_BYTES
from node.crypto import SumOpening
from node.errors import MalformedShare, StorageError
from node.steps.accusing import accuse
from node.steps.batches import has_secrets, is_participant, round_secrets_of, rules_of, sits_out
from node.steps.context import StudyContext, is_left_to_others
from node.steps.one_set import FixedSet, remember_set
from node.types import Charge, PadSharePost, Phase, PhaseState, indices


def post_pad_share(context: StudyContext, round_number: int, found: FixedSet) -> None:
    """Post this hospital's pad share, unless it did; raises OpeningRefused for a set other than the one recorded.

    The caller sees to when: in the pads' windows, while a round is suspended, or to ask for a model that it lacks.
    """
    hospital = context.hospital
    _, posted = hospital.reader.shares_posted(context.id, round_number)
    if posted >> context.enrolment.index & 1 or is_left_to_others(hospital, context.id):
        return
    if sits_out(context, round_number):
        return
    if not has_secrets(context, round_number):
        text = f"round {round_number}: this node does not hold the round's secrets, and has no pad share to give"
        context.say(f"round {round_number}", "no secrets", text, logging.WARNING)
        return
    remember_set(context, round_number, found)
    opening = rules_of(context, round_number).later()
    with context.stage("pad-share", round_number):
        share = opening.share(hospital.id, round_secrets_of(context, round_number), found.included)
    if len(share) <= MAX_INLINE_BYTES:
        hospital.ledger.post_pad_share(context.id, round_number, share)
    else:
        address = hospital.store.put(share)
        hospital.ledger.post_pad_share_file(context.id, round_number, address.digest, address.size)
    context.log.info("round %d: posted a pad share", round_number)


def is_due(context: StudyContext, round_number: int, found: FixedSet, now: PhaseState) -> bool:
    """Whether this hospital should give its pad share now: t at once, the others where those did not do by half the
    window. A round that is suspended waits for anybody's."""
    batch = context.hospital.reader.batch_of(context.id, round_number)
    members = indices(batch.participants)
    place = (members.index(context.enrolment.index) - round_number) % len(members)
    half = (found.state.pads_from + found.state.pads_until) / 2
    first = now.phase is Phase.SUSPENDED or place < context.plan.encryption.threshold
    return context.hospital.reader.clock.is_past(found.state.pads_from if first else half)


def good_pad_shares(context: StudyContext, round_number: int, found: FixedSet) -> dict[int, bytes]:
    """The pad shares that fit, by hospital number; files of others are kept and served here, and false ones accused.

    Shares are taken from the newest block: each is checked, so that a chain that goes back makes nothing wrong. What
    they are checked against is final on all endpoints.
    """
    if not is_participant(context, round_number):
        return {}
    hospital = context.hospital
    posts = hospital.reader.pad_shares(context.id, round_number)
    if not posts:
        return {}
    confirmed = context.confirmed_block()
    opening = rules_of(context, round_number, confirmed).later()
    good: dict[int, bytes] = {}
    false: list[int] = []
    for number, post in posts.items():
        known = (context.id, round_number, number, post.digest)
        try:
            share = _bytes(context, opening, post)
            if known not in hospital.checked_shares:
                opening.check_share(number, found.included, share)
                hospital.checked_shares.add(known)
            good[number] = share
        except MalformedShare as error:
            text = f"round {round_number}: hospital {number} lied about its pad share: {error}"
            context.say(f"round {round_number}", f"false pad share of {number}", text, logging.WARNING)
            false.append(number)
        except StorageError as error:
            text = f"round {round_number}: hospital {number}'s pad share: {error}"
            context.say(f"round {round_number}", f"pad share of {number}", text)
    if false:
        final = _final_posts(context, round_number, confirmed)
        accuse(context, round_number, Charge.PAD_SHARE, [n for n in false if final.get(n) == _told(posts[n])])
    return good


def _final_posts(context: StudyContext, round_number: int, confirmed: int) -> dict[int, object]:
    """The pad shares on record, as all endpoints tell them of a final block: one may invent an event, or a size."""

    def read(endpoint: ChainReader) -> dict[int, object]:
        posts = endpoint.pad_shares(context.id, round_number, confirmed)
        return {number: _told(post) for number, post in posts.items()}

    return context.hospital.reader.agreed(read)


def _told(post: PadSharePost) -> object:
    """All that a share was found false by."""
    return post.share, post.digest, post.size


def _bytes(context: StudyContext, opening: SumOpening, post: PadSharePost) -> bytes:
    """A share's bytes; raises MalformedShare for a wrong size, which all see, StorageError while nobody serves them."""
    if post.size != opening.share_size:
        raise MalformedShare(f"it has {post.size} bytes; one of this round has {opening.share_size}")
    if post.share is not None:
        return post.share
    store = context.hospital.store
    content = store.get(post.digest, post.size)
    if post.hospital_id != context.hospital.id:
        store.put(content)
    return content
