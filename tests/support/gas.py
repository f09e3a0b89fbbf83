# SPDX-License-Identifier: Apache-2.0
"""What every function of the suite costs with 3, 16 and 64 hospitals: studies played on a local chain.

Of each function the dearest call counts. The proofs of round 1 are real, and so are their verifiers; after it the
verifier double answers at their addresses, and nothing that it answers is measured.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import ape

from node.chain.blocks import MOST_BLOCKS, BlockTree
from node.chain.deployment import CONTRACTS
from node.types import CeremonyStep, Charge
from scripts.gas_table import AVERAGE, BATCH, CONVICTING, FALL, IN_RECOVERY, OF_ALL, Table
from tests.support.gas_meter import PAYOUT, Meter
from tests.support.members import endow
from tests.support.proving import WEIGHTS, proof_of, prove_aggregation, root_of, sum_of
from tests.support.suite import BOND, DIGEST, NO_PROOF, mine, pass_until, payout_commitment, rapidly, salt_commitment

SIZES = (3, 16, 64)
#: A pad share of a head of 30 inputs: 31 scalars and one for the blinding, of 32 bytes.
HEAD_SHARE = bytes(range(32)) * 32
#: Not the suite's own (roles, the token), or called by other contracts of the suite only.
NOT_MEASURED = {
    "ConsiliumToken": None,
    "HospitalRegistry": {
        *("beginDefaultAdminTransfer", "acceptDefaultAdminTransfer", "cancelDefaultAdminTransfer"),
        *("changeDefaultAdminDelay", "rollbackDefaultAdminDelay", "grantRole", "revokeRole", "renounceRole"),
    },
    "StakeVault": {"lock", "release", "slash", "fine", "charge", "spendFines", "payFines"},
    "RewardPool": {"credit"},
    "StudyRegistry": {"enrolFor", "nameData"},
    "KeyCeremony": {"join", "leave", "cutShort"},
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


class Play(Meter):
    """Two studies: one whose blocks are drawn, and one of four rounds and ceremonies."""

    def measured(self) -> dict[str, int]:
        """Gas by function."""
        self.admit()
        self._draw_blocks()
        self.publish()
        self.enrol(self.members)
        self.spent()
        self.hold_ceremony()
        ceremony = self.spent()
        self._first_round()
        average = (ceremony / BATCH + self.spent()) / len(self.members)
        fall = average + self._second_round() / len(self.members)
        self._complain()
        self._third_round()
        self.hold_ceremony()
        self._last_round()
        self._settle()
        self._govern()
        return {**self.worst, AVERAGE: round(average), FALL: round(fall)}

    def _draw_blocks(self) -> None:
        """Two enrol with as many blocks as can be; one loses its draw before the others reveal their salts."""
        self.publish()
        draws, (one, other), tree = self.suite.blocks, self.members[:2], most_blocks()
        for member in (one, other):
            payout = payout_commitment(PAYOUT, member.payout_salt)
            terms = tree.root, len(tree.blocks), payout, salt_commitment(member.salt)
            self.call(draws.enrolBlocks, self.study, *terms, sender=member.operator)
        mine(2)
        self.call(draws.keepDraw, self.study, one.id, sender=self.stranger)
        mine(300)
        self.call(draws.redraw, self.study, sender=other.operator)
        self.enrol(self.members[2:])
        self.post_keys(self.members)
        # The hospital that deals alone is paid for moving on: a round's services are seldom its first.
        self.deal([one])
        self._move_on(one.operator)
        drawn = draws.drawnBlock(self.study, one.id)
        opened = *tree.blocks[drawn], list(tree.path(drawn))
        self.call(draws.useBlock, self.study, *opened, sender=one.operator)

    def _first_round(self) -> None:
        """With real proofs: everybody submits and attests, and the quorum opens by CKKS."""
        rounds, first, works = self.suite.rounds, self.members[0].operator, self.prove()
        self.entries = [member.entry(work) for member, work in zip(self.members, works, strict=True)]
        for member, work, entry in zip(self.members, works, self.entries, strict=True):
            proof = proof_of(work.proved)
            self.call(rounds.submitUpdate, self.study, 1, *entry, proof, sender=member.operator)
        self._attest_and_include(1)
        self._open_by_ckks(1)
        context = rounds.aggregationContext(self.study, 1, self.everything)
        after, proved = prove_aggregation(tuple(works), WEIGHTS, context)
        self.sum = sum_of(works)
        self.call(rounds.finalise, self.study, 1, *self.sum, root_of(after), proof_of(proved), sender=first)
        self.call(rounds.postModel, self.study, 1, DIGEST, 1_000, sender=first)
        self.use_double()

    def _second_round(self) -> int:
        """CKKS does not open it, and t pad shares do; what these cost. One had lacked the model of round 1."""
        openings, rounds = self.suite.openings, self.suite.rounds
        longest, last = bytes(openings.MAX_INLINE_BYTES()), self.members[-1]
        self.call(openings.postPadShare, self.study, 1, longest, sender=last.operator, note=IN_RECOVERY)
        self._submit(2)
        self._attest_and_include(2)
        self._open_by_ckks(2)
        pass_until(rounds.roundState(self.study, 2).padsFrom)
        self.spent()
        self.for_each(self.members[: self.threshold], openings.postPadShare, lambda _: (2, HEAD_SHARE))
        spent = self.spent()
        self.call(openings.postPadShareFile, self.study, 2, DIGEST, 165_216, sender=last.operator)
        self.call(self.suite.ceremony.requestCeremony, self.study, sender=self.members[0].operator)
        self.call(rounds.finalise, self.study, 2, *self.sum, 1_002, NO_PROOF, sender=self.stranger)
        return spent

    def _complain(self) -> None:
        """A ceremony in which one complains, one lacks a dealing, one is satisfied late, and the others are silent."""
        ceremony, (one, *others, last) = self.suite.ceremony, self.members
        self.post_keys(self.members)
        self.deal()
        self.hold(satisfied=False)
        complaint = {"dealer": 1, "round": 3, "dx": self.sum[0], "dy": self.sum[1], "challenge": 5, "response": 7}
        self.call(ceremony.complain, self.study, self.ceremony, *complaint.values(), sender=one.operator)
        self.call(ceremony.nameLacking, self.study, self.ceremony, 1, sender=others[0].operator)
        self.call(ceremony.beSatisfied, self.study, self.ceremony, sender=last.operator)
        self._move_on()
        assert self.step() is CeremonyStep.ACKNOWLEDGE
        self.acknowledge()

    def _third_round(self) -> None:
        """Nobody submits; and in the ceremony that follows only one posts its keys."""
        rounds = self.suite.rounds
        pass_until(rounds.phase(self.study, 3)[1])
        self.call(rounds.failRound, self.study, 3, sender=self.stranger)
        self.post_keys(self.members[:1])
        self._move_on()

    def _last_round(self) -> None:
        """Whoever can be spared is left out; nobody opens; one signed twice; the others are accused of everything."""
        suite, study, (first, *_, last) = self.suite, self.study, self.members
        kept = (1 << self.threshold + 1) - 1
        self._submit(4)
        self._attest_and_include(4, kept)
        self._open_by_ckks(4, kept)
        self.call(suite.court.reportEquivocation, study, 4, *self._two_shares(4, kept), sender=self.stranger)
        self.call(suite.studies.approveNewcomer, study, last.id + 1, sender=first.operator)
        self.call(suite.ceremony.requestCeremony, study, sender=first.operator)
        self.call(suite.studies.leaveStudy, study, last.id, sender=last.owner)
        self.call(suite.registry.setEndpoint, first.id, "https://elsewhere.example:8443", sender=first.owner)
        self._accuse(4)
        pass_until(suite.rounds.roundState(study, 4).padsUntil)
        self.call(suite.openings.recordAbsence, study, 4, sender=self.stranger)
        pass_until(suite.rounds.phase(study, 4)[1])
        self.call(suite.rounds.failRound, study, 4, sender=self.stranger)

    def _accuse(self, round_: int) -> None:
        """First t accuse one, and then the same ones all others."""
        accuse, t = self.suite.court.accuse, self.threshold
        one, others = 1 << t, self.everything & ~((1 << t + 1) - 1)
        for accused, note in ((one, CONVICTING), (others, OF_ALL)):
            for place, member in enumerate(self.members[:t]):
                if accused:
                    given = self.study, round_, int(Charge.PAYLOAD), accused
                    self.call(accuse, *given, sender=member.operator, note=note if place == t - 1 else "")

    def _submit(self, round_: int) -> None:
        for member, entry in zip(self.members, self.entries, strict=True):
            rapidly(self.suite.rounds.submitUpdate, self.study, round_, *entry, NO_PROOF, sender=member.operator)

    def _attest_and_include(self, round_: int, bitmap: int = 0) -> None:
        rounds, held = self.suite.rounds, bitmap or self.everything
        self.for_each(self.members, rounds.attest, lambda _: (round_, held))
        entries = self.entries[: held.bit_length()]
        self.call(rounds.includeUpdates, self.study, round_, entries, sender=self.members[0].operator)

    def _open_by_ckks(self, round_: int, included: int = 0) -> None:
        openings = self.suite.openings
        signed = openings.openingShareHash(self.study, round_, included or self.everything, DIGEST)
        for number in openings.quorum(self.study, round_):
            member = self.by_id[number]
            share = self.study, round_, DIGEST, 5_000, member.sign(signed)
            self.call(openings.postShare, *share, sender=member.operator)

    def _two_shares(self, round_: int, included: int) -> list[Any]:
        openings = self.suite.openings
        liar = self.by_id[openings.quorum(self.study, round_)[0]]
        shown: list[Any] = [liar.id, included]
        for digest in (DIGEST, DIGEST[::-1][:-1] + b"\x01"):
            shown += [digest, liar.sign(openings.openingShareHash(self.study, round_, included, digest))]
        return shown

    def _move_on(self, by: Any = None) -> None:
        pass_until(self.state().deadline)
        self.call(self.suite.ceremony.moveOn, self.study, sender=by or self.stranger)

    def _settle(self) -> None:
        """The study was cancelled with round 4: everybody takes what is theirs."""
        suite, stranger = self.suite, self.stranger
        owned, revealed = self.members[0], self.members[-1]
        self.call(suite.rewards.claim, self.study, owned.id, [1], PAYOUT, sender=owned.owner)
        payout = self.study, revealed.id, [1], PAYOUT, revealed.payout_salt
        self.call(suite.rewards.claimTo, *payout, sender=stranger)
        self.call(suite.rewards.refund, self.study, self.council, sender=stranger)
        self.call(suite.rewards.claimService, stranger, sender=stranger)
        for member in self.members:
            self.call(suite.studies.releaseBond, self.study, member.id, sender=stranger)
        self.call(suite.studies.closeStudy, self.study, sender=stranger)
        pots = range(1, suite.vault.potCount() + 1)
        pass_until(max(suite.vault.pot(number).claimableAt for number in pots))
        for number in pots:
            for member in self.members:
                if suite.vault.partOf(number, member.id):
                    self.call(suite.vault.claimSlashed, number, member.id, sender=stranger)
        self.call(suite.vault.claimBounty, sender=stranger)
        self.call(suite.vault.requestWithdrawal, owned.id, BOND, sender=owned.owner)
        pass_until(suite.vault.pending(owned.id)[1])
        self.call(suite.vault.withdraw, owned.id, owned.owner, sender=owned.owner)

    def _govern(self) -> None:
        suite, council, (one, other, *_) = self.suite, self.council, self.members
        self.call(suite.registry.proposeOwner, other.id, PAYOUT, sender=other.owner)
        pass_until(suite.registry.proposedOwner(other.id)[1])
        endow(PAYOUT)
        self.call(suite.registry.acceptOwner, other.id, sender=PAYOUT)
        self.call(suite.registry.rotateOperator, one.id, *one.successor(suite), sender=one.owner)
        self.call(suite.studies.adoptOperator, self.study, one.id, sender=one.owner)
        self.call(suite.registry.suspend, one.id, sender=council)
        self.call(suite.studies.setPaused, True, sender=council)
        circuit = dict(suite.catalogue.circuit(1).__dict__)
        self.call(suite.catalogue.listCircuit, circuit, sender=council)
        self.call(suite.catalogue.delistCircuit, 1, sender=council)
