# SPDX-License-Identifier: Apache-2.0
"""Lies for the demo: each replaces functions of the node's steps in the process that it is loaded into.

Every hospital's process gets the same lie, and the one with the place for it tells it: the last to have enrolled, or,
where a lie needs a place in an opening, whoever has that. It leaves a note in its folder, which nothing of the node
reads; all that others learn of it they learn by the protocol.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.crypto import ciphertext_size, encrypt
from node.crypto.pads import masked_size
from node.steps import advance, ckks_opening, closing, finalising, opening, pad_opening, submission
from node.steps.batches import rules_of
from node.steps.ceremony import dealing
from node.steps.context import StudyContext
from node.types import indices

#: The round that lies are told in; the ceremony's is told before the first.
ROUND = 2
NOTE = "lied.json"


@dataclass(frozen=True)
class Lie:
    """What a kind of liar does, in words; whether others find out who it was; whether it costs the liar anything."""

    deed: str
    install: Callable[[Liar], None]
    is_found: bool = True
    is_fined: bool = True


@dataclass(frozen=True)
class Liar:
    """A process that may lie: `home` is its node's folder."""

    kind: str
    home: Path

    def note(self) -> None:
        """Leave a note that this hospital is the one that lied."""
        (self.home / NOTE).write_text(json.dumps({"kind": self.kind}))


def install(kind: str, home: Path) -> None:
    """Have this process lie where it has the place for it."""
    LIES[kind].install(Liar(kind, home))


def _deal_falsely(liar: Liar) -> None:
    """One pad box of the dealing does not open."""
    honest = dealing.make_dealing

    def make_dealing(ctx: Any, me: int, seed: bytes, keys: Any) -> bytes:
        from tests.support.liars import with_changed_box

        file = honest(ctx, me, seed, keys)
        if me != ctx.parties[-1]:
            return file
        liar.note()
        return with_changed_box(ctx, file, me, ctx.parties[0], ctx.first_round)

    dealing.make_dealing = make_dealing


def _mask_another_update(liar: Liar) -> None:
    """The payload holds another update than was committed to and proved."""

    def changed(context: StudyContext, payload: bytes, *_: Any) -> bytes:
        if not _enrolled_last(context):
            return payload
        liar.note()
        return bytes((payload[0] ^ 1,)) + payload[1:]

    _change_payload(changed)


def _encrypt_another_update(liar: Liar, is_liar: Callable[[StudyContext], bool]) -> None:
    """The payload's ciphertext holds another update than its masked part."""

    def changed(context: StudyContext, payload: bytes, rules: Any, me: int, secrets: bytes, *update: Any) -> bytes:
        if not is_liar(context):
            return payload
        liar.note()
        values, blinding = list(update[0]), update[1]
        values[0] += 1 if values[0] < 0 else -1
        false = encrypt(rules.ctx, me, secrets, rules.ctx.form.to_values(values, blinding))
        masked = payload[: masked_size(rules.ctx.pads)]
        assert len(payload) == len(masked) + ciphertext_size(rules.ctx)
        return masked + false

    _change_payload(changed)


def _share_falsely_by_pads(liar: Liar) -> None:
    """The pad share is not the one for the set; and CKKS is spoilt as well, or pads would not open."""
    _encrypt_another_update(liar, _shares_first)
    due = opening.is_due

    def rules_of_liar(context: StudyContext, number: int, *confirmed: int) -> Any:
        rules = rules_of(context, number, *confirmed)
        if number == ROUND and _shares_first(context):
            honest = rules.later

            def later() -> Any:
                made = honest()
                share = made.share
                made.share = lambda *arguments: _one_bit_off(share(*arguments))
                return made

            rules.later = later
        return rules

    def is_due(context: StudyContext, number: int, found: Any, now: Any) -> bool:
        if number == ROUND and _shares_first(context):
            return context.hospital.reader.clock.is_past(found.state.pads_from)
        return due(context, number, found, now)

    pad_opening.rules_of = rules_of_liar
    opening.is_due = is_due


def _withhold_the_payload(liar: Liar) -> None:
    """What was submitted is never served to anybody."""
    honest = advance.release_own

    def release_own(context: StudyContext, number: int) -> None:
        if number == ROUND and _enrolled_last(context):
            liar.note()
        else:
            honest(context, number)

    advance.release_own = release_own


