# SPDX-License-Identifier: Apache-2.0
"""Typed reads of studies: plans, enrolments, draws of blocks, and the circuits they name."""

from __future__ import annotations

from node.chain.connection import BlockTag, Connection
from node.chain.records import to_record
from node.errors import ContractReverted, DrawLost
from node.types import Address, BlockDraw, Circuit, Enrolment, Study, StudyState


class StudyReader(Connection):
    """The views of StudyRegistry, CircuitCatalogue and BlockDraws; `at` asks for the state at an earlier block."""

    def study_count(self) -> int:
        """Studies are numbered 1 to this."""
        return int(self.call("StudyRegistry", "studyCount"))

    def study(self, study: int) -> Study:
        """A study by its number."""
        return to_record(Study, self.call("StudyRegistry", "study", study), id=study)

    def study_state(self, study: int, at: BlockTag = "latest") -> StudyState:
        """What a study is doing; NONE for a number never given."""
        return StudyState(self.call("StudyRegistry", "studyState", study, at=at))

    def required_funding(self, study: int) -> int:
        """Tokens that must be escrowed before hospitals can enrol."""
        return int(self.call("StudyRegistry", "requiredFunding", study))

    def enrolment_end(self, study: int) -> int:
        """The second at which enrolment ends or ended."""
        return int(self.call("StudyRegistry", "enrolmentEnd", study))

    def approvals(self, study: int, hospital_id: int, at: BlockTag = "latest") -> tuple[int, int]:
        """Bitmap of the batch's participants that approved of a newcomer, and how many have to."""
        by, needed = self.call("StudyRegistry", "approvals", study, hospital_id, at=at)
        return int(by), int(needed)

    def slice(self, study: int) -> int:
        """What one lie costs."""
        return int(self.call("StudyRegistry", "slice", study))

    def plan_root(self, study: int) -> int:
        """The public input that packs the proved hyper-parameters."""
        return int(self.call("StudyRegistry", "planRoot", study))

    def circuit(self, circuit_id: int) -> Circuit:
        """A circuit by its number, listed or not."""
        return to_record(Circuit, self.call("CircuitCatalogue", "circuit", circuit_id))

    def shortest_phase(self) -> tuple[int, int]:
        """The seconds of a block that a plan's confirmations count, and how many more a phase lasts at least."""
        return int(self.call("StudyRegistry", "BLOCK_TIME")), int(self.call("StudyRegistry", "PHASE_MARGIN"))

    def circuit_count(self) -> int:
        """Circuits are numbered 1 to this."""
        return int(self.call("CircuitCatalogue", "circuitCount"))

    def is_listed(self, circuit_id: int) -> bool:
        """Whether new studies may name the circuit."""
        return bool(self.call("CircuitCatalogue", "isListed", circuit_id))

    def acted_for(self, study: int, operator: Address) -> int:
        """The hospital that an address acts or once acted for in a study; 0 for none."""
        hospital_id, _until = self.call("StudyRegistry", "actedFor", study, operator)
        return int(hospital_id)

    def enrolment(self, study: int, hospital_id: int, at: BlockTag = "latest") -> Enrolment:
        """A hospital's place in a study; refused where it has none."""
        return to_record(Enrolment, self.call("StudyRegistry", "enrolment", study, hospital_id, at=at))

    def blocks_of(self, study: int, hospital_id: int, at: BlockTag = "latest") -> BlockDraw:
        """The blocks that a hospital committed to; `blocks` is 0 where it enrolled with one data root, or not."""
        return to_record(BlockDraw, self.call("BlockDraws", "blocksOf", study, hospital_id, at=at))

    def drawn_block(self, study: int, hospital_id: int, at: BlockTag = "latest") -> int | None:
        """Which of a hospital's blocks was drawn, from 0; None until hash and salts are known.

        Raises `DrawLost` where the hash is out of reach and the draw was not kept; refused where it has no blocks.
        """
        try:
            return int(self.call("BlockDraws", "drawnBlock", study, hospital_id, at=at))
        except ContractReverted as error:
            if error.name in ("BlockDrawsNotDrawn", "BlockDrawsSaltsSecret"):
                return None
            if error.name == "BlockDrawsLost":
                raise DrawLost(str(error)) from None
            raise

    def enrolled_ids(self, study: int, at: BlockTag = "latest") -> tuple[int, ...]:
        """Hospital numbers by enrolment index."""
        return tuple(self.call("StudyRegistry", "enrolledIds", study, at=at))

    def enrolments(self, study: int) -> tuple[Enrolment, ...]:
        """All places of a study, by index."""
        return tuple(self.enrolment(study, hospital_id) for hospital_id in self.enrolled_ids(study))
