# SPDX-License-Identifier: Apache-2.0
"""Writes to key ceremonies: keys, dealings, holdings, complaints, acknowledgements, and moving them on."""

from __future__ import annotations

from node.chain.writer import Writer
from node.types import CeremonyStep, Receipt


class CeremonyWriter(Writer):
    """Moves ceremonies on. Steps that a key takes once in a ceremony name their own intents."""

    def post_keys(self, study: int, ceremony: int, px: int, py: int, box_key: bytes, salt: bytes) -> Receipt:
        """Record P on Baby Jubjub and the X25519 key (32 bytes), with the salt (32 bytes) committed to at enrolment."""
        return self._post(study, ceremony, "keys", "postKeys", px, py, box_key, salt)

    def post_dealing(self, study: int, ceremony: int, keys_hash: bytes, digest: bytes, size: int) -> Receipt:
        """Record the sender's dealing, made for the keys of `keys_hash`: refused for any others."""
        # Other keys, as after a reorganisation, make another dealing.
        step = f"dealing/{keys_hash.hex()[:16]}"
        return self._post(study, ceremony, step, "postDealing", keys_hash, digest, size)

    def post_holding(self, study: int, ceremony: int, bitmap: int, satisfied: bool) -> Receipt:
        """Say which dealings the sender's hospital holds whole and serves; `satisfied`: all, and no complaint."""
        return self._post(study, ceremony, "holding", "postHolding", bitmap, satisfied)

    def name_lacking(self, study: int, ceremony: int, bitmap: int) -> Receipt:
        """Name the counted dealings that the sender's hospital still lacks, until the middle of Complain."""
        return self._post(study, ceremony, "lacking", "nameLacking", bitmap)

    def complain(
        self,
        study: int,
        ceremony: int,
        dealer: int,
        round_number: int,
        d: tuple[int, int],
        challenge: int,
        response: int,
    ) -> Receipt:
        """Complain of the box for the sender's hospital in the dealing of the index `dealer`; once for each dealer."""
        step = f"complaint/{dealer}"
        return self._post(study, ceremony, step, "complain", dealer, round_number, *d, challenge, response)

    def be_satisfied(self, study: int, ceremony: int) -> Receipt:
        """Say that the sender's hospital lacks no dealing and complains no further."""
        return self._post(study, ceremony, "satisfied", "beSatisfied")

    def acknowledge(self, study: int, ceremony: int, digest: bytes, guilty: int) -> Receipt:
        """Acknowledge the transcript (digest, 32 bytes) and who is guilty by it (bitmap)."""
        return self._post(study, ceremony, "acknowledgement", "acknowledge", digest, guilty)

    def move_on(self, study: int, ceremony: int, step: CeremonyStep) -> Receipt:
        """Move a ceremony on over this step, which ran out; anyone, paid by the study's service budget."""
        intent = f"study/{study}/ceremony/{ceremony}/move-on/{step.name.lower()}"
        return self._sender.send(intent, "KeyCeremony", "moveOn", study, repeatable=True)

    def request_ceremony(self, intent: str, study: int) -> Receipt:
        """Have new keys made after the round that is going on; a participant's operator or owner.

        Not repeated by itself: sooner than after a batch's rounds it costs part of the hospital's bond.
        """
        return self._sender.send(intent, "KeyCeremony", "requestCeremony", study)

    def _post(self, study: int, ceremony: int, step: str, function: str, *arguments: object) -> Receipt:
        intent = f"study/{study}/ceremony/{ceremony}/{step}"
        return self._sender.send(intent, "KeyCeremony", function, study, ceremony, *arguments, repeatable=True)
