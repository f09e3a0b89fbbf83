# SPDX-License-Identifier: Apache-2.0
"""Actors on a deployed suite, and shortcuts through a study's phases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from typing import Any

from ape.api import AccountAPI, ReceiptAPI

from node.types import CeremonyStep, Charge, Phase, StudyState, Submission
from tests.support.shares import sign_share
from tests.support.suite import (
    BASE,
    DIGEST,
    NO_PROOF,
    Suite,
    add_points,
    make_plan,
    multiply,
    pass_until,
    rapidly,
    salt_commitment,
)

#: Two scalars of 32 bytes: the contract looks at the length alone.
PAD_SHARE = b"\x05" * 64


@dataclass(frozen=True)
class Hospital:
    """A hospital's number and its two wallets."""

    id: int
    owner: AccountAPI
    operator: AccountAPI


@dataclass
class Stage:
    """A suite with actors: what a test plays on."""

    suite: Suite
    sponsor: AccountAPI
    stranger: AccountAPI
    hospitals: list[Hospital]
    training: int
    aggregation: int
    double: Any
    study: int = 0
    members: list[Hospital] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    #: By study, round and index: as nodes know them from the events.
    updates: dict[tuple[int, int, int], Submission] = field(default_factory=dict)

    @property
    def operators(self) -> dict[int, AccountAPI]:
        """Who acts for a hospital, by its number."""
        return {hospital.id: hospital.operator for hospital in self.hospitals}

    def publish(self, funded: bool = True, **changes: Any) -> int:
        """Publish (and fund) a study; `changes` replace fields of `make_plan`."""
        self.plan = make_plan(self.training, self.aggregation, **changes)
        self.suite.studies.publish(self.plan, sender=self.sponsor)
        self.study = self.suite.studies.studyCount()
        if funded:
            self.fund()
        return self.study

    def fund(self, amount: int | None = None) -> None:
        """Escrow what the study requires, or `amount`."""
        suite = self.suite
        wanted = suite.studies.requiredFunding(self.study) if amount is None else amount
        suite.token.approve(suite.rewards, wanted, sender=self.sponsor)
        suite.rewards.fund(self.study, wanted, sender=self.sponsor)

    def enrol_all(self, hospitals: list[Hospital]) -> None:
        """Enrol several, in order, with their own rows and data roots."""
        enrol = self.suite.studies.enrol
        for hospital in hospitals:
            given = (hospital.id, rows_of(hospital), bytes(32), salt_commitment(salt_of(hospital)))
            rapidly(enrol, self.study, *given, sender=hospital.operator)

    def enrol(
        self,
        hospital: Hospital,
        rows: int | None = None,
        root: int | None = None,
        payout: bytes = bytes(32),
        salted: bytes | None = None,
    ) -> ReceiptAPI:
        """Enrol with the hospital's own rows and data root, unless told otherwise."""
        return self.suite.studies.enrol(
            self.study,
            hospital.id if root is None else root,
            rows_of(hospital) if rows is None else rows,
            payout,
            salt_commitment(salt_of(hospital)) if salted is None else salted,
            sender=hospital.operator,
        )

    def end_enrolment(self) -> None:
        """Let the enrolment's deadline pass."""
        pass_until(self.suite.studies.enrolmentEnd(self.study))

    def ceremony(self) -> Any:
        """Where the ceremony stands that goes on, or was completed last."""
        return self.suite.ceremony.ceremonyState(self.study)

    def post(self, hospital: Hospital, step: CeremonyStep, ceremony: int = 1, **changes: Any) -> ReceiptAPI:
        """Do what a step asks of a hospital that has nothing to complain of; `changes` replace arguments by name."""
        method, arguments = self._act(hospital, step, ceremony, self.ceremony(), changes)
        return method(*arguments, sender=hospital.operator)

    def hold_ceremony(
        self, hospitals: Iterable[Hospital], ceremony: int = 1, until: CeremonyStep = CeremonyStep.ACKNOWLEDGE
    ) -> None:
        """Play a ceremony in which nobody complains, up to and with step `until`."""
        everyone = list(hospitals)
        for step in CeremonyStep:
            if step <= until and step is not CeremonyStep.COMPLAIN:
                self.hold_step(everyone, step, ceremony)

    def hold_step(self, hospitals: Iterable[Hospital], step: CeremonyStep, ceremony: int = 1, **changes: Any) -> None:
        """These hospitals do what a step asks, and are content with everything unless `changes` say otherwise."""
        state = self.ceremony()
        for hospital in hospitals:
            method, arguments = self._act(hospital, step, ceremony, state, changes)
            rapidly(method, *arguments, sender=hospital.operator)

    def move_on(self, by: AccountAPI | None = None) -> ReceiptAPI:
        """Let the open step's deadline pass, and have the ceremony moved on by a stranger, unless told otherwise."""
        pass_until(self.ceremony().deadline)
        return self.suite.ceremony.moveOn(self.study, sender=by or self.stranger)

    def _act(
        self, hospital: Hospital, step: CeremonyStep, ceremony: int, state: Any, changes: dict[str, Any]
    ) -> tuple[Any, list[Any]]:
        contract = self.suite.ceremony
        method, given = {
            CeremonyStep.KEY: (contract.postKeys, ceremony_keys(hospital)),
            CeremonyStep.DEAL: (
                contract.postDealing,
                {"keys_hash": state.keysHash, "digest": DIGEST, "size": 32},
            ),
            CeremonyStep.HOLD: (contract.postHolding, {"bitmap": state.dealt, "satisfied": True}),
            CeremonyStep.COMPLAIN: (contract.beSatisfied, {}),
            CeremonyStep.ACKNOWLEDGE: (contract.acknowledge, {"digest": DIGEST, "guilty": 0}),
        }[step]
        assert not changes.keys() - given.keys(), f"{step.name} has no {changes.keys() - given.keys()}"
        return method, [self.study, ceremony, *{**given, **changes}.values()]

    def run(self, count: int = 4, **changes: Any) -> list[Hospital]:
        """A study with `count` hospitals, its members from now on, at the beginning of round 1."""
        self.publish(**{"maximum": count, **changes})
        self.members = self.hospitals[:count]
        self.enrol_all(self.members)
        self.hold_ceremony(self.members)
        return self.members

    def submit(self, hospital: Hospital, round_: int = 1, **changes: Any) -> ReceiptAPI:
        """Submit an update; the commitment is a point of the hospital's own."""
        proof = changes.pop("proof", NO_PROOF)
        given = {**update_of(hospital, round_).__dict__, **changes}
        receipt = self.suite.rounds.submitUpdate(self.study, round_, *given.values(), proof, sender=hospital.operator)
        self.updates[self.study, round_, self.index(hospital)] = Submission(**given)
        return receipt

    def attest(self, hospital: Hospital, bitmap: int, round_: int = 1) -> ReceiptAPI:
        """Say which ciphertexts the hospital holds."""
        return self.suite.rounds.attest(self.study, round_, bitmap, sender=hospital.operator)

    def included(self, bitmap: int, round_: int = 1) -> list[Submission]:
        """The updates of a set, in the order of indices."""
        return [self.updates[self.study, round_, index] for index in range(bitmap.bit_length()) if bitmap >> index & 1]

    def include(self, round_: int = 1) -> ReceiptAPI:
        """Fix the included set; a stranger does it."""
        rounds = self.suite.rounds
        updates = self.included(rounds.includable(self.study, round_), round_)
        return rounds.includeUpdates(self.study, round_, [_fields(one) for one in updates], sender=self.stranger)

    def sign(self, signer: AccountAPI, digest: bytes, round_: int = 1, included: int | None = None) -> bytes:
        """A CKKS share's signature, for the round's included set unless told otherwise."""
        bitmap = self.record(round_).includedBitmap if included is None else included
        return sign_share(self.suite.openings.address, signer, self.study, round_, bitmap, digest)

    def share(self, hospital_id: int, round_: int = 1, digest: bytes = DIGEST) -> ReceiptAPI:
        """Post a CKKS share."""
        operator = self.operators[hospital_id]
        signature = self.sign(operator, digest, round_)
        return self.suite.openings.postShare(self.study, round_, digest, 500, signature, sender=operator)

    def share_all(self, round_: int = 1, digest: bytes = DIGEST, but: Iterable[int] = ()) -> None:
        """The whole quorum posts, but for the hospitals of these numbers."""
        included = int(self.record(round_).includedBitmap)
        for number in self.quorum(round_):
            if number not in but:
                operator = self.operators[number]
                signature = self.sign(operator, digest, round_, included)
                rapidly(self.suite.openings.postShare, self.study, round_, digest, 500, signature, sender=operator)

    def pad_share(self, hospital: Hospital, round_: int = 1, share: bytes = PAD_SHARE) -> ReceiptAPI:
        """Post a pad share."""
        return self.suite.openings.postPadShare(self.study, round_, share, sender=hospital.operator)

    def pad_share_all(self, members: Iterable[Hospital] | None = None, round_: int = 1) -> None:
        """Everybody (or those named) posts a pad share."""
        for hospital in self.members if members is None else members:
            post = self.suite.openings.postPadShare
            rapidly(post, self.study, round_, PAD_SHARE, sender=hospital.operator)

    def accuse(self, hospital: Hospital, accused: int, charge: Charge, round_: int = 1) -> ReceiptAPI:
        """Accuse hospitals (bitmap) of a lie."""
        return self.suite.court.accuse(self.study, round_, int(charge), accused, sender=hospital.operator)

    def record_absence(self, round_: int = 1) -> ReceiptAPI:
        """Have those fined who posted no pad share; a stranger does it."""
        return self.suite.openings.recordAbsence(self.study, round_, sender=self.stranger)

    def reach_pads(self, round_: int = 1) -> None:
        """Let the first window pass, of a round that opens by CKKS first."""
        pass_until(self.record(round_).padsFrom)

    def reach_suspension(self, round_: int = 1) -> None:
        """Let the pads' window pass."""
        pass_until(self.record(round_).padsUntil)

    def record(self, round_: int = 1) -> Any:
        """A round as the chain has it."""
        return self.suite.rounds.roundState(self.study, round_)

    def finalise(self, root: int = 777, round_: int = 1) -> ReceiptAPI:
        """Set a new model; a stranger does it."""
        point = self.sum(round_)
        return self.suite.rounds.finalise(self.study, round_, *point, root, NO_PROOF, sender=self.stranger)

    def sum(self, round_: int = 1) -> tuple[int, int]:
        """The included commitments added up."""
        updates = self.included(self.suite.rounds.roundState(self.study, round_).includedBitmap, round_)
        return reduce(add_points, [(one.cx, one.cy) for one in updates], (0, 1))

    def submit_all(self, members: list[Hospital] | None = None, round_: int = 1) -> None:
        """Everybody (or those named) submits."""
        submit = self.suite.rounds.submitUpdate
        for hospital in self.members if members is None else members:
            update = update_of(hospital, round_)
            rapidly(submit, self.study, round_, *_fields(update), NO_PROOF, sender=hospital.operator)
            self.updates[self.study, round_, self.index(hospital)] = update

    def reach_open(self, round_: int = 1) -> None:
        """Everybody submits and attests everything, and the set is fixed."""
        self.submit_all(round_=round_)
        self.attest_all(round_=round_)
        self.include(round_)

    def attest_all(self, bitmap: int | None = None, by: Iterable[Hospital] | None = None, round_: int = 1) -> None:
        """Everybody (or those named) attests the same: all that was submitted, unless told otherwise."""
        rounds = self.suite.rounds
        held = rounds.roundState(self.study, round_).submittedBitmap if bitmap is None else bitmap
        for hospital in self.members if by is None else by:
            rapidly(rounds.attest, self.study, round_, held, sender=hospital.operator)

    def finish(self, round_: int = 1) -> None:
        """A round in which everybody does what is asked."""
        self.reach_open(round_)
        self.share_all(round_=round_)
        self.finalise(1000 + round_, round_)

    def fail_rounds(self, *rounds: int) -> None:
        """Rounds in which nobody submits."""
        for round_ in rounds:
            self.end_phase(round_)
            self.fail_round(round_)

    def with_operator(self, hospital: Hospital, operator: AccountAPI) -> Stage:
        """The same stage, on which another key acts for a hospital."""
        changed = replace(hospital, operator=operator)
        put = {hospital.id: changed}
        return replace(
            self,
            hospitals=[put.get(one.id, one) for one in self.hospitals],
            members=[put.get(one.id, one) for one in self.members],
        )

    def fail_round(self, round_: int = 1) -> ReceiptAPI:
        """Record a round as failed; a stranger does it."""
        return self.suite.rounds.failRound(self.study, round_, sender=self.stranger)

    def index(self, hospital: Hospital) -> int:
        """Enrolment index."""
        return int(self.suite.studies.enrolment(self.study, hospital.id).index)

    def phase(self, round_: int = 1) -> Phase:
        """A round's phase now."""
        return Phase(self.suite.rounds.phase(self.study, round_)[0])

    def end_phase(self, round_: int = 1) -> None:
        """Let the deadline of a round's phase pass."""
        pass_until(self.suite.rounds.phase(self.study, round_)[1])

    def state(self) -> StudyState:
        """The study's state now."""
        return StudyState(self.suite.studies.studyState(self.study))

    def quorum(self, round_: int = 1) -> list[int]:
        """Hospital numbers of those named to open a round by CKKS."""
        return [int(number) for number in self.suite.openings.quorum(self.study, round_)]


