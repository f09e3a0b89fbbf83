# SPDX-License-Identifier: Apache-2.0
"""Include, open and finalise: from attested ciphertexts to the proved next model."""

from __future__ import annotations

from collections.abc import Mapping

from node.chain.client import ChainReader
from node.crypto.encryption import add
from node.crypto.opening import open_sum, opening_share, read_share, share_size
from node.errors import ChainUnavailable, CryptoError, OpeningFailed, OpeningRefused, StorageError
from node.group.babyjubjub import Point
from node.learning import fixed_point
from node.proofs.commitments import weights_root
from node.proofs.model_document import model_document
from node.proofs.statements import aggregation_statement, sum_commitment
from node.steps.attestation import fetch_ciphertext
from node.steps.batches import is_participant, sits_out
from node.steps.ceremony import keys_name
from node.steps.context import StudyContext
from node.steps.evidence import watch_shares
from node.steps.models import (
    known_weights,
    post_model,
    posted_weights,
    remember_weights,
    weights_before,
)
from node.steps.one_set import refuse_another_set, remember_set
from node.steps.payload import from_sum
from node.steps.submission import round_context
from node.types import FilePost, Phase, RoundState, Submission, indices

#: No node helps to open a sum over fewer hospitals, whatever the contract says.
MINIMUM_INCLUDED = 3
#: Seconds at most between the hospitals' turns at proving and finalising, which take longer than a transaction.
FINALISE_TURN_SECONDS = 15.0

Opened = tuple[tuple[int, ...], int]


def include_updates(context: StudyContext, round_number: int, state: RoundState) -> None:
    """Have the contract fix the included set and add up its commitments; whoever's turn it is.

    Raises `ChainUnavailable` while the endpoint does not tell what a hospital of the set submitted.
    """
    if not context.is_my_turn(round_number, context.attestation_end(state)):
        return
    reader = context.hospital.reader
    enrolled = reader.enrolled_ids(context.id)
    chosen = [enrolled[index] for index in indices(reader.includable(context.id, round_number))]
    if len(chosen) < context.plan.participation.minimum:
        # Then the contract looks at none of them, and the round fails.
        chosen = []
    submissions = reader.submissions(context.id, round_number, chosen)
    with context.stage("include", round_number):
        found = [_told(context, round_number, submissions, number) for number in chosen]
        context.hospital.ledger.include_updates(context.id, round_number, found)


def post_share(context: StudyContext, round_number: int, confirmed: int) -> None:
    """Post an opening share where the final chain state names this hospital in the attempt's quorum."""
    hospital, reader = context.hospital, context.hospital.reader

    def named(endpoint: ChainReader) -> tuple[int, tuple[int, ...], int, tuple[int, ...]]:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        attempt = endpoint.current_attempt(context.id, round_number, at=confirmed)
        included = _included(endpoint, context.id, state)
        quorum = endpoint.quorum(context.id, round_number, attempt, at=confirmed)
        return state.included_bitmap, included, attempt, quorum

    # One endpoint that lies must not get a share out of this node: all configured ones have to agree.
    bitmap, included, attempt, quorum = reader.agreed(named)
    remember_set(context, round_number, confirmed)
    if hospital.id not in quorum or attempt != reader.current_attempt(context.id, round_number):
        return
    if reader.shares_posted(context.id, round_number, attempt) >> context.enrolment.index & 1:
        return
    if sits_out(context, round_number):
        return
    if len(included) < max(MINIMUM_INCLUDED, context.plan.participation.minimum):
        raise OpeningRefused(
            f"Study {context.id}, round {round_number}: the included set has {len(included)} hospitals; "
            f"this node opens sums over at least {max(MINIMUM_INCLUDED, context.plan.participation.minimum)}."
        )
    refuse_another_set(context, round_number, confirmed)
    hospital.state.record_opening_set(context.id, round_number, included)
    binding = round_context(context, round_number)
    with context.stage("share", round_number):
        secret = hospital.secrets.get(keys_name(context, binding.ceremony, round_number))
        share = opening_share(binding, hospital.id, secret, included, attempt, quorum)
        address = hospital.store.put(share)
    _sign_once(context, round_number, attempt, address.digest)
    hospital.ledger.post_share(context.id, round_number, attempt, bitmap, address.digest, address.size)
    context.log.info("round %d: posted an opening share (attempt %d)", round_number, attempt)


