# SPDX-License-Identifier: Apache-2.0
"""Studies on a local chain for tests of what reads them: the real contracts, with a verifier that says yes.

What hospitals would post is made up here (random payloads and dealings, points on the curve); the contracts' rules,
the plan document, transcripts of ceremonies, the roots and the money are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from node.chain.deployment import load_deployment
from node.chain.evidence import opening_share
from node.chain.records import to_struct
from node.cli.publishing import plan_terms
from node.group.pedersen import commit, hash_to_curve
from node.proofs.commitments import weights_root
from node.transcript import CountedComplaint, CountedDealing, transcript_digest
from node.types import indices
from tests.support.chain import CHAIN_ID, Anvil, running_anvil
from tests.support.local_suite import (
    HONEST,
    ROWS,
    LocalSuite,
    Played,
    Texts,
)


class Stage(LocalSuite):
    """Acts for everybody in a study."""

    def publish(self) -> int:
        """Publishes and funds the plan; hospitals can enrol."""
        self.store(self.plan.canonical())
        reader = self.played().reader()
        terms = to_struct(plan_terms(self.plan, reader.deployment))
        self.send(self.sponsor, "StudyRegistry", "publish", terms)
        study = reader.study_count()
        total = reader.required_funding(study)
        self.send(self.sponsor, "ConsiliumToken", "approve", self.contracts["RewardPool"], total)
        self.send(self.sponsor, "RewardPool", "fund", study, total)
        return study

    def enrol(self, study: int) -> None:
        """All hospitals enrol."""
        for number, operator in enumerate(self.operators):
            commitment = keccak(self.salt(number))
            arguments = (study, 1000 + number, ROWS[number], bytes(32), commitment)
            self.send(operator, "StudyRegistry", "enrol", *arguments)

    def salt(self, number: int) -> bytes:
        """What a hospital commits to when it enrols, and reveals with its keys."""
        return bytes([number + 1] * 32)

    def hold_ceremony(self, study: int, number: int = 1) -> None:
        """All hospitals post keys and dealings, hold all of them, and acknowledge what came of it."""
        self.post_keys(study, number)
        self.deal(study, number)
        self.hold(study, number)
        self.acknowledge(study, number)

    def post_keys(self, study: int, number: int) -> None:
        """All hospitals post new keys."""
        for place, operator in enumerate(self.operators):
            point = hash_to_curve(f"key {study}/{number}/{place}")
            box_key = self.random.randbytes(32)
            self.send(operator, "KeyCeremony", "postKeys", study, number, *point, box_key, self.salt(place))

    def deal(self, study: int, number: int) -> None:
        """All hospitals deal."""
        keys_hash = self.played().reader().ceremony_state(study).keys_hash
        for operator in self.operators:
            digest, size = self.store(self.random.randbytes(600))
            self.send(operator, "KeyCeremony", "postDealing", study, number, keys_hash, digest, size)

    def hold(self, study: int, number: int, *, satisfied: bool = True) -> None:
        """All hospitals hold all dealings."""
        for operator in self.operators:
            self.send(operator, "KeyCeremony", "postHolding", study, number, 0b111, satisfied)

    def complain(self, study: int, number: int, by: int, dealer: int) -> None:
        """A hospital complains of a dealer (places from 0), with numbers that prove nothing."""
        numbers = (*hash_to_curve("shown"), 5, 6)
        self.send(self.operators[by], "KeyCeremony", "complain", study, number, dealer, 1, *numbers)

    def acknowledge(self, study: int, number: int, guilty: int = 0, by: tuple[int, ...] = (0, 1, 2)) -> None:
        """Some hospitals acknowledge the ceremony's true transcript, with this bitmap of the guilty."""
        digest = self.transcript(study, number, guilty)
        for place in by:
            self.send(self.operators[place], "KeyCeremony", "acknowledge", study, number, digest, guilty)

    def transcript(self, study: int, number: int, guilty: int) -> bytes:
        """The digest of the ceremony as the chain has it, all dealings counting."""
        reader = self.played().reader()
        posts = sorted(reader.dealings(study, number).values(), key=lambda post: post.index)
        complaints = sorted(reader.complaints(study, number), key=lambda post: (post.hospital_id, post.dealer))
        identity = (CHAIN_ID, bytes.fromhex(self.contracts["KeyCeremony"][2:]), study, number)
        return transcript_digest(
            identity,
            reader.ceremony_state(study).keys_hash,
            [CountedDealing(post.hospital_id, post.digest, post.size) for post in posts],
            [
                CountedComplaint(
                    post.hospital_id, post.dealer + 1, post.round, post.dx, post.dy, post.challenge, post.response
                )
                for post in complaints
            ],
            guilty,
        )

    def submit(self, study: int, number: int, members: tuple[int, ...] = (0, 1, 2)) -> None:
        """Some hospitals submit updates."""
        for member in members:
            digest, size = self.store(self.random.randbytes(300_000))
            point = commit([self.random.randrange(-99, 99) for _ in range(5)], self.random.randrange(1 << 240))
            self.send(
                self.operators[member], "RoundManager", "submitUpdate", study, number, digest, size, *point, _PROOF
            )

    def include(self, study: int, number: int) -> None:
        """All attest that they hold everything, and the sponsor has the set fixed."""
        for operator in self.operators:
            self.send(operator, "RoundManager", "attest", study, number, 0b111)
        reader = self.played().reader()
        chosen = [index + 1 for index in indices(reader.includable(study, number))]
        told = reader.submissions(study, number, chosen)
        given = [to_struct(told[hospital]) for hospital in chosen]
        self.send(self.sponsor, "RoundManager", "includeUpdates", study, number, given)

    def post_shares(self, study: int, number: int) -> None:
        """The quorum posts its CKKS shares."""
        reader = self.played().reader()
        included = reader.round_state(study, number).included_bitmap
        for hospital in reader.quorum(study, number):
            digest, size = self.store(self.random.randbytes(5_000))
            signature = self.sign_share(hospital, study, number, included, digest)
            self.send(self.operators[hospital - 1], "Openings", "postShare", study, number, digest, size, signature)

    def post_pad_shares(self, study: int, number: int, members: tuple[int, ...] = (0, 1)) -> None:
        """Some hospitals post pad shares: the first in the event, the others as files."""
        for member in members:
            share = self.random.randbytes(192)
            if member == members[0]:
                self.send(self.operators[member], "Openings", "postPadShare", study, number, share)
                continue
            digest, size = self.store(share)
            self.send(self.operators[member], "Openings", "postPadShareFile", study, number, digest, size)

    def sign_share(self, hospital: int, study: int, number: int, included: int, digest: bytes) -> bytes:
        """A hospital's signature over a CKKS share."""
        return self.sign(
            self.operators[hospital - 1],
            opening_share(load_deployment(self.deployment), study, number, included, digest),
        )

    def finalise(self, study: int, number: int, weights: tuple[int, ...]) -> None:
        """A new model is set by the sponsor, and its file posted."""
        reader = self.played().reader()
        total = reader.included_sum(study, number, reader.round_state(study, number))
        self.send(self.sponsor, "RoundManager", "finalise", study, number, *total, weights_root(weights), _PROOF)
        value = {"consilium": "model/1", "round": number, "study": study, "weights": list(weights)}
        digest, size = self.store(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
        self.send(self.sponsor, "RoundManager", "postModel", study, number, digest, size)

    def play_round(self, study: int, number: int, weights: tuple[int, ...], *, by_pads: bool = False) -> None:
        """A whole round that gives a new model, opened by CKKS or, where that is silent, by pads."""
        self.submit(study, number)
        self.include(study, number)
        if by_pads:
            self.anvil.warp(self.plan.phases.open)
            self.post_pad_shares(study, number)
        else:
            self.post_shares(study, number)
        self.finalise(study, number, weights)

    def fail_round(self, study: int, number: int) -> None:
        """Only two hospitals submit, and the deadline passes."""
        self.submit(study, number, members=(0, 1))
        self.anvil.warp(self.plan.phases.submit + 1)
        self.send(self.sponsor, "RoundManager", "failRound", study, number)

    def claim(self, study: int, hospital: int, rounds: list[int]) -> None:
        """A hospital's rewards are paid to its owner."""
        self.send(self.sponsor, "RewardPool", "claim", study, hospital, rounds, self.owners[hospital - 1])


def play_study(anvil: Anvil, folder: Path, texts: Texts = HONEST) -> Played:
    """Three rounds of three hospitals: opened by CKKS, failed for want of updates, opened by pads; one was paid."""
    stage = Stage(anvil, folder, texts)
    study = stage.publish()
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.play_round(study, 1, (9_000, -52_000, 31_000, 77_000, -4_000))
    stage.fail_round(study, 2)
    stage.hold_ceremony(study, 2)
    stage.play_round(study, 3, (12_500, -71_000, 22_000, 90_000, -6_500), by_pads=True)
    stage.claim(study, 1, [1, 3])
    return stage.played()


_PROOF = {"a": (1, 2), "b": ((3, 4), (5, 6)), "c": (7, 8)}


@pytest.fixture(scope="session")
def played_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The finished study of `play_study`; tests leave the chain as they find it."""
    folder = tmp_path_factory.mktemp("played")
    with running_anvil(folder) as anvil:
        yield play_study(anvil, folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A deployed suite with registered hospitals and no study, on a chain of its own."""
    with running_anvil(tmp_path) as anvil:
        yield Stage(anvil, tmp_path)
