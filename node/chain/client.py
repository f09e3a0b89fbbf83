# SPDX-License-Identifier: Apache-2.0
"""Typed reads of every contract of a deployment; nothing here can sign."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property

from node.chain.connection import BlockTag
from node.chain.records import to_record
from node.chain.round_reads import RoundReader, posts
from node.errors import ChainError, ContractReverted, DrawLost
from node.types import (
    Address,
    BlockDraw,
    CeremonyState,
    CeremonyStep,
    Circuit,
    Enrolment,
    FilePost,
    Hospital,
    Offence,
    Pot,
    Study,
    StudyState,
    Withdrawal,
)
from node.words import format_amount, token_word


class ChainReader(RoundReader):
    """The contracts' views; `at` asks for the state at an earlier block.

    Raises what `Connection` raises; the contract refuses a number that was never given (`ContractReverted`).
    """

    # Hospitals and bonds

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

    def hospital_id_of_operator(self, operator: Address) -> int:
        """The hospital whose current operator an address is, or 0."""
        return int(self.call("HospitalRegistry", "hospitalIdOfOperator", operator))

    def available_bond(self, hospital_id: int) -> int:
        """Bond that can be asked back."""
        return int(self.call("StakeVault", "available", hospital_id))

    def lockable_bond(self, hospital_id: int) -> int:
        """Bond that can be locked: what an enrolment looks at."""
        return int(self.call("StakeVault", "lockable", hospital_id))

    def bond_cools_until(self, hospital_id: int) -> int:
        """The second from which all of the available bond can be locked; past or 0 where it can be now."""
        return int(self.call("StakeVault", "coolsUntil", hospital_id))

    def locked_bond(self, study: int, hospital_id: int) -> int:
        """What is left of the bond locked for a study."""
        return int(self.call("StakeVault", "locked", study, hospital_id))

    def pending_withdrawal(self, hospital_id: int) -> Withdrawal:
        """What is on its way out."""
        amount, available_at = self.call("StakeVault", "pending", hospital_id)
        return Withdrawal(amount, available_at)

    def pots(self, study: int) -> tuple[Pot, ...]:
        """The slashed bonds of a study, oldest first."""
        made = self.events("StakeVault", "PotMade", studyId=study)
        return tuple(
            to_record(
                Pot,
                self.call("StakeVault", "pot", event.arguments["potId"]),
                id=event.arguments["potId"],
                offence=Offence(event.arguments["offence"]),
                stage=event.arguments["stage"],
            )
            for event in made
        )

    def part_of_pot(self, pot_id: int, hospital_id: int) -> int:
        """A hospital's part of a pot, claimed or not; 0 if it has none."""
        return int(self.call("StakeVault", "partOf", pot_id, hospital_id))

    def punished(self, study: int, offence: Offence, stage: int) -> int:
        """Bitmap of the indices whose bonds were cut for an offence in a round, or a ceremony for a dealing."""
        return int(self.call("StakeVault", "punished", study, offence, stage))

    def bounty(self, reporter: Address) -> int:
        """What a reporter of equivocations earned and was not yet paid."""
        return int(self.call("StakeVault", "bounty", reporter))

    # Studies

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

    def enrolment_of(self, study: int, operator: Address) -> Enrolment:
        """The place that an operator acts for; refused where there is none."""
        return to_record(Enrolment, self.call("StudyRegistry", "enrolmentOf", study, operator))

    def blocks_of(self, study: int, hospital_id: int, at: BlockTag = "latest") -> BlockDraw:
        """The blocks that a hospital committed to; `blocks` is 0 where it enrolled with one data root, or not."""
        return to_record(BlockDraw, self.call("BlockDraws", "blocksOf", study, hospital_id, at=at))

    def drawn_block(self, study: int, hospital_id: int, at: BlockTag = "latest") -> int | None:
        """Which of a hospital's blocks was drawn, from 0; None until one is.

        Raises `DrawLost` where the hash is out of reach and the draw was not kept; refused where it has no blocks.
        """
        try:
            return int(self.call("BlockDraws", "drawnBlock", study, hospital_id, at=at))
        except ContractReverted as error:
            if error.name == "BlockDrawsNotDrawn":
                return None
            if error.name == "BlockDrawsLost":
                raise DrawLost(str(error)) from None
            raise

    def enrolled_ids(self, study: int) -> tuple[int, ...]:
        """Hospital numbers by enrolment index."""
        return tuple(self.call("StudyRegistry", "enrolledIds", study))

    def enrolments(self, study: int) -> tuple[Enrolment, ...]:
        """All places of a study, by index."""
        return tuple(self.enrolment(study, hospital_id) for hospital_id in self.enrolled_ids(study))

    def ceremony_state(self, study: int, at: BlockTag = "latest") -> CeremonyState:
        """Where the key ceremony stands."""
        return to_record(CeremonyState, self.call("StudyRegistry", "ceremonyState", study, at=at))

    def ceremony_of(self, study: int, round_number: int, at: BlockTag = "latest") -> tuple[int, int]:
        """The ceremony that made a round's keys and the bitmap of its participants; zeros before there are keys."""
        number, participants = self.call("StudyRegistry", "ceremonyOf", study, round_number, at=at)
        return int(number), int(participants)

    def ceremony_digest(self, study: int, ceremony: int, step: CeremonyStep, hospital_id: int) -> bytes | None:
        """What a hospital posted in a ceremony step, or None."""
        digest: bytes = self.call("StudyRegistry", "ceremonyDigest", study, ceremony, step, hospital_id)
        return digest if any(digest) else None

    def ceremony_posts(self, study: int, ceremony: int, step: CeremonyStep) -> Mapping[int, FilePost]:
        """What was posted in a ceremony step with sizes, by hospital number."""
        events = self.events("StudyRegistry", "CeremonyPosted", studyId=study, ceremony=ceremony)
        return posts(event for event in events if event.arguments["step"] == step)

    # Money

    def funded(self, study: int) -> int:
        """Tokens that came in for a study."""
        return int(self.call("RewardPool", "funded", study))

    def earned(self, study: int, round_number: int, hospital_id: int) -> int:
        """What a hospital earned in a round so far."""
        return int(self.call("RewardPool", "earned", study, round_number, hospital_id))

    def claimable(self, study: int, hospital_id: int, rounds: Sequence[int]) -> int:
        """What claiming these rounds would pay."""
        return int(self.call("RewardPool", "claimable", study, hospital_id, list(rounds)))

    def paid(self, study: int, round_number: int, hospital_id: int) -> int:
        """What was paid to a hospital for a round."""
        return int(self.call("RewardPool", "paid", study, round_number, hospital_id))

    def refundable(self, study: int) -> int:
        """What a refund would pay the sponsor; 0 while the study goes on."""
        return int(self.call("RewardPool", "refundable", study))

    def token_symbol(self) -> str:
        """The token's short name."""
        return token_word(str(self.call("ConsiliumToken", "symbol")))

    def token_decimals(self) -> int:
        """Digits after the point of a whole token."""
        return int(self.call("ConsiliumToken", "decimals"))

    def tokens(self, amount: int) -> str:
        """An amount of the token's smallest unit as it is shown: in whole tokens, with the token's name."""
        decimals, symbol = self._token
        return f"{format_amount(amount, decimals)} {symbol}"

    def shown(self, unit: str, number: int) -> str:
        """A number of a contract with its unit, amounts in whole tokens."""
        if unit == "tokens":
            with contextlib.suppress(ChainError):
                return self.tokens(number)
        return super().shown(unit, number)

    @cached_property
    def _token(self) -> tuple[int, str]:
        return self.token_decimals(), self.token_symbol()

    def token_balance(self, holder: Address) -> int:
        """Tokens that an address holds."""
        return int(self.call("ConsiliumToken", "balanceOf", holder))

    def token_allowance(self, holder: Address, spender: Address) -> int:
        """Tokens that `spender` may take from `holder`."""
        return int(self.call("ConsiliumToken", "allowance", holder, spender))
