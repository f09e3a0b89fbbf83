# SPDX-License-Identifier: Apache-2.0
"""Typed reads of every contract of a deployment; nothing here can sign."""

from __future__ import annotations

from node.chain.ceremony_reads import CeremonyReader
from node.chain.money_reads import MoneyReader
from node.chain.opening_reads import OpeningReader
from node.chain.records import to_record
from node.types import Address, Hospital


class ChainReader(OpeningReader, CeremonyReader, MoneyReader):
    """The contracts' views and events; `at` asks for the state at an earlier block.

    Raises what `Connection` raises; the contract refuses a number that was never given (`ContractReverted`).
    """

    def hospital(self, hospital_id: int) -> Hospital:
        """A hospital by its number."""
        return to_record(Hospital, self.call("HospitalRegistry", "hospital", hospital_id), id=hospital_id)

    def hospital_count(self) -> int:
        """Hospitals are numbered 1 to this."""
        return int(self.call("HospitalRegistry", "hospitalCount"))

    def hospitals(self) -> tuple[Hospital, ...]:
        """All hospitals, by number."""
        return tuple(self.hospital(number) for number in range(1, self.hospital_count() + 1))

    def hospital_id_of(self, owner: Address) -> int:
        """The hospital that an address owns, or 0."""
        return int(self.call("HospitalRegistry", "hospitalIdOf", owner))

    def proposed_owner(self, hospital_id: int) -> tuple[Address, int]:
        """Who was proposed as a hospital's owner, and the second from which it can accept; zeros for nobody."""
        owner, start = self.call("HospitalRegistry", "proposedOwner", hospital_id)
        return str(owner), int(start)

    def hospital_id_of_operator(self, operator: Address) -> int:
        """The hospital whose current operator an address is, or 0."""
        return int(self.call("HospitalRegistry", "hospitalIdOfOperator", operator))
