# SPDX-License-Identifier: Apache-2.0
"""Typed reads of the rounds: records, phases, and what only events tell, checked against the contract's hashes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from eth_abi.abi import encode
from web3 import Web3

from node.chain.abi import Interfaces
from node.chain.connection import BlockTag, Connection, last_block
from node.chain.records import to_record
from node.errors import ChainUnavailable
from node.types import (
    ChainEvent,
    Deployment,
    ModelPost,
    Outcome,
    Phase,
    PhaseState,
    RoundState,
    Submission,
)


class RoundReader(Connection):
    """The RoundManager's views and events; `at` asks for the state at an earlier block.

    The contract keeps hashes of what hospitals submit and of the sum: events tell the values, and one that does
    not hash to what the contract keeps counts as none.
    """

    def __init__(
        self,
        rpc_urls: Sequence[str],
        deployment: Deployment,
        interfaces: Interfaces | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(rpc_urls, deployment, interfaces, pause=pause)
        # By study: its round looked at last, and what was submitted there, by hash.
        self._submitted: dict[int, tuple[int, dict[bytes, Submission]]] = {}

    def current_round(self, study: int, at: BlockTag = "latest") -> int:
        """The round that is going on, from 1; 0 before the first, the last one during a ceremony and after the end."""
        return int(self.call("RoundManager", "currentRound", study, at=at))

    def phase(self, study: int, round_number: int, at: BlockTag = "latest") -> PhaseState:
        """A round's phase and the second at which it ends."""
        phase, deadline = self.call("RoundManager", "phase", study, round_number, at=at)
        return PhaseState(Phase(phase), deadline)

    def round_state(self, study: int, round_number: int, at: BlockTag = "latest") -> RoundState:
        """A round's record."""
        return to_record(RoundState, self.call("RoundManager", "roundState", study, round_number, at=at))

    def submissions(
        self, study: int, round_number: int, hospital_ids: Iterable[int], at: BlockTag = "latest"
    ) -> Mapping[int, Submission]:
        """What these hospitals submitted, by number; without those whose event the endpoint does not have (yet)."""
        kept = {
            number: bytes(self.call("RoundManager", "submission", study, round_number, number, at=at))
            for number in hospital_ids
        }
        wanted = {digest for digest in kept.values() if any(digest)}
        known = self._known(study, round_number)
        if not wanted <= known.keys():
            for event in self._of_round("RoundManager", "UpdateSubmitted", study, round_number):
                fields = event.arguments
                told = Submission(fields["digest"], fields["size"], fields["cx"], fields["cy"])
                known[submission_hash(told)] = told
        if not wanted <= known.keys():
            self.forget_blocks()
        return {number: known[digest] for number, digest in kept.items() if digest in known}

    def includable(self, study: int, round_number: int) -> int:
        """Bitmap of the submitted payloads that enough hospitals attested."""
        return int(self.call("RoundManager", "includable", study, round_number))

    def included_sum(self, study: int, round_number: int, state: RoundState) -> tuple[int, int]:
        """The sum of the included commitments; raises `ChainUnavailable` while no event tells it."""
        for event in self._of_round("RoundManager", "UpdatesIncluded", study, round_number, state=state):
            total = (event.arguments["sumCx"], event.arguments["sumCy"])
            if sum_digest(*total) == state.sum_digest:
                return total
        self.forget_blocks()
        raise ChainUnavailable(
            f"The RPC endpoint has no event that tells the sum of round {round_number} of study {study}: "
            "give one with the whole history, or wait until it has caught up."
        )

    def attestation(self, study: int, round_number: int, hospital_id: int) -> int:
        """The bitmap a hospital attested; 0 if none."""
        return int(self.call("RoundManager", "attestation", study, round_number, hospital_id))

    def set_of(self, study: int, root: int, at: BlockTag = "latest") -> int:
        """The set (bitmap) that the study bound to a starting model when it was included; 0 for none."""
        return int(self.call("RoundManager", "setOf", study, root, at=at))

    def failed_ckks_openings(self, study: int, at: BlockTag = "latest") -> int:
        """Rounds that CKKS did not open in its window, so far: with two, all later ones open by pads at once."""
        return int(self.call("RoundManager", "failedCkksOpenings", study, at=at))

    def model_posts(self, study: int, round_number: int) -> tuple[ModelPost, ...]:
        """Claims of where a finalised model's file is, oldest first."""
        return tuple(
            ModelPost(e.arguments["from"], e.arguments["digest"], e.arguments["size"], e.block_number)
            for e in self._of_round("RoundManager", "ModelPosted", study, round_number)
        )

    def outcome(self, study: int, at: BlockTag = "latest") -> Outcome:
        """How a study's rounds ended, or OPEN."""
        return Outcome(self.call("RoundManager", "outcome", study, at=at))

    def finalised_rounds(self, study: int) -> int:
        """How many rounds were finalised."""
        return int(self.call("RoundManager", "finalisedRounds", study))

    def progress(self, study: int, at: BlockTag = "latest") -> tuple[int, int, Outcome]:
        """Rounds closed, the second at which the last of them was (0 for none), and the outcome."""
        closed, closed_at, outcome = self.call("RoundManager", "progress", study, at=at)
        return int(closed), int(closed_at), Outcome(outcome)

    def training_context(self, study: int, round_number: int, hospital_id: int, digest: bytes) -> int:
        """The `context` of a training proof, as the contract computes it."""
        return int(self.call("RoundManager", "trainingContext", study, round_number, hospital_id, digest))

    def aggregation_context(self, study: int, round_number: int, included: int) -> int:
        """The `context` of an aggregation proof, as the contract computes it."""
        return int(self.call("RoundManager", "aggregationContext", study, round_number, included))

    def _known(self, study: int, round_number: int) -> dict[bytes, Submission]:
        number, known = self._submitted.get(study, (0, {}))
        if number != round_number:
            self._submitted[study] = (round_number, known := {})
        return known

    def _of_round(
        self,
        contract: str,
        event: str,
        study: int,
        round_number: int,
        at: BlockTag = "latest",
        state: RoundState | None = None,
    ) -> tuple[ChainEvent, ...]:
        """A round's events of one kind, looked for from the round's beginning on; `state` where it is known."""
        first = self.block_since((state or self.round_state(study, round_number)).started_at)
        return self.events(contract, event, first, last_block(at), studyId=study, round=round_number)


def submission_hash(submission: Submission) -> bytes:
    """What the contract keeps of a submission: 32 bytes."""
    values = (submission.digest, submission.size, submission.cx, submission.cy)
    return bytes(Web3.keccak(encode(["bytes32", "uint64", "uint256", "uint256"], values)))


def sum_digest(cx: int, cy: int) -> bytes:
    """What the contract keeps of a sum of commitments: 32 bytes."""
    return bytes(Web3.keccak(encode(["uint256", "uint256"], (cx, cy))))
