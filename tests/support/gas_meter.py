# SPDX-License-Identifier: Apache-2.0
"""A suite of its own, any number of hospitals on it, and what each of their calls costs at most."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ape

from node.types import CeremonyStep
from scripts.gas_table import BATCH
from tests.support.members import Entry, Member, deploy_proving, provable_plan
from tests.support.proving import CIRCUITS, WEIGHTS, Work, prove_training
from tests.support.suite import BOND, DIGEST, payout_commitment, rapidly

LENGTH = 10_000
PAYOUT = "0x" + "Ba" * 20


class Meter:
    """Remembers the dearest call of every function, and what was spent since it was last asked."""

    def __init__(self, council: Any, stranger: Any, size: int) -> None:
        self.suite, self.council, self.stranger = deploy_proving(council), council, stranger
        self.members = [Member(number) for number in range(1, size + 1)]
        self.by_id = {member.id: member for member in self.members}
        self.everything = (1 << size) - 1
        self.threshold = max(2, size // 2)
        self.worst: dict[str, int] = defaultdict(int)
        self.study = self.ceremony = 0
        self.entries: list[Entry] = []
        self._spent = 0

    def spent(self) -> int:
        """Gas since this was last asked."""
        spent, self._spent = self._spent, 0
        return spent

    def call(self, method: Any, *arguments: Any, sender: Any, note: str = "") -> None:
        """Send a transaction; `note` tells it from other calls of the function."""
        gas = rapidly(method, *arguments, sender=sender)
        name = f"{method.contract.contract_type.name}.{method.abis[0].name}{note}"
        self.worst[name] = max(gas, self.worst[name])
        self._spent += gas

    def for_each(self, members: Iterable[Member], method: Any, arguments: Callable[[Member], Sequence[Any]]) -> None:
        """The same call by the operator of each."""
        for member in members:
            self.call(method, self.study, *arguments(member), sender=member.operator)

    def admit(self) -> None:
        """All hospitals are registered, admitted and bonded."""
        suite, council = self.suite, self.council
        for member in self.members:
            self.call(suite.registry.register, *member.register(suite), sender=member.owner)
            self.call(suite.registry.admit, member.id, sender=council)
            self.call(suite.vault.deposit, member.id, 3 * BOND, sender=council)

    def publish(self) -> None:
        """A study with a place for everybody."""
        suite = self.suite
        plan = provable_plan(
            suite,
            threshold=self.threshold,
            minimum=self.threshold + 1,
            maximum=len(self.members),
            approvedJoining=True,
            unopenedRounds=self.threshold,
            rounds=BATCH,
            patience=4 * LENGTH * self.threshold,
            recovery=LENGTH,
            **dict.fromkeys(("ceremonyStepLength", "submitLength", "attestLength", "openLength"), LENGTH),
        )
        self.call(suite.studies.publish, plan, sender=self.council)
        self.study, self.ceremony = suite.studies.studyCount(), 0
        self.call(suite.rewards.fund, self.study, suite.studies.requiredFunding(self.study), sender=self.council)

    def enrol(self, members: Iterable[Member]) -> None:
        """These enrol, with a wallet for their rewards that they keep to themselves."""
        studies = self.suite.studies
        self.for_each(
            members, studies.enrol, lambda member: member.terms(payout_commitment(PAYOUT, member.payout_salt))
        )

    def post_keys(self, members: Iterable[Member]) -> None:
        """The next ceremony's first step."""
        self.ceremony += 1
        keys = self.suite.ceremony.postKeys
        self.for_each(members, keys, lambda member: (self.ceremony, *member.ceremony_keys()))

    def deal(self, members: Iterable[Member] | None = None) -> None:
        """Everybody (or those named) posts a dealing."""
        ceremony, state = self.suite.ceremony, self.state()
        self.for_each(
            members or self.members,
            ceremony.postDealing,
            lambda _: (self.ceremony, bytes(state.keysHash), DIGEST, 9_000),
        )

    def hold(self, satisfied: bool = True) -> None:
        """Everybody holds all dealings, and is satisfied or not yet."""
        self.for_each(
            self.members,
            self.suite.ceremony.postHolding,
            lambda _: (self.ceremony, self.everything, satisfied),
        )

    def acknowledge(self) -> None:
        """Everybody acknowledges the same."""
        self.for_each(self.members, self.suite.ceremony.acknowledge, lambda _: (self.ceremony, DIGEST, 0))

    def hold_ceremony(self) -> None:
        """A ceremony in which everybody does what is asked."""
        self.post_keys(self.members)
        self.deal()
        self.hold()
        self.acknowledge()

    def state(self) -> Any:
        """Where the ceremony stands."""
        return self.suite.ceremony.ceremonyState(self.study)

    def step(self) -> CeremonyStep:
        """The ceremony's step."""
        return CeremonyStep(self.state().step)

    def prove(self) -> list[Work]:
        """Everybody's work of round 1; on all cores."""
        rounds = self.suite.rounds
        contexts = [rounds.trainingContext(self.study, 1, member.id, member.ciphertext) for member in self.members]
        records, weights = [member.records for member in self.members], [WEIGHTS] * len(self.members)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(prove_training, records, weights, contexts))

    def use_double(self) -> None:
        """From now on every proof is accepted, and what verifying costs is not measured."""
        double = self.council.deploy(ape.project.VerifierDouble)
        request = ape.chain.provider.make_request
        code, accepts = request("eth_getCode", [double.address, "latest"]), "0x" + "1".zfill(64)
        for name in CIRCUITS:
            address = self.suite.record["circuits"][name]["verifier"]
            request("anvil_setCode", [address, code])
            request("anvil_setStorageAt", [address, "0x0", accepts])
