# SPDX-License-Identifier: Apache-2.0
"""What four hospitals do in rounds, honest or not, as rules for Hypothesis: every update and every model is proved.

Every example begins at the same moment of the same chain, so a proof that was made once serves again.
"""

from __future__ import annotations

from typing import Any

import ape
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.types import Charge, Phase, StudyState
from tests.support.members import endow
from tests.support.proving import (
    WEIGHTS,
    Work,
    proof_of,
    prove_aggregation,
    prove_training,
    root_of,
    sum_of,
)
from tests.support.round_world import World
from tests.support.suite import DIGEST, pass_until, rapidly

COUNT, THRESHOLD, MINIMUM, ROUNDS = 4, 2, 3, 2
NUMBERS, SETS = st.integers(0, COUNT - 1), st.integers(0, 2**COUNT - 1)


def when(*phases: Phase) -> Any:
    """A rule for rounds that were in one of these phases when last looked at."""
    return precondition(lambda self: self.seen in phases)


class Rounds(RuleBasedStateMachine):
    """What hospitals do, and beside it what the rules make of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.rounds, self.study = world, world.suite.rounds, world.study
        self.snapshot = ape.chain.provider.make_request("evm_snapshot", [])
        self.keys = [member.key for member in world.members]
        self.round, self.weights = 1, WEIGHTS
        self.seen = Phase.SUBMIT
        self.roots: dict[int, int] = {}
        self.recorded: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Nothing was done in the round yet."""
        self.submitted: dict[int, Work] = {}
        self.attested: dict[int, int] = {}
        self.included = 0
        self.accusations: dict[Charge, list[int]] = {charge: [0] * COUNT for charge in Charge}
        self.participants = int(self.world.suite.ceremony.batchOf(self.study, self.round).participants)

    def teardown(self) -> None:
        """Once more all of it; then back to where all examples begin."""
        self.compare()
        ape.chain.provider.make_request("evm_revert", [self.snapshot])

    @property
    def phase(self) -> Phase:
        """As the chain has it."""
        return Phase(self.rounds.phase(self.study, self.round)[0])

    def try_to(self, refusal: str, method: Any, *arguments: Any, sender: Any) -> bool:
        """Send it where nothing is to be said against it; see it refused, for that reason, where there is."""
        if refusal:
            assert self.world.error_of(method, *arguments, sender=sender) == refusal
            self.world.reached["refused"] += 1
        else:
            rapidly(method, *arguments, sender=sender)
            self.world.reached[method.abis[0].name] += 1
        return not refusal

    def refusal(self, needed: Phase, *others: tuple[bool, str]) -> str:
        """The first of the reasons against a call, in the order in which the contract looks."""
        return self.first((self.phase is not needed, "RoundManagerWrongPhase"), *others)

    @staticmethod
    def first(*reasons: tuple[bool, str]) -> str:
        """The first reason that holds; empty where none does."""
        return next((name for holds, name in reasons if holds), "")

    def outside(self, number: int) -> bool:
        """Whether a hospital has no place in the batch."""
        return not self.participants >> number & 1

    def work(self, number: int) -> Work:
        """The hospital's update of this round, from the model that it begins with."""
        member = self.world.members[number]
        context = self.rounds.trainingContext(self.study, self.round, member.id, member.ciphertext)
        return prove_training(member.records, self.weights, context)

    def act(self, number: int) -> str:
        """Who sends for a hospital now."""
        return str(self.keys[number].address)

    @when(Phase.SUBMIT)
    @rule(number=NUMBERS)
    def submit(self, number: int) -> None:
        """An honest update; a second one is refused."""
        work = self.work(number)
        refusal = self.refusal(
            Phase.SUBMIT,
            (self.outside(number), "RoundManagerNotParticipant"),
            (number in self.submitted, "RoundManagerAlreadySubmitted"),
        )
        given = self.study, self.round, *self.world.members[number].entry(work), proof_of(work.proved)
        if self.try_to(refusal, self.rounds.submitUpdate, *given, sender=self.act(number)):
            self.submitted[number] = work

    @when(Phase.SUBMIT)
    @rule(number=NUMBERS, other=NUMBERS, how=st.sampled_from(["copied", "other ciphertext", "other commitment"]))
    def forge(self, number: int, other: int, how: str) -> None:
        """A real proof in the wrong place."""
        if number == other or number in self.submitted or self.outside(number):
            return
        own, theirs, member = self.work(number), self.work(other), self.world.members[number]
        digest, size, *point = member.entry(theirs if how == "other commitment" else own)
        if how == "other ciphertext":
            digest = self.world.members[other].ciphertext
        work = theirs if how == "copied" else own
        given = self.study, self.round, digest, size, *(work.commitment if how == "copied" else point)
        submit = self.rounds.submitUpdate
        self.try_to("RoundManagerProofInvalid", submit, *given, proof_of(work.proved), sender=self.act(number))

    @when(Phase.ATTEST)
    @rule(number=NUMBERS, bitmap=SETS)
    def attest(self, number: int, bitmap: int) -> None:
        """Any set: only what was submitted can be attested, once."""
        refusal = self.refusal(
            Phase.ATTEST,
            (self.outside(number), "RoundManagerNotParticipant"),
            (number in self.attested, "RoundManagerAlreadyAttested"),
            (
                any(bitmap >> one & 1 and one not in self.submitted for one in range(COUNT)),
                "RoundManagerAttestedUnsubmitted",
            ),
        )
        if self.try_to(refusal, self.rounds.attest, self.study, self.round, bitmap, sender=self.act(number)):
            self.attested[number] = bitmap

    def entries(self, bitmap: int) -> list[Any]:
        """The submissions of a set, as the contract takes them."""
        members = self.world.members
        return [members[one].entry(self.submitted[one]) for one in range(COUNT) if bitmap >> one & 1]

    @when(Phase.INCLUDE)
    @rule(forged=st.booleans())
    def include(self, forged: bool) -> None:
        """The set is the attestation rule's, its sum that of what was submitted."""
        held = [sum(bitmap >> one & 1 for bitmap in self.attested.values()) for one in range(COUNT)]
        rule_ = sum(1 << one for one in range(COUNT) if held[one] >= THRESHOLD)
        entries, enough = self.entries(rule_), rule_.bit_count() >= MINIMUM
        if forged and enough:
            entries[0] = (DIGEST, *entries[0][1:])
        refusal = self.refusal(Phase.INCLUDE, (forged and enough, "RoundManagerWrongSubmission"))
        include = self.rounds.includeUpdates
        if not self.try_to(refusal, include, self.study, self.round, entries, sender=self.world.stranger):
            return
        self.included = rule_ if enough else 0
        assert self.state().includedBitmap == self.included
        if enough:
            assert self.state().sumDigest == keccak(encode(["uint256", "uint256"], sum_of(self.works())))

    def works(self) -> tuple[Work, ...]:
        """Of the included set."""
        return tuple(self.submitted[one] for one in range(COUNT) if self.included >> one & 1)

    def state(self) -> Any:
        """The round as the chain has it."""
        return self.rounds.roundState(self.study, self.round)

    @when(Phase.OPEN, Phase.SUSPENDED)
    @rule(how=st.sampled_from(["honest", "honest", "other root", "other sum", "proof of training"]))
    def finalise(self, how: str) -> None:
        """Only the model that follows from the sum, and only with its proof."""
        context = self.rounds.aggregationContext(self.study, self.round, self.included)
        after, proved = prove_aggregation(self.works(), self.weights, context)
        x, y = sum_of(self.works())
        root = root_of(after)
        refusal = self.first(
            (not self.phase.opens, "RoundManagerWrongPhase"),
            (how == "other sum", "RoundManagerWrongSum"),
            (how != "honest", "RoundManagerProofInvalid"),
        )
        given = {"other root": (x, y, root + 1), "other sum": (y, x, root)}.get(how, (x, y, root))
        proof = proof_of(self.works()[0].proved if how == "proof of training" else proved)
        finalise = self.rounds.finalise
        if self.try_to(refusal, finalise, self.study, self.round, *given, proof, sender=self.world.stranger):
            self.weights = after
            self.roots[self.round] = root

    @when(Phase.FAILED)
    @rule()
    def fail(self) -> None:
        """By anyone, once, when the round has come to nothing."""
        recorded = self.state().closedAt != 0
        refusal = self.refusal(Phase.FAILED, (recorded, "RoundManagerAlreadyFailed"))
        self.try_to(refusal, self.rounds.failRound, self.study, self.round, sender=self.world.stranger)

    @rule()
    def wait(self) -> None:
        """Until the phase is over."""
        if deadline := self.rounds.phase(self.study, self.round)[1]:
            pass_until(deadline)

    @rule(number=NUMBERS)
    def rotate(self, number: int) -> None:
        """Another key acts for the hospital from now on."""
        member, suite = self.world.members[number], self.world.suite
        key = self.keys[number] = Account.from_key(keccak(self.keys[number].key))
        endow(key.address)
        agreed = key.unsafe_sign_hash(bytes(suite.registry.operatorHash(member.owner, key.address))).signature
        rapidly(suite.registry.rotateOperator, member.id, key.address, bytes(agreed), sender=member.owner)
        rapidly(suite.studies.adoptOperator, self.study, member.id, sender=member.owner)

    @rule(number=NUMBERS)
    def act_out_of_turn(self, number: int) -> None:
        """What belongs to another phase is refused."""
        rounds, place = self.rounds, (self.study, self.round)
        sender, proof = self.act(number), proof_of(self.work(number).proved)
        turns = {
            Phase.SUBMIT: (rounds.submitUpdate, *self.world.members[number].entry(self.work(number)), proof),
            Phase.ATTEST: (rounds.attest, 0),
            Phase.INCLUDE: (rounds.includeUpdates, []),
            Phase.OPEN: (rounds.finalise, 0, 1, 0, proof),
        }
        for phase, (method, *rest) in turns.items():
            if phase is not self.phase and not (phase.opens and self.phase.opens):
                self.try_to("RoundManagerWrongPhase", method, *place, *rest, sender=sender)

    @rule()
    def everybody(self) -> None:
        """All do what is next, as it should be."""
        phase = self.phase
        if phase is Phase.SUBMIT:
            for number in set(range(COUNT)) - set(self.submitted):
                self.submit(number)
        elif phase is Phase.ATTEST:
            for number in set(range(COUNT)) - set(self.attested):
                self.attest(number, sum(1 << one for one in self.submitted))
        elif phase is Phase.INCLUDE:
            self.include(forged=False)
        elif phase is Phase.FAILED and not self.state().closedAt:
            self.fail()

    @invariant()
    def goes_forward(self) -> None:
        """Phases in their order; a round that closed stays as it was, and the next begins with its model."""
        phase = self.phase
        assert phase == self.seen if self.seen >= Phase.FINALISED else phase >= self.seen
        self.seen = phase
        if phase < Phase.FINALISED or not self.state().closedAt:
            return
        self.world.reached[phase.name] += 1
        assert (phase is Phase.FINALISED) == (self.round in self.roots)
        self.compare()
        if self.world.state is StudyState.CEREMONY:
            self.world.hold_ceremony(self.keys)
        current = self.rounds.currentRound(self.study)
        if current != self.round:
            assert self.rounds.roundState(self.study, current).rootBefore == root_of(self.weights)
            self.round, self.seen = current, Phase.SUBMIT
            self.begin()

    def compare(self) -> None:
        """Submissions and roots are as they were made; the vault and the pool hold what they owe."""
        for number, member in enumerate(self.world.members):
            kept = bytes(32)
            if number in self.submitted:
                entry = member.entry(self.submitted[number])
                kept = keccak(encode(["bytes32", "uint64", "uint256", "uint256"], entry))
            assert self.rounds.submission(self.study, self.round, member.id) == kept
        for round_, root in self.roots.items():
            assert self.rounds.roundState(self.study, round_).rootAfter == root
        self.world.owes_what_it_holds()
