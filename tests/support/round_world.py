# SPDX-License-Identifier: Apache-2.0
"""Where the hospitals of `round_machine` play: a study on real verifiers, ceremonies between rounds, what is owed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import ape
from eth_utils import keccak

from node.types import StudyState
from tests.support.members import Member
from tests.support.suite import BOND, DIGEST, Suite, rapidly


@dataclass(frozen=True)
class World:
    """A study at the beginning of round 1, and what was reached in all examples together."""

    suite: Suite
    study: int
    stranger: Any
    members: list[Member]
    reached: Counter[str]

    def hold_ceremony(self, keys: list[Any]) -> None:
        """Everybody that is due does what each step asks; `keys` act for the members."""
        ceremony, number = self.suite.ceremony, self.suite.ceremony.ceremonyState(self.study).number
        due = self.suite.ceremony.ceremonyState(self.study).due
        present = [
            (member, key.address)
            for place, (member, key) in enumerate(zip(self.members, keys, strict=True))
            if due >> place & 1
        ]
        for member, sender in present:
            rapidly(ceremony.postKeys, self.study, number, *member.ceremony_keys(), sender=sender)
        keys_hash = bytes(ceremony.ceremonyState(self.study).keysHash)
        for step, given in (
            (ceremony.postDealing, (keys_hash, DIGEST, 32)),
            (ceremony.postHolding, (due, True)),
            (ceremony.acknowledge, (DIGEST, 0)),
        ):
            for _, sender in present:
                rapidly(step, self.study, number, *given, sender=sender)

    @property
    def state(self) -> StudyState:
        """The study's state."""
        return StudyState(self.suite.studies.studyState(self.study))

    def owes_what_it_holds(self) -> None:
        """The vault holds bonds, pots, bounties and fines, and the pool all that was paid in, to the last unit."""
        suite, held = self.suite, self.suite.vault.bounty(self.stranger) + self.suite.vault.fines(self.study)
        for member in self.members:
            held += suite.vault.available(member.id) + suite.vault.locked(self.study, member.id)
        for number in range(1, suite.vault.potCount() + 1):
            held += suite.vault.pot(number).amount
            self.reached["pot"] += 1
        assert suite.token.balanceOf(suite.vault) == held == len(self.members) * BOND
        assert suite.token.balanceOf(suite.rewards) == suite.studies.requiredFunding(self.study)

    def error_of(self, method: Any, *arguments: Any, sender: Any) -> str:
        """The custom error that a call ends with; empty where it would go through."""
        data = "0x" + method.encode_input(*arguments).hex().removeprefix("0x")
        call = {"from": str(sender), "to": method.contract.address, "data": data, "gas": hex(5_000_000)}
        answer = ape.chain.provider.web3.provider.make_request("eth_call", [call, "latest"])
        if "error" not in answer:
            return ""
        suite = self.suite
        contracts = (suite.rounds, suite.openings, suite.court, suite.vault)
        errors = [error for contract in contracts for error in contract.contract_type.errors]
        names = {"0x" + keccak(text=error.selector)[:4].hex(): error.name for error in errors}
        return names[answer["error"]["data"][:10]]
