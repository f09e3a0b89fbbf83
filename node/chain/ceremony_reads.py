# SPDX-License-Identifier: Apache-2.0
"""Typed reads of key ceremonies and batches: state, and what events tell of it, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

from eth_abi.abi import encode
from web3 import Web3

from node.chain.connection import BlockTag, last_block
from node.chain.records import to_record
from node.chain.study_reads import StudyReader
from node.errors import ChainUnavailable
from node.types import (
    Acknowledgement,
    Batch,
    CeremonyState,
    ChainEvent,
    ComplaintPost,
    DealingPost,
    HoldingPost,
    KeysPost,
    LackingPost,
    indices,
)

NO_KEYS = bytes(32)
_Post = TypeVar("_Post")


class CeremonyReader(StudyReader):
    """The KeyCeremony's views and events; `at` asks for the state, and events up to, an earlier block.

    Keys count only as a whole, where they hash to what the contract keeps. Of a ceremony that goes on or was completed
    last, who has posted is taken from the contract's bitmaps: an event of anybody else counts as none, and one that is
    missing raises `ChainUnavailable`. Digests, complaints and acknowledgements are told by events alone: whatever
    depends on them is read `at` a final block and `agreed` over all endpoints.
    """

    def ceremony_state(self, study: int, at: BlockTag = "latest") -> CeremonyState:
        """Where the ceremony stands that goes on, or was completed last."""
        return to_record(CeremonyState, self.call("KeyCeremony", "ceremonyState", study, at=at))

    def batch_of(self, study: int, round_number: int, at: BlockTag = "latest") -> Batch:
        """The batch that has keys for a round; zeros where none has."""
        return to_record(Batch, self.call("KeyCeremony", "batchOf", study, round_number, at=at))

    def batches(self, study: int, at: BlockTag = "latest") -> tuple[int, int]:
        """Batches completed, and the last round that there are keys for."""
        count, last_round = self.call("KeyCeremony", "batches", study, at=at)
        return int(count), int(last_round)

    def next_due(self, study: int, at: BlockTag = "latest") -> int:
        """Bitmap of who could post keys if a ceremony began now."""
        return int(self.call("KeyCeremony", "nextDue", study, at=at))

    def is_out(self, study: int, index: int, at: BlockTag = "latest") -> bool:
        """Whether an index takes part in no ceremony any more: it left, or was excluded for a lie."""
        return bool(self.call("KeyCeremony", "isOut", study, index, at=at))

    def salt_mix(self, study: int, at: BlockTag = "latest") -> bytes:
        """What the salts of the first Key step add to draws of blocks, 32 bytes; zeros until it is over."""
        return bytes(self.call("KeyCeremony", "saltMix", study, at=at))

    def free_request_from(self, study: int, hospital_id: int) -> int:
        """The round from which a hospital's request for a ceremony costs nothing."""
        asked = self.events("KeyCeremony", "CeremonyRequested", studyId=study, hospitalId=hospital_id)
        free = [event.arguments["lastRound"] for event in asked if not event.arguments["charged"]]
        return free[-1] + self.study(study).plan.batch_rounds if free else 0

    def request_price(self, study: int) -> int:
        """What a request for a ceremony costs before it is free again."""
        return int(self.call("KeyCeremony", "REQUEST_FINES")) * self.study(study).plan.absence_fine

    def posted_keys(self, study: int, ceremony: int, keys_hash: bytes, at: BlockTag = "latest") -> tuple[KeysPost, ...]:
        """The keys of a ceremony in the order of posting: exactly those that `keys_hash` (32 bytes) is made of.

        `keys_hash`: that of the contract's state, read as carefully as the keys are needed. Raises `ChainUnavailable`
        where the endpoint tells other keys, or lacks some.
        """
        told = self.keys_told(study, ceremony, at)
        enrolled = self.enrolled_ids(study)
        placed = all(post.index < len(enrolled) and enrolled[post.index] == post.hospital_id for post in told)
        if not placed or running_hash(told) != keys_hash:
            self._incomplete(study, ceremony, "keys")
        return told

    def keys_told(self, study: int, ceremony: int, at: BlockTag = "latest") -> tuple[KeysPost, ...]:
        """The keys of a ceremony as events tell them, in the order of posting, unchecked."""
        return tuple(
            KeysPost(
                event.arguments["hospitalId"],
                event.arguments["index"],
                event.arguments["px"],
                event.arguments["py"],
                event.arguments["boxKey"],
                event.block_number,
            )
            for event in self._of_ceremony("KeysPosted", study, ceremony, at)
        )

    def dealings(self, study: int, ceremony: int, at: BlockTag = "latest") -> Mapping[int, DealingPost]:
        """The dealings on record, by hospital number."""
        posts = {
            event.arguments["hospitalId"]: DealingPost(
                event.arguments["hospitalId"],
                event.arguments["index"],
                event.arguments["digest"],
                event.arguments["size"],
                event.block_number,
            )
            for event in self._of_ceremony("DealingPosted", study, ceremony, at)
        }
        return self._on_record("dealings", posts, study, ceremony, at, "dealt")

    def holdings(self, study: int, ceremony: int, at: BlockTag = "latest") -> Mapping[int, HoldingPost]:
        """What hospitals say they hold, by hospital number."""
        posts = {
            event.arguments["hospitalId"]: HoldingPost(
                event.arguments["hospitalId"],
                event.arguments["bitmap"],
                event.arguments["satisfied"],
                event.block_number,
            )
            for event in self._of_ceremony("HoldingPosted", study, ceremony, at)
        }
        return self._on_record("holdings", posts, study, ceremony, at, "held")

    def lackings(self, study: int, ceremony: int, at: BlockTag = "latest") -> Mapping[int, LackingPost]:
        """Which of the dealings that count hospitals lack, by hospital number."""
        return {
            event.arguments["hospitalId"]: LackingPost(
                event.arguments["hospitalId"], event.arguments["bitmap"], event.block_number
            )
            for event in self._of_ceremony("LackingNamed", study, ceremony, at)
        }

    def complaints(self, study: int, ceremony: int, at: BlockTag = "latest") -> tuple[ComplaintPost, ...]:
        """All complaints of a ceremony, oldest first; at most one of each hospital about each dealer."""
        return tuple(
            ComplaintPost(
                event.arguments["hospitalId"],
                event.arguments["dealer"],
                event.arguments["round"],
                event.arguments["dx"],
                event.arguments["dy"],
                event.arguments["challenge"],
                event.arguments["response"],
                event.block_number,
            )
            for event in self._of_ceremony("Complained", study, ceremony, at)
        )

    def acknowledgements(self, study: int, ceremony: int, at: BlockTag = "latest") -> Mapping[int, Acknowledgement]:
        """The transcripts that hospitals acknowledged, by hospital number."""
        posts = {
            event.arguments["hospitalId"]: Acknowledgement(
                event.arguments["hospitalId"],
                event.arguments["digest"],
                event.arguments["guilty"],
                event.block_number,
            )
            for event in self._of_ceremony("TranscriptAcknowledged", study, ceremony, at)
        }
        return self._on_record("acknowledgements", posts, study, ceremony, at, "acknowledged")

    def _of_ceremony(self, event: str, study: int, ceremony: int, at: BlockTag) -> tuple[ChainEvent, ...]:
        """A ceremony's events of one kind, oldest first, looked for from where the batch before it began."""
        state = self.ceremony_state(study, at)
        earlier = self.batch_of(study, state.first_round - 1, at) if state.first_round > 1 else None
        recent = earlier is not None and earlier.ceremony < ceremony
        since = earlier.started_at if earlier is not None and recent else self.enrolment_end(study)
        return self.events(
            "KeyCeremony", event, self.block_since(since), last_block(at), studyId=study, ceremony=ceremony
        )

    def _on_record(
        self, what: str, posts: Mapping[int, _Post], study: int, ceremony: int, at: BlockTag, member: str
    ) -> Mapping[int, _Post]:
        """The posts of those whom the contract's bitmap `member` names; of an older ceremony all that events tell."""
        state = self.ceremony_state(study, at)
        if state.number != ceremony:
            return posts
        enrolled = self.enrolled_ids(study)
        numbers = [enrolled[index] for index in indices(getattr(state, member))]
        if not posts.keys() >= set(numbers):
            self._incomplete(study, ceremony, what)
        return {number: posts[number] for number in numbers}

    def _incomplete(self, study: int, ceremony: int, what: str) -> NoReturn:
        self.forget_blocks()
        raise ChainUnavailable(
            f"The RPC endpoint does not tell the {what} of ceremony {ceremony} of study {study} as the contract has "
            "them: give one with the whole history, or wait until it has caught up."
        )


def running_hash(keys: Iterable[KeysPost]) -> bytes:
    """What the contract keeps of keys in the order of posting, 32 bytes: keccak256(abi.encode(previous, index, px, py,
    boxKey)) over them, from 0."""
    value = NO_KEYS
    for post in keys:
        fields = (value, post.index, post.px, post.py, post.box_key)
        value = bytes(Web3.keccak(encode(["bytes32", "uint8", "uint256", "uint256", "bytes32"], fields)))
    return value
