# SPDX-License-Identifier: Apache-2.0
"""Close a round: have its model, ask for one that is lacking, serve it, and only then erase what opens its sum.

A round's secrets go when (a) its model is held here, checked against the root, and served; (b) the study ended without
finalising it, and that end is final; or (c) its set was never fixed, and its end is final. That the study ended is no
reason by itself: whoever finalised may keep the model to itself, and the others' shares are what brings it back.
"""

from __future__ import annotations

from node.chain.client import ChainReader
from node.errors import ChainUnavailable, CryptoError, OpeningRefused, StorageError
from node.learning import fixed_point
from node.proofs.commitments import weights_root
from node.proofs.model_document import model_document
from node.steps.batches import is_participant
from node.steps.ceremony.names import keys_name
from node.steps.context import StudyContext
from node.steps.evidence import watch_shares
from node.steps.finalising import FINALISE_TURN_SECONDS, open_sum
from node.steps.models import (
    known_weights,
    offered_models,
    post_model,
    posted_weights,
    remember_weights,
    weights_before,
)
from node.steps.one_set import FixedSet, final_set
from node.steps.pad_opening import post_pad_share
from node.types import Phase, RoundState

#: Share of a submission's length after a round was finalised, after which a node that lacks its model asks for it.
ASKING = 0.25


def close_round(context: StudyContext, round_number: int) -> bool:
    """Do what is left of a round once its end is final; True when nothing is.

    A round that this hospital took no part in is the others' to close.
    """
    hospital, settled = context.hospital, f"{context.round_key(round_number)}/settled"
    if hospital.state.result(settled) is not None or not is_participant(context, round_number):
        return True
    confirmed = context.confirmed_block()
    # Erasing cannot be undone: one endpoint's word is not enough.
    state, ended = _end(context, round_number, confirmed)
    if state.closed_as is not Phase.FINALISED:
        if state.closed_as is Phase.NONE and not ended:
            return False
        # Its set was never fixed; or it was, and the study ended without opening it.
        _erase(context, round_number, state.closed_as.name.lower() if state.closed_as else "ended")
        hospital.state.done(settled)
        return True
    if known_weights(context, round_number) is None:
        with context.stage("rebuild", round_number):
            _learn(context, round_number, state, confirmed)
    if known_weights(context, round_number) is None or not _is_posted(context, round_number, state):
        return False
    _erase(context, round_number, "finalised")
    if hospital.reader.is_recovering(context.id, round_number):
        # Others may still ask: this node serves the model until they cannot any more.
        return False
    hospital.state.done(settled)
    return True


def _end(context: StudyContext, round_number: int, confirmed: int) -> tuple[RoundState, bool]:
    """A round's record, and whether its study has ended, as all endpoints tell them of a final block."""

    def read(endpoint: ChainReader) -> tuple[RoundState, bool]:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        return state, endpoint.study_state(context.id, at=confirmed).ended

    return context.hospital.reader.agreed(read)


def _erase(context: StudyContext, round_number: int, how: str) -> None:
    """Erase a round's secrets, once; the shares signed in it are kept, as evidence."""
    hospital, key = context.hospital, f"{context.round_key(round_number)}/closed"
    if hospital.state.result(key) is not None:
        return
    ceremony = hospital.reader.batch_of(context.id, round_number).ceremony
    watch_shares(context, round_number)
    hospital.secrets.erase(keys_name(context, ceremony, round_number))
    hospital.secrets.erase(f"{context.round_key(round_number)}/blinding")
    hospital.secrets.erase(f"{context.round_key(round_number)}/update")
    hospital.state.done(key, {"as": how})
    context.log.info("round %d: closed (%s), its secrets are erased", round_number, how)


def _learn(context: StudyContext, round_number: int, state: RoundState, confirmed: int) -> None:
    """Have a finalised round's model: rebuilt from shares, or from a posted file; else ask the others for it.

    However it comes, the weights' root must be the one on chain. Asking is giving one's own share: with t of them the
    model is anybody's who asks, and they show nothing that finalising did not.
    """
    found = final_set(context, round_number, confirmed)
    try:
        opened = open_sum(context, round_number, found, lambda ready_at: True)
        if opened is not None:
            after = fixed_point.aggregate(weights_before(context, round_number), opened.values, state.sum_rows)
            if weights_root(after) == state.root_after:
                remember_weights(context, round_number, after)
                return
    except (ChainUnavailable, CryptoError, StorageError) as error:
        # An endpoint may have the contracts' state and not the events that tell what was submitted.
        context.say(f"round {round_number}", "no model from shares", f"round {round_number}: {error}")
    try:
        posted_weights(context, round_number, state.root_after)
    except StorageError:
        _ask(context, round_number, state, found)
        raise


def _ask(context: StudyContext, round_number: int, state: RoundState, found: FixedSet) -> None:
    """Ask for a model by giving one's own pad share, while the chain takes it; not before who finalised had its time to
    post the file."""
    reader = context.hospital.reader
    asking = state.closed_at + ASKING * context.plan.phases.submit
    if not reader.clock.is_past(asking) or not reader.is_recovering(context.id, round_number):
        return
    text = f"round {round_number}: nobody serves its model; this node asks for it by its pad share"
    context.say(f"round {round_number}", "asking for the model", text)
    try:
        post_pad_share(context, round_number, found)
    except OpeningRefused as error:
        context.say(f"round {round_number}", "refused", f"round {round_number}: {error}")


def _is_posted(context: StudyContext, round_number: int, state: RoundState) -> bool:
    """Whether a finalised round's model is on record and served here; who finalised may have died, or keep it back.

    Posts it where it is missing and this hospital has its turn.
    """
    hospital = context.hospital
    key = f"{context.round_key(round_number)}/model-posted"
    if hospital.state.result(key) is not None:
        return True
    weights = known_weights(context, round_number)
    assert weights is not None
    served = hospital.store.put(model_document(context.id, round_number, weights))
    if served.digest not in {post.digest for post in offered_models(context, round_number)}:
        if not context.is_my_turn(round_number, state.closed_at, FINALISE_TURN_SECONDS):
            return False
        post_model(context, round_number, weights)
    hospital.state.done(key)
    return True
