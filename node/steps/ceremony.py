# SPDX-License-Identifier: Apache-2.0
"""The hospital's part in the key ceremony: six messages, each made from the ones before."""

from __future__ import annotations

import json
from collections.abc import Mapping

from node.crypto import ceremony as protocol
from node.crypto import dealing as dealings
from node.crypto.context import CeremonyContext
from node.crypto.round_secrets import round_secrets
from node.errors import CeremonyFailed, MalformedCeremonyMessage, SecretUnavailable
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep, indices

_DIGEST_BYTES = 32


def advance_ceremony(context: StudyContext) -> None:
    """Do what the ceremony's current step asks of this hospital, if anything.

    Raises `CeremonyFailed` where the others' messages do not check: this hospital then does not
    acknowledge, and the ceremony fails at its deadline. Raises `SecretUnavailable` where its own secret is gone.
    """
    hospital = context.hospital
    state = hospital.reader.ceremony_state(context.id)
    if state.number == 0 or state.completed:
        return
    mine = 1 << context.enrolment.index
    if hospital.reader.clock.is_past(state.deadline + 1):
        if context.is_my_turn(state.number, state.deadline + 1):
            hospital.ledger.fail_ceremony(context.id, state.number)
        return
    if state.participants & mine and not state.posted & mine:
        with context.stage(f"ceremony-{state.step.name.lower().replace('_', '-')}"):
            digest, size = _MESSAGES[state.step](context, state)
        hospital.ledger.post_ceremony(context.id, state.number, state.step, digest, size)
        context.log.info("ceremony %d: posted %s", state.number, state.step.name.lower().replace("_", " "))
    erase_superseded(context, state.number)


def keys_name(context: StudyContext, ceremony: int, round_number: int) -> str:
    """Under which name a round's secrets are kept."""
    return f"{_folder(context, ceremony)}/round-{round_number}"


def forget_ceremony_seed(context: StudyContext, ceremony: int) -> None:
    """Erase what a completed ceremony no longer needs, once its completion is final: its sealing key and all
    it was derived from."""
    name = f"{_folder(context, ceremony)}/seed"
    if not context.hospital.secrets.has(name):
        return
    final = _final(context)
    if final.completed and final.number == ceremony:
        context.hospital.secrets.erase(name)


def acknowledgement(context: StudyContext, ceremony: int) -> str:
    """The journal's entry that this node acknowledged a ceremony and has its keys."""
    return f"{_folder(context, ceremony)}/acknowledged"


def erase_superseded(context: StudyContext, current: int) -> None:
    """Erase what ceremonies before number `current` left, once that is final: seeds of failed ones, keys of rounds
    that a batch did not come to. Until then the chain could go back to them."""
    secrets = context.hospital.secrets
    if not any(secrets.names(_folder(context, number)) for number in range(1, current)):
        return
    for number in range(1, _final(context).number):
        secrets.erase_all(_folder(context, number))


def parties_of(context: StudyContext, participants: int) -> tuple[int, ...]:
    """The hospitals of a bitmap, by enrolment index."""
    enrolled = context.hospital.reader.enrolled_ids(context.id)
    return tuple(enrolled[index] for index in indices(participants))


def ceremony_context(context: StudyContext, state: CeremonyState) -> CeremonyContext:
    """What binds every message to this chain, contract, study and ceremony."""
    parties = parties_of(context, state.participants)
    deployment = context.hospital.reader.deployment
    return CeremonyContext(
        chain_id=deployment.chain_id,
        contract=deployment.contracts["RoundManager"],
        study_id=context.id,
        ceremony=state.number,
        first_round=state.first_round,
        rounds=state.rounds,
        parties=parties,
        parameters=context.parameters(len(parties)),
    )


