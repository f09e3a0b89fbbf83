# SPDX-License-Identifier: Apache-2.0
"""Train, commit, mask, prove and submit: a hospital's update in one round."""

from __future__ import annotations

from typing import Any

from node.chain.client import ChainReader
from node.group.pedersen import random_blinding
from node.steps.batches import has_secrets, round_secrets_of, rules_of, sits_out
from node.steps.context import StudyContext
from node.steps.drawn import records_in_use
from node.steps.models import weights_before
from node.steps.neighbours import warning
from node.steps.records import Records
from node.steps.trained import Trained
from node.types import Proof, RoundState


def submit_update(context: StudyContext, round_number: int, state: RoundState) -> None:
    """Submit this hospital's update, once; whatever was made before a crash is sent as it was made."""
    hospital = context.hospital
    key = context.round_key(round_number)
    if state.submitted_bitmap >> context.enrolment.index & 1 or sits_out(context, round_number):
        return
    started = hospital.state.step(f"{key}/payload")
    root = str(state.root_before)
    if started is not None and started.detail["root_before"] != root:
        # A second message under the same pad would give the difference of both.
        _say_once(
            context,
            round_number,
            "the starting model changed after this node had made its payload; it sits the round out",
        )
        return
    if not has_secrets(context, round_number):
        # Backups leave them out, so that nothing is ever encrypted or opened twice.
        _say_once(
            context,
            round_number,
            "this node does not hold the round's secrets, as after a restored backup; it sits the round out",
        )
        return
    records = records_in_use(context)
    if records is None:
        _say_once(context, round_number, "no block of this hospital's rows is in use yet; until then it sends nothing")
        return
    weights = weights_before(context, round_number)
    trained = _trained(context, round_number, weights, records)
    confirmed = context.confirmed_block()
    if not _has_begun(context, round_number, state.root_before, confirmed):
        return
    blinding = _blinding(context, round_number)
    file = _payload(context, round_number, root, trained, blinding, confirmed)
    proved = hospital.state.result(f"{key}/proof")
    if proved is None:
        with context.stage("prove", round_number):
            digest = bytes.fromhex(file["digest"])
            statement = records.statement(
                context=hospital.reader.training_context(context.id, round_number, hospital.id, digest),
                weights=weights,
                trained=trained,
                blinding=blinding,
            )
            made = hospital.prover.prove(context.circuit(context.plan.training.circuit), statement)
        commitment = statement.commitment
        proved = {
            "commitment": [str(commitment.x), str(commitment.y)],
            "a": list(map(str, made.proof.a)),
            "b": [list(map(str, pair)) for pair in made.proof.b],
            "c": list(map(str, made.proof.c)),
        }
        hospital.state.done(f"{key}/proof", proved)
    cx, cy = (int(value) for value in proved["commitment"])
    with context.stage("submit", round_number):
        hospital.ledger.submit_update(
            context.id, round_number, bytes.fromhex(file["digest"]), file["size"], cx, cy, _proof(proved)
        )
    context.log.info("round %d: submitted a proved update of %d records", round_number, records.count)


def _say_once(context: StudyContext, round_number: int, reason: str) -> None:
    """Say once why this hospital sends nothing in a round."""
    key = f"{context.round_key(round_number)}/sat-out"
    if context.hospital.state.result(key) is None:
        context.log.warning("round %d: %s.%s", round_number, reason, warning(context))
        context.hospital.state.done(key)


def _trained(context: StudyContext, round_number: int, weights: tuple[int, ...], records: Records) -> Trained:
    """The round's update, trained once: its noise is drawn, and elsewhere a network might train another."""
    name, secrets = f"{context.round_key(round_number)}/update", context.hospital.secrets
    if not secrets.has(name):
        with context.stage("train", round_number):
            seed = f"study-{context.id}/hospital-{context.hospital.id}"
            secrets.put(name, records.train(weights, round=round_number, seed=seed).to_bytes())
    return Trained.from_bytes(secrets.get(name))


def _blinding(context: StudyContext, round_number: int) -> int:
    name = f"{context.round_key(round_number)}/blinding"
    secrets = context.hospital.secrets
    if not secrets.has(name):
        secrets.put(name, str(random_blinding()).encode())
    return int(secrets.get(name))


def _has_begun(context: StudyContext, round_number: int, root: int, confirmed: int) -> bool:
    """Whether the round begins from this model in a final block, as all endpoints tell it.

    How a round opens is fixed as it begins. A payload for another way is false to everybody, and its pad is used up:
    neither one endpoint nor a chain that goes back must have a node make it.
    """

    def read(endpoint: ChainReader) -> tuple[bool, int]:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        return bool(state.started_at), state.root_before

    return context.hospital.reader.agreed(read) == (True, root)


def _payload(
    context: StudyContext, round_number: int, root: str, trained: Trained, blinding: int, confirmed: int
) -> dict[str, Any]:
    """Digest and size of the payload, which is durable before either of them leaves; one for a pad, ever."""
    hospital = context.hospital
    step = f"{context.round_key(round_number)}/payload"
    done = hospital.state.result(step)
    if done is None:
        hospital.state.begin(step, {"root_before": root})
        with context.stage("encrypt", round_number):
            secrets = round_secrets_of(context, round_number)
            rules = rules_of(context, round_number, confirmed)
            payload = rules.make_payload(hospital.id, secrets, trained.values, blinding)
            address = hospital.store.put(payload, release=False)
        hospital.state.spend(context.id, round_number, context.plan.privacy.cost)
        hospital.state.done(step, {"digest": address.digest.hex(), "size": address.size})
        done = hospital.state.result(step)
        assert done is not None
    return done


def _proof(record: dict[str, Any]) -> Proof:
    a, b, c = record["a"], record["b"], record["c"]
    return Proof(
        a=(int(a[0]), int(a[1])),
        b=((int(b[0][0]), int(b[0][1])), (int(b[1][0]), int(b[1][1]))),
        c=(int(c[0]), int(c[1])),
    )