def ceremony_keys(hospital: Hospital) -> dict[str, Any]:
    """What a hospital posts in a ceremony's first step."""
    px, py = multiply(BASE, 7_000 + hospital.id)
    return {"px": px, "py": py, "box_key": hospital.id.to_bytes(32), "salt": salt_of(hospital)}


def salt_of(hospital: Hospital) -> bytes:
    """The salt that a hospital commits to when it enrols."""
    return hashlib.sha256(f"salt of {hospital.id}".encode()).digest()


def rows_of(hospital: Hospital) -> int:
    """Rows that differ by hospital, so that rewards do too."""
    return 100 + 37 * hospital.id


def update_digest(hospital: Hospital, round_: int) -> bytes:
    """A ciphertext's digest of this hospital and round."""
    return hashlib.sha256(f"{hospital.id}/{round_}".encode()).digest()


def update_of(hospital: Hospital, round_: int) -> Submission:
    """The update that a hospital submits unless told otherwise."""
    return Submission(update_digest(hospital, round_), 1000, *commitment(hospital))


@cache
def commitment(hospital: Hospital) -> tuple[int, int]:
    """A point of the hospital's own, in the prime-order subgroup."""
    return multiply(BASE, 1000 + hospital.id)


def _fields(update: Submission) -> tuple[bytes, int, int, int]:
    return update.digest, update.size, update.cx, update.cy