def _post_key(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    binding = ceremony_context(context, state)
    return dealings.sealing_public(binding, context.hospital.id, _seed(context, state)), _DIGEST_BYTES


def _post_dealing(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    binding = ceremony_context(context, state)
    keys = _digests(context, state, CeremonyStep.KEY)
    try:
        dealing = dealings.make_dealing(binding, context.hospital.id, _seed(context, state), keys)
    except MalformedCeremonyMessage as error:
        if set(keys) != set(binding.parties):
            # The endpoint has not shown all keys yet.
            raise
        context.log.warning("ceremony %d: objecting instead of dealing: %s", state.number, error)
        dealing = _objection(context, state, str(error))
    address = context.hospital.store.put(dealing)
    return address.digest, address.size


def _objection(context: StudyContext, state: CeremonyState, reason: str) -> bytes:
    """What is posted in place of a dealing where another's sealing key allows none.

    A missing dealing is slashed: one bad key must not bring that about for everybody else. The ceremony
    fails all the same, since an objection has not the size of a dealing.
    """
    value = {"ceremony": state.number, "consilium": "objection/1", "reason": reason, "study": context.id}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _post_test_commitment(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    test_key = _make_test_key(context, state)
    context.hospital.store.put(test_key, release=False)
    return protocol.commit_to_test_key(test_key), len(test_key)


def _post_test_key(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    address = context.hospital.store.put(_make_test_key(context, state))
    return address.digest, address.size


def _post_test_shares(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    binding = ceremony_context(context, state)
    received = _received(context, state)
    tests = _tests(context, state, received.dealing_digests, _files(context, state, CeremonyStep.TEST_KEY))
    shares = protocol.make_test_shares(binding, context.hospital.id, _seed(context, state), received, tests)
    address = context.hospital.store.put(shares)
    return address.digest, address.size


def _acknowledge(context: StudyContext, state: CeremonyState) -> tuple[bytes, int]:
    """Check the whole transcript, keep each round's secrets by themselves, then acknowledge."""
    binding = ceremony_context(context, state)
    hospital = context.hospital
    received = _received(context, state)
    test_keys = _files(context, state, CeremonyStep.TEST_KEY)
    tests = _tests(context, state, received.dealing_digests, test_keys)
    transcript = protocol.CeremonyTranscript(
        sealing_publics=_digests(context, state, CeremonyStep.KEY),
        dealing_digests=received.dealing_digests,
        commitments=_digests(context, state, CeremonyStep.TEST_COMMITMENT),
        test_keys=test_keys,
        test_shares=_files(context, state, CeremonyStep.TEST_SHARES, tests),
    )
    digest = protocol.check_ceremony(binding, transcript)
    for number in binding.round_numbers:
        secret = round_secrets(binding, hospital.id, _seed(context, state), received, number)
        hospital.secrets.put(keys_name(context, state.number, number), secret)
    # Before it leaves: a memory without this entry is older than the keys.
    hospital.state.done(acknowledgement(context, state.number), {"transcript": digest.hex()})
    return digest, _DIGEST_BYTES


_MESSAGES = {
    CeremonyStep.KEY: _post_key,
    CeremonyStep.DEALING: _post_dealing,
    CeremonyStep.TEST_COMMITMENT: _post_test_commitment,
    CeremonyStep.TEST_KEY: _post_test_key,
    CeremonyStep.TEST_SHARES: _post_test_shares,
    CeremonyStep.ACKNOWLEDGEMENT: _acknowledge,
}


def _folder(context: StudyContext, ceremony: int) -> str:
    return f"{context.key}/ceremony-{ceremony}"


def _seed(context: StudyContext, state: CeremonyState) -> bytes:
    """The one secret from which this hospital's messages follow, durable before the first of them."""
    name = f"{_folder(context, state.number)}/seed"
    secrets = context.hospital.secrets
    if not secrets.has(name):
        if state.step is not CeremonyStep.KEY:
            raise SecretUnavailable(
                f"Study {context.id}, ceremony {state.number}: this node's ceremony secret is gone, so it "
                "cannot take part. It will be barred from the retry; restore the secrets folder if you can."
            )
        secrets.put(name, dealings.new_ceremony_seed())
    return secrets.get(name)


def _received(context: StudyContext, state: CeremonyState) -> dealings.ReceivedShares:
    return dealings.read_dealings(
        ceremony_context(context, state),
        context.hospital.id,
        _seed(context, state),
        _digests(context, state, CeremonyStep.KEY),
        _files(context, state, CeremonyStep.DEALING),
    )


def _make_test_key(context: StudyContext, state: CeremonyState) -> bytes:
    files = _files(context, state, CeremonyStep.DEALING)
    digests = {number: dealings.dealing_digest(content) for number, content in files.items()}
    binding = ceremony_context(context, state)
    return protocol.make_test_key(binding, context.hospital.id, _seed(context, state), digests)


def _tests(
    context: StudyContext,
    state: CeremonyState,
    dealing_digests: Mapping[int, bytes],
    test_keys: Mapping[int, bytes],
) -> tuple[protocol.OpeningTest, ...]:
    commitments = _digests(context, state, CeremonyStep.TEST_COMMITMENT)
    return protocol.draw_tests(ceremony_context(context, state), dealing_digests, commitments, test_keys)


def _digests(context: StudyContext, state: CeremonyState, step: CeremonyStep) -> dict[int, bytes]:
    """What every hospital put on chain in a step."""
    posts = context.hospital.reader.ceremony_posts(context.id, state.number, step)
    return {number: post.digest for number, post in posts.items()}


def _files(
    context: StudyContext,
    state: CeremonyState,
    step: CeremonyStep,
    tests: tuple[protocol.OpeningTest, ...] = (),
) -> dict[int, bytes]:
    """Every hospital's file of a step, checked against the digest on chain and the size it must have.

    Each is kept and served here too: who posted it must not choose which of the others can go on.
    """
    hospital = context.hospital
    binding = ceremony_context(context, state)
    files = {}
    for number, post in hospital.reader.ceremony_posts(context.id, state.number, step).items():
        if step is CeremonyStep.DEALING:
            size = dealings.dealing_size(binding)
        elif step is CeremonyStep.TEST_KEY:
            size = protocol.size_of_test_key(binding)
        else:
            size = protocol.size_of_test_shares(binding, number, tests)
        if post.size != size:
            raise CeremonyFailed(
                f"Hospital {number} announced a {step.name.lower().replace('_', ' ')} of {post.size} bytes; "
                f"this ceremony's have {size}."
            )
        files[number] = hospital.store.get(post.digest, post.size)
        if not hospital.store.holds(post.digest, post.size):
            hospital.store.put(files[number])
    return files


def _final(context: StudyContext) -> CeremonyState:
    """The ceremony as all endpoints say that it is for good: what is erased on less could be needed again."""
    confirmed = context.confirmed_block()
    return context.hospital.reader.agreed(lambda endpoint: endpoint.ceremony_state(context.id, at=confirmed))