def _keep_the_model(liar: Liar) -> None:
    """The CKKS share is posted and served to nobody, so that its sender alone can finalise; it posts no model."""
    post_share, post_model, is_posted = opening.post_share, finalising.post_model, closing._is_posted

    def withheld(context: StudyContext, number: int, found: Any) -> None:
        if number != ROUND or not _named_first(context, found.quorum):
            return post_share(context, number, found)
        liar.note()
        store = context.hospital.store
        put = store.put
        store.put = lambda content, **_: put(content, release=False)
        try:
            return post_share(context, number, found)
        finally:
            store.put = put

    def is_hostage(number: int) -> bool:
        return number == ROUND and (liar.home / NOTE).exists()

    opening.post_share = withheld
    finalising.post_model = lambda context, number, weights: (
        None if is_hostage(number) else post_model(context, number, weights)
    )
    closing._is_posted = lambda context, number, state: (
        True if is_hostage(number) else is_posted(context, number, state)
    )


def _be_absent(liar: Liar) -> None:
    """A member of the quorum is not there for the opening."""
    honest = advance.open_round

    def open_round(context: StudyContext, number: int, now: Any, confirmed: int) -> None:
        quorum = context.hospital.reader.quorum(context.id, number, confirmed)
        if number == ROUND and _named_first(context, quorum):
            liar.note()
        else:
            honest(context, number, now, confirmed)

    advance.open_round = open_round


def _share_falsely_by_ckks(liar: Liar) -> None:
    """The CKKS share is not the one for the set."""

    def rules_of_liar(context: StudyContext, number: int, *confirmed: int) -> Any:
        rules = rules_of(context, number, *confirmed)
        honest = rules.first

        def first(quorum: tuple[int, ...]) -> Any:
            made = honest(quorum)
            if number == ROUND and _named_first(context, quorum):
                liar.note()
                share = made.share
                made.share = lambda *arguments: _last_bit_off(share(*arguments))
            return made

        rules.first = first
        return rules

    ckks_opening.rules_of = rules_of_liar


def _change_payload(changed: Callable[..., bytes]) -> None:
    """Have the payload of the round of lies changed before it is stored."""

    def rules_of_liar(context: StudyContext, number: int, *confirmed: int) -> Any:
        rules = rules_of(context, number, *confirmed)
        if number == ROUND:
            honest = rules.make_payload

            def make_payload(me: int, secrets: bytes, update: Any, blinding: int) -> bytes:
                return changed(context, honest(me, secrets, update, blinding), rules, me, secrets, update, blinding)

            rules.make_payload = make_payload
        return rules

    submission.rules_of = rules_of_liar


def _one_bit_off(share: bytes) -> bytes:
    """Another scalar in the first place, as small as it was."""
    return bytes((share[0] ^ 1,)) + share[1:]


def _last_bit_off(share: bytes) -> bytes:
    """Another residue in the last place, hardly ever one that is not reduced."""
    return share[:-8] + bytes((share[-8] ^ 1,)) + share[-7:]


def _enrolled_last(context: StudyContext) -> bool:
    enrolled = context.hospital.reader.enrolled_ids(context.id)
    return enrolled[-1] == context.hospital.id


def _named_first(context: StudyContext, quorum: tuple[int, ...]) -> bool:
    return quorum[:1] == (context.hospital.id,)


def _shares_first(context: StudyContext) -> bool:
    """Whether this hospital is the first whose pad share is due in the round of lies."""
    members = indices(context.hospital.reader.batch_of(context.id, ROUND).participants)
    return (members.index(context.enrolment.index) - ROUND) % len(members) == 0


LIES = {
    "dealing": Lie("gave another hospital a box of its dealing that does not open", _deal_falsely),
    "ciphertext": Lie("masked another update than it had committed to", _mask_another_update),
    "share": Lie(
        "gave a false pad share, after a false ciphertext that kept CKKS from opening", _share_falsely_by_pads
    ),
    "withhold": Lie("submitted an update and served its payload to nobody", _withhold_the_payload),
    "hostage": Lie(
        "finalised alone, with a CKKS share that it kept, and kept the model", _keep_the_model, is_fined=False
    ),
    "absent": Lie("was named to open the sum, and was away", _be_absent, is_found=False, is_fined=False),
    "ckks-ciphertext": Lie(
        "encrypted another update than it had masked",
        lambda liar: _encrypt_another_update(liar, _enrolled_last),
        is_found=False,
        is_fined=False,
    ),
    "ckks-share": Lie("gave a false CKKS share", _share_falsely_by_ckks, is_found=False, is_fined=False),
}
