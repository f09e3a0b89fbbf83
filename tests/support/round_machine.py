# SPDX-License-Identifier: Apache-2.0
"""What four hospitals do in rounds, honest or not, as rules for Hypothesis: every update and every model is proved.

Every example begins at the same moment of the same chain, so a proof that was made once serves again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import ape
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.types import Phase
from tests.support.members import Member, endow
from tests.support.proving import (
    WEIGHTS,
    Work,
    proof_of,
    prove_aggregation,
    prove_training,
    root_of,
    sum_of,
)
from tests.support.suite import BOND, DIGEST, Suite, pass_until, rapidly

COUNT, THRESHOLD, MINIMUM, ROUNDS = 4, 2, 3, 2
NUMBERS, SETS = st.integers(0, COUNT - 1), st.integers(0, 2**COUNT - 1)
OFFENCES = 4


def when(*phases: Phase) -> Any:
    """A rule for rounds that were in one of these phases when last looked at."""
    return precondition(lambda self: self.seen in phases)


@dataclass(frozen=True)
class World:
    """A study at the beginning of round 1, and what was reached in all examples together."""

    suite: Suite
    study: int
    stranger: Any
    members: list[Member]
    reached: Counter[str]


def error_of(suite: Suite, method: Any, *arguments: Any, sender: Any) -> str:
    """The custom error that a call ends with; empty where it would go through."""
    data = "0x" + method.encode_input(*arguments).hex().removeprefix("0x")
    call = {"from": str(sender), "to": method.contract.address, "data": data, "gas": hex(5_000_000)}
    answer = ape.chain.provider.web3.provider.make_request("eth_call", [call, "latest"])
    if "error" not in answer:
        return ""
    errors = [error for contract in (suite.rounds, suite.court, suite.vault) for error in contract.contract_type.errors]
    names = {"0x" + keccak(text=error.selector)[:4].hex(): error.name for error in errors}
    return names[answer["error"]["data"][:10]]


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
        self.begin()

    def begin(self) -> None:
        """Nothing was done in the round yet."""
        self.submitted: dict[int, Work] = {}
        self.attested: dict[int, int] = {}
        self.included = 0

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
            assert error_of(self.world.suite, method, *arguments, sender=sender) == refusal
            self.world.reached["refused"] += 1
        else:
            rapidly(method, *arguments, sender=sender)
            self.world.reached[method.abis[0].name] += 1
        return not refusal

    def refusal(self, needed: Phase, *others: tuple[bool, str]) -> str:
        """The first of the reasons against a call, in the order in which the contract looks."""
        reasons = [(self.phase is not needed, "RoundManagerWrongPhase"), *others]
        return next((name for holds, name in reasons if holds), "")

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
        refusal = self.refusal(Phase.SUBMIT, (number in self.submitted, "RoundManagerAlreadySubmitted"))
        given = self.study, self.round, *self.world.members[number].entry(work), proof_of(work.proved)
        if self.try_to(refusal, self.rounds.submitUpdate, *given, sender=self.act(number)):
            self.submitted[number] = work

    @when(Phase.SUBMIT)
    @rule(number=NUMBERS, other=NUMBERS, how=st.sampled_from(["copied", "other ciphertext", "other commitment"]))
    def forge(self, number: int, other: int, how: str) -> None:
        """A real proof in the wrong place."""
        if number == other or number in self.submitted:
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

    @when(Phase.OPEN)
    @rule(number=NUMBERS, honest=st.booleans())
    def share(self, number: int, honest: bool) -> None:
        """With a signature of its own, by whom the attempt names, once."""
        attempt = self.rounds.currentAttempt(self.study, self.round)
        posted = self.rounds.sharesPosted(self.study, self.round, attempt)
        named = self.rounds.quorum(self.study, self.round, attempt)
        member = self.world.members[number]
        refusal = self.refusal(
            Phase.OPEN,
            (member.id not in named, "RoundManagerNotInQuorum"),
            (bool(posted >> number & 1), "RoundManagerAlreadyPosted"),
            (not honest, "RoundManagerWrongSignature"),
        )
        signed = self.share_hash(attempt, DIGEST if honest else bytes(31) + b"\x01")
        given = self.study, self.round, attempt, DIGEST, 500, self.sign(number, signed)
        self.try_to(refusal, self.rounds.postShare, *given, sender=self.act(number))

    def share_hash(self, attempt: int, digest: bytes) -> bytes:
        """What is signed with a share."""
        return bytes(self.rounds.openingShareHash(self.study, self.round, self.included, attempt, digest))

    def sign(self, number: int, digest: bytes) -> bytes:
        """With the key that the hospital has now."""
        return bytes(self.keys[number].unsafe_sign_hash(digest).signature)

    @when(Phase.OPEN)
    @rule(how=st.sampled_from(["honest", "honest", "other root", "other sum", "proof of training"]))
    def finalise(self, how: str) -> None:
        """Only the model that follows from the sum, and only with its proof."""
        context = self.rounds.aggregationContext(self.study, self.round, self.included)
        after, proved = prove_aggregation(self.works(), self.weights, context)
        x, y = sum_of(self.works())
        root = root_of(after)
        refusal = self.refusal(
            Phase.OPEN, (how == "other sum", "RoundManagerWrongSum"), (how != "honest", "RoundManagerProofInvalid")
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
        self.keys[number] = Account.from_key(keccak(self.keys[number].key))
        endow(self.keys[number].address)
        rapidly(suite.registry.rotateOperator, member.id, self.keys[number].address, sender=member.owner)
        rapidly(suite.studies.adoptOperator, self.study, member.id, sender=member.owner)

    @when(Phase.OPEN)
    @rule(number=NUMBERS)
    def equivocate(self, number: int) -> None:
        """Two signed shares for one attempt cost a slice, once, for the good of the others."""
        member, vault = self.world.members[number], self.world.suite.vault
        punished = [vault.punished(self.study, offence, self.round) for offence in range(OFFENCES)]
        others = self.included & ~(punished[1] | punished[2] | punished[3] | 1 << number)
        used = bool(punished[3] >> number & 1)
        nothing = not others or not vault.locked(self.study, member.id)
        evidence = []
        for digest in (DIGEST, bytes(31) + b"\x01"):
            evidence += [digest, self.sign(number, self.share_hash(0, digest))]
        refusal = "StakeVaultEvidenceUsed" if used else "EquivocationCourtNothingToSlash" if nothing else ""
        shown = self.study, self.round, member.id, self.included, 0, *evidence
        self.try_to(refusal, self.world.suite.court.reportEquivocation, *shown, sender=self.world.stranger)

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
            if phase is not self.phase:
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
        current = self.rounds.currentRound(self.study)
        if current != self.round:
            assert self.rounds.roundState(self.study, current).rootBefore == root_of(self.weights)
            self.round, self.seen = current, Phase.SUBMIT
            self.begin()

    def compare(self) -> None:
        """Submissions and roots are as they were made; the vault and the pool hold what they owe."""
        suite, held = self.world.suite, self.world.suite.vault.bounty(self.world.stranger)
        for number, member in enumerate(self.world.members):
            kept = bytes(32)
            if number in self.submitted:
                entry = member.entry(self.submitted[number])
                kept = keccak(encode(["bytes32", "uint64", "uint256", "uint256"], entry))
            assert self.rounds.submission(self.study, self.round, member.id) == kept
            held += suite.vault.available(member.id) + suite.vault.locked(self.study, member.id)
        for round_, root in self.roots.items():
            assert self.rounds.roundState(self.study, round_).rootAfter == root
        for number in range(1, suite.vault.potCount() + 1):
            held += suite.vault.pot(number).amount
            self.world.reached["pot"] += 1
        assert suite.token.balanceOf(suite.vault) == held == COUNT * BOND
        assert suite.token.balanceOf(suite.rewards) == suite.studies.requiredFunding(self.study)
