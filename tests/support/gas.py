# SPDX-License-Identifier: Apache-2.0
"""What every function of the suite costs with 3, 16 and 64 hospitals: three studies, played on a local chain.

Of each function the dearest call counts. The proofs of round 1 are real, and so are their verifiers; after it the
verifier double answers at their addresses, and nothing that it answers is measured.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import ape

from node.chain.blocks import MOST_BLOCKS, BlockTree
from node.chain.deployment import CONTRACTS
from node.types import CeremonyStep
from scripts.gas_table import AVERAGE, BATCH, Table
from tests.support.members import Member, deploy_proving, provable_plan
from tests.support.proving import (
    CIRCUITS,
    WEIGHTS,
    Work,
    proof_of,
    prove_aggregation,
    prove_training,
    root_of,
    sum_of,
)
from tests.support.suite import BOND, DIGEST, NO_PROOF, mine, pass_until, payout_commitment, rapidly

SIZES = (3, 16, 64)
#: Most opening attempts that a plan may have: the last is the dearest.
ATTEMPTS = 16
LENGTH = 10_000
PAYOUT = "0x" + "Ba" * 20
LAST_ATTEMPT = f", attempt {ATTEMPTS} of {ATTEMPTS}"
#: Not the suite's own (roles, the token), or called by other contracts of the suite only.
NOT_MEASURED = {
    "ConsiliumToken": None,
    "HospitalRegistry": {
        *("beginDefaultAdminTransfer", "acceptDefaultAdminTransfer", "cancelDefaultAdminTransfer"),
        *("changeDefaultAdminDelay", "rollbackDefaultAdminDelay", "grantRole", "revokeRole", "renounceRole"),
    },
    "StakeVault": {"lock", "release", "slash"},
    "StudyRegistry": {"enrolFor", "nameData"},
}


def measure(council: Any, stranger: Any) -> Table:
    """Play it all, for every size."""
    table: Table = defaultdict(dict)
    for size in SIZES:
        for name, gas in Play(council, stranger, size).measured().items():
            table[name][str(size)] = gas
    return {name: table[name] for name in sorted(table)}


@cache
def most_blocks() -> BlockTree:
    """The deepest tree that there can be."""
    return BlockTree([(number, 1) for number in range(MOST_BLOCKS)])


def unmeasured(table: Table) -> list[str]:
    """Functions of the suite that move something and are not in a table."""
    wanted = [
        f"{name}.{method.name}"
        for name in CONTRACTS
        if (left_out := NOT_MEASURED.get(name, set())) is not None
        for method in getattr(ape.project, name).contract_type.mutable_methods
        if method.name not in left_out
    ]
    return sorted(set(wanted) - set(table))


class Play:
    """A suite of its own and the hospitals on it; remembers the dearest call of every function."""

    def __init__(self, council: Any, stranger: Any, size: int) -> None:
        self._suite, self._council, self._stranger = deploy_proving(council), council, stranger
        self._members = [Member(number) for number in range(1, size + 1)]
        self._by_id = {member.id: member for member in self._members}
        self._everything = (1 << size) - 1
        self._threshold = max(2, size // 2)
        self._worst: dict[str, int] = defaultdict(int)
        self._spent = 0
        self._study = 0

    def measured(self) -> dict[str, int]:
        """Gas by function."""
        self._admit()
        self._fail_a_ceremony()
        self._draw_blocks()
        self._begin()
        self._spent = 0
        for step in CeremonyStep:
            self._post(step, self._members)
        ceremony, self._spent = self._spent, 0
        self._play_round()
        average = (ceremony / BATCH + self._spent) / len(self._members)
        self._unsettle()
        self._fail_round()
        self._settle()
        self._govern()
        return {**self._worst, AVERAGE: round(average)}

    def _call(self, method: Any, *arguments: Any, sender: Any, note: str = "") -> None:
        gas = rapidly(method, *arguments, sender=sender)
        name = f"{method.contract.contract_type.name}.{method.abis[0].name}{note}"
        self._worst[name] = max(gas, self._worst[name])
        self._spent += gas

    def _admit(self) -> None:
        suite, council = self._suite, self._council
        for member in self._members:
            given = member.operator, f"Hospital of town {member.id}", "https://node.example:8443"
            self._call(suite.registry.register, *given, sender=member.owner)
            self._call(suite.registry.admit, member.id, sender=council)
            self._call(suite.vault.deposit, member.id, 3 * BOND, sender=council)

    def _begin(self) -> None:
        self._publish()
        for member in self._members:
            payout = payout_commitment(PAYOUT, member.payout_salt)
            terms = member.records.root, len(member.records.rows), payout
            self._call(self._suite.studies.enrol, self._study, *terms, sender=member.operator)

    def _publish(self) -> None:
        suite = self._suite
        plan = provable_plan(
            suite,
            threshold=self._threshold,
            minimum=self._threshold + 1,
            maximum=len(self._members),
            attempts=ATTEMPTS,
            unopenedRounds=1,
            rounds=BATCH,
            **dict.fromkeys(("ceremonyStepLength", "submitLength", "attestLength", "openLength"), LENGTH),
        )
        self._call(suite.studies.publish, plan, sender=self._council)
        self._study = suite.studies.studyCount()
        self._call(suite.rewards.fund, self._study, suite.studies.requiredFunding(self._study), sender=self._council)

    def _post(self, step: CeremonyStep, members: list[Member]) -> None:
        for member in members:
            post = self._suite.studies.postCeremony
            self._call(post, self._study, 1, int(step), DIGEST, 32, sender=member.operator)

    def _fail_a_ceremony(self) -> None:
        """All but one owe their dealing, and are slashed."""
        self._begin()
        self._post(CeremonyStep.KEY, self._members)
        self._post(CeremonyStep.DEALING, self._members[:1])
        studies = self._suite.studies
        pass_until(studies.ceremonyState(self._study).deadline)
        self._call(studies.failCeremony, self._study, sender=self._stranger)
        for member in self._members:
            self._call(studies.releaseBond, self._study, member.id, sender=self._stranger)

    def _draw_blocks(self) -> None:
        """In a study that goes no further, two enrol with as many blocks as can be; one loses its draw."""
        self._publish()
        draws, (one, other) = self._suite.blocks, [member.operator for member in self._members[:2]]
        tree = most_blocks()
        for operator in (one, other):
            payout = payout_commitment(PAYOUT, self._members[0].payout_salt)
            self._call(draws.enrolBlocks, self._study, tree.root, len(tree.blocks), payout, sender=operator)
        mine(2)
        drawn = draws.drawnBlock(self._study, self._members[0].id)
        opened = *tree.blocks[drawn], list(tree.path(drawn))
        self._call(draws.useBlock, self._study, *opened, sender=one)
        mine(300)
        self._call(draws.redraw, self._study, sender=other)
        mine(2)
        self._call(draws.keepDraw, self._study, self._members[1].id, sender=self._stranger)

    def _play_round(self) -> None:
        """Round 1, with real proofs: everybody submits, attests, and the first quorum opens."""
        rounds, first = self._suite.rounds, self._members[0].operator
        works = self._prove_training()
        self._entries = [member.entry(work) for member, work in zip(self._members, works, strict=True)]
        for member, work, entry in zip(self._members, works, self._entries, strict=True):
            proof = proof_of(work.proved)
            self._call(rounds.submitUpdate, self._study, 1, *entry, proof, sender=member.operator)
        self._attest_and_include(1)
        self._open(1, 0)
        context = rounds.aggregationContext(self._study, 1, self._everything)
        after, proved = prove_aggregation(tuple(works), WEIGHTS, context)
        result = *sum_of(works), root_of(after), proof_of(proved)
        self._call(rounds.finalise, self._study, 1, *result, sender=first)
        self._call(rounds.postModel, self._study, 1, DIGEST, 1_000, sender=first)

    def _prove_training(self) -> Sequence[Work]:
        """Everybody's work of round 1; on all cores."""
        rounds = self._suite.rounds
        contexts = [rounds.trainingContext(self._study, 1, member.id, member.ciphertext) for member in self._members]
        records, weights = [member.records for member in self._members], [WEIGHTS] * len(self._members)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(prove_training, records, weights, contexts))

    def _attest_and_include(self, round_: int) -> None:
        rounds = self._suite.rounds
        for member in self._members:
            self._call(rounds.attest, self._study, round_, self._everything, sender=member.operator)
        self._call(rounds.includeUpdates, self._study, round_, self._entries, sender=self._members[0].operator)

    def _open(self, round_: int, attempt: int, silent: int = 0, note: str = "") -> None:
        """The quorum posts its shares, but for the first few of it."""
        rounds = self._suite.rounds
        signed = rounds.openingShareHash(self._study, round_, self._everything, attempt, DIGEST)
        for number in rounds.quorum(self._study, round_, attempt)[silent:]:
            member = self._by_id[number]
            share = self._study, round_, attempt, DIGEST, 5_000, member.sign(signed)
            self._call(rounds.postShare, *share, sender=member.operator, note=note)

    def _unsettle(self) -> None:
        """In round 2 one leaves, and one changes its key and asks for new ones."""
        suite, leaver, other = self._suite, self._members[-1], self._members[0]
        self._call(suite.studies.requestCeremony, self._study, sender=other.operator)
        self._call(suite.studies.leaveStudy, self._study, sender=leaver.owner)
        self._call(suite.registry.setEndpoint, other.id, "https://elsewhere.example:8443", sender=other.owner)

    def _fail_round(self) -> None:
        """Round 2 is never opened: whoever can be spared is silent, spread over all attempts but the last."""
        rounds, court = self._suite.rounds, self._suite.court
        self._use_double()
        for member, entry in zip(self._members, self._entries, strict=True):
            rapidly(rounds.submitUpdate, self._study, 2, *entry, NO_PROOF, sender=member.operator)
        self._attest_and_include(2)
        spare = len(self._members) - self._threshold
        for attempt in range(ATTEMPTS - 1):
            so_far, by_then = (spare * number // (ATTEMPTS - 1) for number in (attempt, attempt + 1))
            self._open(2, attempt, silent=by_then - so_far)
            pass_until(rounds.phase(self._study, 2)[1])
        self._open(2, ATTEMPTS - 1, note=LAST_ATTEMPT)
        liar = self._by_id[rounds.quorum(self._study, 2, ATTEMPTS - 1)[0]]
        evidence = []
        for digest in (DIGEST, DIGEST[::-1][:-1] + b"\x01"):
            signed = rounds.openingShareHash(self._study, 2, self._everything, ATTEMPTS - 1, digest)
            evidence += [digest, liar.sign(signed)]
        shown = self._study, 2, liar.id, self._everything, ATTEMPTS - 1, *evidence
        self._call(court.reportEquivocation, *shown, sender=self._stranger)
        pass_until(rounds.phase(self._study, 2)[1])
        self._call(rounds.failRound, self._study, 2, sender=self._stranger)

    def _use_double(self) -> None:
        double = self._council.deploy(ape.project.VerifierDouble)
        request = ape.chain.provider.make_request
        code, accepts = request("eth_getCode", [double.address, "latest"]), "0x" + "1".zfill(64)
        for name in CIRCUITS:
            address = self._suite.record["circuits"][name]["verifier"]
            request("anvil_setCode", [address, code])
            request("anvil_setStorageAt", [address, "0x0", accepts])

    def _settle(self) -> None:
        """The study was cancelled with round 2: everybody takes what is theirs."""
        suite, stranger = self._suite, self._stranger
        owned, revealed = self._members[0], self._members[-1]
        self._call(suite.rewards.claim, self._study, owned.id, [1], sender=owned.owner)
        payout = self._study, revealed.id, [1], PAYOUT, revealed.payout_salt
        self._call(suite.rewards.claimTo, *payout, sender=stranger)
        self._call(suite.rewards.refund, self._study, sender=stranger)
        for member in self._members:
            self._call(suite.studies.releaseBond, self._study, member.id, sender=stranger)
        self._call(suite.studies.closeStudy, self._study, sender=stranger)
        for number in range(1, suite.vault.potCount() + 1):
            for member in self._members:
                if suite.vault.partOf(number, member.id):
                    self._call(suite.vault.claimSlashed, number, member.id, sender=stranger)
        self._call(suite.vault.claimBounty, sender=stranger)
        self._call(suite.vault.requestWithdrawal, owned.id, BOND, sender=owned.owner)
        pass_until(suite.vault.pending(owned.id)[1])
        self._call(suite.vault.withdraw, owned.id, sender=owned.owner)

    def _govern(self) -> None:
        suite, council, other = self._suite, self._council, self._members[0]
        self._call(suite.registry.rotateOperator, other.id, PAYOUT, sender=other.owner)
        self._call(suite.studies.adoptOperator, self._study, other.id, sender=other.owner)
        self._call(suite.registry.suspend, other.id, sender=council)
        self._call(suite.studies.setPaused, True, sender=council)
        circuit = dict(suite.catalogue.circuit(1).__dict__)
        self._call(suite.catalogue.listCircuit, circuit, sender=council)
        self._call(suite.catalogue.delistCircuit, 1, sender=council)
