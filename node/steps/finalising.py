# SPDX-License-Identifier: Apache-2.0
"""Open and finalise: from whatever shares there are to the proved next model, by whoever's turn it is."""

from __future__ import annotations

from collections.abc import Callable

from node.crypto import OpenedSum
from node.errors import OpeningFailed
from node.group.babyjubjub import Point
from node.learning import fixed_point
from node.proofs.statements import aggregation_statement
from node.steps.batches import rules_of
from node.steps.ckks_opening import held_shares
from node.steps.context import StudyContext
from node.steps.models import post_model, remember_weights, weights_before
from node.steps.one_set import FixedSet
from node.steps.pad_opening import good_pad_shares
from node.steps.payloads import included_payloads

#: Seconds at most between the hospitals' turns at proving and finalising, which take longer than a transaction.
FINALISE_TURN_SECONDS = 15.0


def finalise(context: StudyContext, round_number: int, found: FixedSet) -> None:
    """Open the sum as soon as it can be, prove the next model, and finalise, where it is this hospital's turn."""
    hospital, reader = context.hospital, context.hospital.reader
    # The quorum's members were there just now, and all of them have their turn before the window is over.
    seconds = min(FINALISE_TURN_SECONDS, context.plan.phases.open / (len(found.quorum) + 1))

    def has_turn(ready_at: int) -> bool:
        return context.is_my_turn(round_number, ready_at, seconds, first=found.quorum)

    opened = open_sum(context, round_number, found, has_turn)
    if opened is None:
        return
    state = reader.round_state(context.id, round_number)
    weights = weights_before(context, round_number)
    with context.stage("combine", round_number):
        after = tuple(fixed_point.aggregate(weights, opened.values, state.sum_rows))
    with context.stage("aggregate-prove", round_number):
        statement = aggregation_statement(
            context=reader.aggregation_context(context.id, round_number, state.included_bitmap),
            weights=weights,
            weights_after=after,
            sums=opened.values,
            blinding=opened.blinding,
            row_sum=state.sum_rows,
            packed_bits=context.plan.packed_bits,
        )
        proved = hospital.prover.prove(context.circuit(context.plan.aggregation.circuit), statement)
    with context.stage("finalise", round_number):
        # Opening has compared it with the one on chain.
        total = statement.commitment_sum
        hospital.ledger.finalise(context.id, round_number, (total.x, total.y), statement.root_after, proved.proof)
    remember_weights(context, round_number, after)
    post_model(context, round_number, after)
    context.log.info("round %d: finalised", round_number)


def open_sum(
    context: StudyContext, round_number: int, found: FixedSet, has_turn: Callable[[int], bool]
) -> OpenedSum | None:
    """The sum over a round's set, shown to open ΣC: by CKKS where all its shares are there, else by t good pad shares.

    None while there are too few, or while `has_turn` says no to the second at which there were enough. Shares are
    fetched, kept, checked and served either way. Raises StorageError while a payload is not to be had.
    """
    shares = held_shares(context, round_number, found)
    pads = good_pad_shares(context, round_number, found)
    opened = _by_ckks(context, round_number, found, shares, has_turn)
    if opened is not None or len(pads) < context.plan.encryption.threshold:
        return opened
    posts = context.hospital.reader.pad_shares(context.id, round_number)
    blocks = sorted(posts[number].block_number for number in pads)
    if not has_turn(_time(context, blocks[context.plan.encryption.threshold - 1])):
        return None
    payloads = included_payloads(context, round_number, found.included)
    with context.stage("open-pads", round_number):
        commitment = _commitment(context, round_number, found)
        return rules_of(context, round_number).later().open(payloads, pads, commitment)


def _by_ckks(
    context: StudyContext,
    round_number: int,
    found: FixedSet,
    shares: dict[int, bytes],
    has_turn: Callable[[int], bool],
) -> OpenedSum | None:
    """What the quorum's shares open; None where some are missing, or where they were seen to open nothing."""
    journal, key = context.hospital.state, f"{context.round_key(round_number)}/ckks-failed"
    if not found.opens_by_ckks or len(shares) < len(found.quorum) or journal.result(key) is not None:
        return None
    posts = context.hospital.reader.share_posts(context.id, round_number).values()
    if not has_turn(_time(context, max(post.block_number for post in posts))):
        return None
    payloads = included_payloads(context, round_number, found.included)
    try:
        with context.stage("open-ckks", round_number):
            commitment = _commitment(context, round_number, found)
            return rules_of(context, round_number).first(found.quorum).open(payloads, shares, commitment)
    except OpeningFailed as error:
        context.log.warning("round %d: CKKS did not open it, and pads will. %s", round_number, error)
        journal.done(key, {"reason": str(error)})
        return None


def _commitment(context: StudyContext, round_number: int, found: FixedSet) -> Point:
    return Point(*context.hospital.reader.included_sum(context.id, round_number, found.state))


def _time(context: StudyContext, block: int) -> int:
    return context.hospital.reader.block(block).timestamp