def keep_shares(context: StudyContext, round_number: int) -> None:
    """Fetch and serve the shares posted so far: whoever finalises may be gone before the others have read its own."""
    hospital, reader = context.hospital, context.hospital.reader
    attempt = reader.current_attempt(context.id, round_number)
    size = share_size(round_context(context, round_number))
    for number, post in reader.share_posts(context.id, round_number, attempt).items():
        if post.size != size or hospital.store.holds(post.digest, post.size):
            continue
        try:
            hospital.store.put(hospital.store.get(post.digest, post.size))
        except StorageError as error:
            text = f"round {round_number}: hospital {number}'s share: {error}"
            context.say(f"round {round_number}", f"share of {number} in attempt {attempt}", text)


def finalise(context: StudyContext, round_number: int) -> None:
    """Open the sum as soon as all shares of the attempt are there, prove the next model, and finalise."""
    hospital, reader = context.hospital, context.hospital.reader
    state = reader.round_state(context.id, round_number)
    attempt = reader.current_attempt(context.id, round_number)
    posts = reader.share_posts(context.id, round_number, attempt)
    if len(posts) < context.plan.encryption.threshold:
        return
    complete_at = reader.block(max(post.block_number for post in posts.values())).timestamp
    # The quorum's members were there just now, and all of them have their turn before the attempt is over.
    quorum = reader.quorum(context.id, round_number, attempt)
    seconds = min(FINALISE_TURN_SECONDS, context.plan.phases.open / (len(quorum) + 1))
    if not context.is_my_turn(round_number, complete_at, seconds, first=quorum):
        return
    with context.stage("combine", round_number):
        sums, blinding = open_attempt(context, round_number, state, attempt, posts)
        weights = weights_before(context, round_number)
        after = tuple(fixed_point.aggregate(weights, sums, state.sum_rows))
    with context.stage("aggregate-prove", round_number):
        statement = aggregation_statement(
            context=reader.aggregation_context(context.id, round_number, state.included_bitmap),
            weights=weights,
            weights_after=after,
            sums=sums,
            blinding=blinding,
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


def open_attempt(
    context: StudyContext,
    round_number: int,
    state: RoundState,
    attempt: int,
    posts: Mapping[int, FilePost],
) -> Opened:
    """The summed update and blinding value, shown to open ΣC; raises OpeningFailed where they do not."""
    hospital = context.hospital
    quorum = hospital.reader.quorum(context.id, round_number, attempt)
    binding = round_context(context, round_number)
    included = _included(hospital.reader, context.id, state)
    size = share_size(binding)
    shares = []
    for number, post in posts.items():
        if post.size != size:
            raise OpeningFailed(f"Hospital {number} announced a share of {post.size} bytes; one has {size}.")
        content = hospital.store.get(post.digest, post.size)
        shares.append(read_share(binding, number, included, attempt, quorum, content))
    ciphertexts = []
    submissions = hospital.reader.submissions(context.id, round_number, included)
    for number in included:
        told = _told(context, round_number, submissions, number)
        _, ciphertext = fetch_ciphertext(context, binding, number, told)
        ciphertexts.append(ciphertext)
    values = open_sum(binding, add(binding, ciphertexts), shares)
    opened = from_sum(values, context.coordinates, context.plan.quantisation.value_bits)
    if sum_commitment(*opened, context.plan.packed_bits) != Point(
        *hospital.reader.included_sum(context.id, round_number, state)
    ):
        raise OpeningFailed(
            f"Study {context.id}, round {round_number}, attempt {attempt}: the opened sum does not open the "
            "sum of the commitments. A share or a ciphertext is wrong; the next attempt names another quorum."
        )
    return opened


def learn_model(context: StudyContext, round_number: int, state: RoundState) -> None:
    """Rebuild a finalised round's model from the opened sum; where that cannot be had, from a posted file.

    Either way the weights' root must be the one on chain.
    """
    hospital = context.hospital
    for attempt in range(context.plan.encryption.attempts):
        posts = hospital.reader.share_posts(context.id, round_number, attempt)
        if len(posts) < context.plan.encryption.threshold:
            continue
        try:
            sums, _ = open_attempt(context, round_number, state, attempt, posts)
            after = fixed_point.aggregate(weights_before(context, round_number), sums, state.sum_rows)
        except (ChainUnavailable, CryptoError, StorageError):
            # An endpoint may have the contracts' state and not the events that tell what was submitted.
            continue
        if weights_root(after) == state.root_after:
            remember_weights(context, round_number, after)
            return
    text = f"round {round_number}: rebuilding the model from a posted file"
    context.say(f"round {round_number}", "model from a file", text)
    posted_weights(context, round_number, state.root_after)


def close_round(context: StudyContext, round_number: int) -> bool:
    """Once a round's end is final: erase its secrets, learn its model, see that the model's file is posted.

    True when all of that is done. Erasing comes first: it must not wait for a model that nobody serves. A round that
    this hospital took no part in is the others' to close.
    """
    hospital = context.hospital
    key = f"{context.round_key(round_number)}/closed"
    if not is_participant(context, round_number):
        return True
    if hospital.state.result(key) is None:
        confirmed = context.confirmed_block()
        # Erasing cannot be undone: one endpoint's word is not enough.
        end = hospital.reader.agreed(
            lambda endpoint: endpoint.round_state(context.id, round_number, at=confirmed).closed_as
        )
        if end is Phase.NONE:
            return False
        ceremony, _ = hospital.reader.ceremony_of(context.id, round_number)
        hospital.secrets.erase(keys_name(context, ceremony, round_number))
        hospital.secrets.erase(f"{context.round_key(round_number)}/blinding")
        hospital.secrets.erase(f"{context.round_key(round_number)}/update")
        watch_shares(context, round_number)
        remember_set(context, round_number, confirmed)
        hospital.state.done(key, {"as": end.name.lower()})
        context.log.info("round %d: closed (%s), its secrets are erased", round_number, end.name.lower())
    closed = hospital.state.result(key)
    if closed is None or closed["as"] != "finalised":
        return True
    if known_weights(context, round_number) is None:
        with context.stage("rebuild", round_number):
            learn_model(context, round_number, hospital.reader.round_state(context.id, round_number))
    return _is_posted(context, round_number)


def _sign_once(context: StudyContext, round_number: int, attempt: int, digest: bytes) -> None:
    """Record the one share that this hospital signs for an attempt: with a second one it could be slashed.

    A reorganisation can name another quorum for an attempt, and with it another share.
    """
    state, key = context.hospital.state, f"{context.round_key(round_number)}/signed-share/{attempt}"
    state.done(key, {"digest": digest.hex()})
    if state.result(key) != {"digest": digest.hex()}:
        raise OpeningRefused(
            f"Study {context.id}, round {round_number}, attempt {attempt}: this node has signed another share for "
            "this attempt and signs no second one."
        )


def _is_posted(context: StudyContext, round_number: int) -> bool:
    """Whether a finalised round's model is on record and served here; whoever finalised may have died before.

    Posts it where it is missing and this hospital has its turn.
    """
    hospital = context.hospital
    key = f"{context.round_key(round_number)}/model-posted"
    if hospital.state.result(key) is not None:
        return True
    weights = known_weights(context, round_number)
    if weights is None:
        return False
    served = hospital.store.put(model_document(context.id, round_number, weights))
    if served.digest not in {post.digest for post in hospital.reader.model_posts(context.id, round_number)}:
        state = hospital.reader.round_state(context.id, round_number)
        if not context.is_my_turn(round_number, state.closed_at, FINALISE_TURN_SECONDS):
            return False
        post_model(context, round_number, weights)
    hospital.state.done(key)
    return True


def _told(
    context: StudyContext, round_number: int, submissions: Mapping[int, Submission], hospital_id: int
) -> Submission:
    try:
        return submissions[hospital_id]
    except KeyError:
        raise ChainUnavailable(
            f"The RPC endpoint has no event that tells what hospital {hospital_id} submitted in round {round_number} "
            f"of study {context.id}: give one with the whole history, or wait until it has caught up."
        ) from None


def _included(reader: ChainReader, study: int, state: RoundState) -> tuple[int, ...]:
    enrolled = reader.enrolled_ids(study)
    return tuple(enrolled[index] for index in indices(state.included_bitmap))
