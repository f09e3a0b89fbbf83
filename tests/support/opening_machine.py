# SPDX-License-Identifier: Apache-2.0
"""What hospitals do to open rounds, and about each other's lies, as rules for Hypothesis beside those of rounds."""

from __future__ import annotations

import ape
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from node.types import Charge, Offence, Opening, Phase
from tests.support.round_machine import COUNT, NUMBERS, SETS, THRESHOLD, Rounds, when
from tests.support.suite import DIGEST

#: What evidence about a round can be of.
LIES = (Offence.FALSE_PAYLOAD, Offence.FALSE_PAD_SHARE, Offence.EQUIVOCATION)
PAD_SHARE = bytes(range(32)) * 6


class OpenedRounds(Rounds):
    """Shares by CKKS and by pads, accusations, and two shares where one is due."""

    @when(Phase.OPEN)
    @rule(number=NUMBERS, honest=st.booleans())
    def share(self, number: int, honest: bool) -> None:
        """With a signature of its own, by whom the draw names, once, while CKKS opens."""
        openings, state, member = self.world.suite.openings, self.state(), self.world.members[number]
        posted, named = openings.sharesPosted(self.study, self.round).ckks, openings.quorum(self.study, self.round)
        late = self.now() >= state.padsFrom or state.opening != Opening.CKKS
        refusal = self.first(
            (late or self.phase is not Phase.OPEN, "OpeningsWrongPhase"),
            (member.id not in named, "OpeningsNotInQuorum"),
            (bool(posted >> number & 1), "OpeningsAlreadyPosted"),
            (not honest, "OpeningsWrongSignature"),
        )
        signed = self.share_hash(DIGEST if honest else bytes(31) + b"\x01")
        given = self.study, self.round, DIGEST, 500, self.sign(number, signed)
        self.try_to(refusal, openings.postShare, *given, sender=self.act(number))

    def now(self) -> int:
        """As the next call sees it, but for a few seconds."""
        return int(ape.chain.blocks.head.timestamp)

    @when(Phase.SUBMIT, Phase.INCLUDE, Phase.OPEN, Phase.SUSPENDED)
    @rule(number=NUMBERS)
    def pad_share(self, number: int) -> None:
        """While the round opens by pads, or long after; once."""
        state, phase = self.state(), self.phase
        early = phase is Phase.OPEN and self.now() < state.padsFrom
        self.post_pad_share(number, self.round, early or not phase.opens)

    @precondition(lambda self: self.round > 1)
    @rule(number=NUMBERS)
    def recover(self, number: int) -> None:
        """For the round before, if it was finalised, until this one's submission is over."""
        recovering = self.round - 1 in self.roots and self.phase is Phase.SUBMIT
        assert self.world.suite.openings.isRecovering(self.study, self.round - 1) == recovering
        self.post_pad_share(number, self.round - 1, not recovering)

    def post_pad_share(self, number: int, round_: int, too_soon_or_late: bool) -> None:
        """See it refused out of its time, and a second time."""
        openings, batch = self.world.suite.openings, self.world.suite.ceremony.batchOf(self.study, round_)
        refusal = self.first(
            (too_soon_or_late, "OpeningsWrongPhase"),
            (not batch.participants >> number & 1, "OpeningsNotParticipant"),
            (bool(openings.sharesPosted(self.study, round_).pads >> number & 1), "OpeningsAlreadyPosted"),
        )
        given = self.study, round_, PAD_SHARE
        self.try_to(refusal, openings.postPadShare, *given, sender=self.act(number))

    @when(Phase.INCLUDE, Phase.OPEN, Phase.SUSPENDED)
    @rule()
    def record_absence(self) -> None:
        """Once the pads' window of a round that is still open is over; once."""
        state, recorded = self.state(), self.round in self.recorded
        refusal = self.first(
            (not state.includedAt, "OpeningsWrongPhase"),
            (self.now() < state.padsUntil, "OpeningsNotYet"),
            (recorded, "OpeningsAlreadyRecorded"),
        )
        record = self.world.suite.openings.recordAbsence
        if self.try_to(refusal, record, self.study, self.round, sender=self.world.stranger):
            self.recorded.add(self.round)

    @when(Phase.SUBMIT, Phase.ATTEST, Phase.OPEN, Phase.SUSPENDED)
    @rule(number=NUMBERS, accused=SETS, charge=st.sampled_from(Charge))
    def accuse(self, number: int, accused: int, charge: Charge) -> None:
        """Of what there is; who is accused by t is convicted, once."""
        court, made = self.world.suite.court, self.accusations[charge]
        chargeable = sum(1 << one for one in self.submitted)
        if charge is Charge.PAD_SHARE:
            chargeable = self.world.suite.openings.sharesPosted(self.study, self.round).pads
        refusal = self.first(
            (self.outside(number), "CourtNotParticipant"),
            (not accused or bool(accused & ~chargeable), "CourtNothingToAccuse"),
            (bool(accused & made[number]), "CourtAlreadyAccused"),
        )
        given = self.study, self.round, int(charge), accused
        if self.try_to(refusal, court.accuse, *given, sender=self.act(number)):
            made[number] |= accused
        counts = [sum(by >> one & 1 for by in made) for one in range(COUNT)]
        convicted = sum(1 << one for one in range(COUNT) if counts[one] >= THRESHOLD)
        assert court.convicted(self.study, self.round, int(charge)) == convicted
        assert not convicted & ~self.world.suite.vault.excluded(self.study)
        self.world.reached["convicted"] += convicted != 0

    def share_hash(self, digest: bytes) -> bytes:
        """What is signed with a share."""
        return bytes(self.world.suite.openings.openingShareHash(self.study, self.round, self.included, digest))

    def sign(self, number: int, digest: bytes) -> bytes:
        """With the key that the hospital has now."""
        return bytes(self.keys[number].unsafe_sign_hash(digest).signature)

    @when(Phase.OPEN, Phase.SUSPENDED)
    @rule(number=NUMBERS)
    def equivocate(self, number: int) -> None:
        """Two signed shares for one set cost a slice, once, for the good of the others."""
        member, vault = self.world.members[number], self.world.suite.vault
        punished = {lie: vault.punished(self.study, int(lie), self.round) for lie in LIES}
        others = self.included & ~(1 << number)
        for lie in LIES:
            others &= ~punished[lie]
        used = bool(punished[Offence.EQUIVOCATION] >> number & 1)
        nothing = not others or not vault.locked(self.study, member.id)
        evidence = []
        for digest in (DIGEST, bytes(31) + b"\x01"):
            evidence += [digest, self.sign(number, self.share_hash(digest))]
        refusal = self.first((used, "StakeVaultEvidenceUsed"), (nothing, "CourtNothingToSlash"))
        shown = self.study, self.round, member.id, self.included, *evidence
        self.try_to(refusal, self.world.suite.court.reportEquivocation, *shown, sender=self.world.stranger)
