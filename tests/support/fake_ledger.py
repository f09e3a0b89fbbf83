# SPDX-License-Identifier: Apache-2.0
"""The writes of one hospital to a chain that only pretends: written down, and carried out by the contracts' rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.types import CeremonyStep, Charge, ModelPost, Proof, Receipt, SignedShare, Submission
from tests.support.fake_chain import NO_BLOCKS, STUDY, FakeChain, operator_of

#: In the place of an operator's signature.
SIGNATURE = bytes(65)


class FakeLedger:
    """All writes of `node.chain.writes.Ledger` that steps use.

    `failure` is raised once instead of the next one. What a rule refuses raises `ContractReverted`, and is not among
    `sent`.
    """

    def __init__(self, chain: FakeChain, number: int) -> None:
        self._chain = chain
        self._number = number
        self.sent: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of all calls of that name."""
        return [arguments for called, *arguments in self.sent if called == name]  # type: ignore[misc]

    # Ceremonies

    def post_keys(self, study: int, ceremony: int, px: int, py: int, box_key: bytes, salt: bytes) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().post_keys(self._number, ceremony, px, py, box_key, salt)
        return self._send("post_keys", ceremony, px, py, box_key, salt)

    def post_dealing(self, study: int, ceremony: int, keys_hash: bytes, digest: bytes, size: int) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().post_dealing(self._number, ceremony, keys_hash, digest, size)
        return self._send("post_dealing", ceremony, keys_hash, digest, size)

    def post_holding(self, study: int, ceremony: int, bitmap: int, satisfied: bool) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().post_holding(self._number, ceremony, bitmap, satisfied)
        return self._send("post_holding", ceremony, bitmap, satisfied)

    def name_lacking(self, study: int, ceremony: int, bitmap: int) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().name_lacking(self._number, ceremony, bitmap)
        return self._send("name_lacking", ceremony, bitmap)

    def complain(
        self, study: int, ceremony: int, dealer: int, round_number: int, d: tuple[int, int], challenge: int,
        response: int,
    ) -> Receipt:  # fmt: skip
        self._may_fail()
        self._chain.ceremonies().complain(self._number, ceremony, dealer, round_number, d, challenge, response)
        return self._send("complain", ceremony, dealer, round_number, d, challenge, response)

    def be_satisfied(self, study: int, ceremony: int) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().be_satisfied(self._number, ceremony)
        return self._send("be_satisfied", ceremony)

    def acknowledge(self, study: int, ceremony: int, digest: bytes, guilty: int) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().acknowledge(self._number, ceremony, digest, guilty)
        return self._send("acknowledge", ceremony, digest, guilty)

    def move_on(self, study: int, ceremony: int, step: CeremonyStep) -> Receipt:
        self._may_fail()
        self._chain.ceremonies().move_on()
        return self._send("move_on", ceremony, step)

    # Rounds

    def submit_update(
        self, study: int, round_number: int, digest: bytes, size: int, cx: int, cy: int, proof: Proof
    ) -> Receipt:
        self._may_fail()
        self._chain.rules().submit_update(self._number, round_number, Submission(digest, size, cx, cy))
        return self._send("submit_update", round_number, digest, size, cx, cy, proof)

    def attest(self, study: int, round_number: int, bitmap: int) -> Receipt:
        self._may_fail()
        self._chain.rules().attest(self._number, round_number, bitmap)
        return self._send("attest", round_number, bitmap)

    def include_updates(self, study: int, round_number: int, submissions: Sequence[Submission]) -> Receipt:
        self._may_fail()
        self._chain.rules().include_updates(round_number, submissions)
        return self._send("include_updates", round_number, tuple(submissions))

    def finalise(self, study: int, round_number: int, total: tuple[int, int], root_after: int, proof: Proof) -> Receipt:
        self._may_fail()
        self._chain.rules().finalise(round_number, total, root_after)
        return self._send("finalise", round_number, root_after)

    def post_model(self, study: int, round_number: int, digest: bytes, size: int) -> Receipt:
        self._may_fail()
        posts = self._chain.books.models.setdefault(round_number, [])
        posts.append(ModelPost(operator_of(self._number), digest, size, self._chain.block_number))
        return self._send("post_model", round_number, digest, size)

    def fail_round(self, study: int, round_number: int) -> Receipt:
        self._may_fail()
        self._chain.rules().fail_round(round_number)
        return self._send("fail_round", round_number)

    # Openings and the court

    def post_share(self, study: int, round_number: int, included_bitmap: int, digest: bytes, size: int) -> Receipt:
        self._may_fail()
        share = SignedShare(STUDY, round_number, self._number, included_bitmap, digest, SIGNATURE)
        self._chain.rules().post_share(self._number, round_number, share, size)
        return self._send("post_share", round_number, included_bitmap, digest, size)

    def post_pad_share(self, study: int, round_number: int, share: bytes) -> Receipt:
        self._may_fail()
        self._chain.rules().post_pad_share(self._number, round_number, share)
        return self._send("post_pad_share", round_number, share)

    def post_pad_share_file(self, study: int, round_number: int, digest: bytes, size: int) -> Receipt:
        self._may_fail()
        self._chain.rules().post_pad_share_file(self._number, round_number, digest, size)
        return self._send("post_pad_share_file", round_number, digest, size)

    def record_absence(self, study: int, round_number: int) -> Receipt:
        self._may_fail()
        self._chain.rules().record_absence(round_number)
        return self._send("record_absence", round_number)

    def accuse(self, study: int, round_number: int, charge: Charge, accused: int) -> Receipt:
        self._may_fail()
        self._chain.rules().accuse(self._number, round_number, charge, accused)
        return self._send("accuse", round_number, charge, accused)

    def report_equivocation(self, first: SignedShare, second: SignedShare) -> Receipt:
        self._may_fail()
        return self._send("report_equivocation", first, second)

    # Enrolment

    def enrol(
        self, study: int, data_root: int, rows: int, salt_commitment: bytes, payout_commitment: bytes = bytes(32)
    ) -> Receipt:
        self._may_fail()
        return self._send("enrol", data_root, rows, salt_commitment, payout_commitment)

    def enrol_blocks(
        self, study: int, blocks_root: bytes, blocks: int, salt_commitment: bytes,
        payout_commitment: bytes = bytes(32),
    ) -> Receipt:  # fmt: skip
        self._may_fail()
        draw = replace(NO_BLOCKS, blocks_root=blocks_root, blocks=blocks, draw_at=99)
        self._chain.books.draws[self._number] = draw
        return self._send("enrol_blocks", blocks_root, blocks, salt_commitment, payout_commitment)

    def use_block(self, study: int, data_root: int, rows: int, path: Sequence[bytes]) -> Receipt:
        self._may_fail()
        self._change_draw(used=True)
        self._chain.books.used[self._number] = (data_root, rows)
        return self._send("use_block", data_root, rows, path)

    def keep_draw(self, study: int, hospital_id: int) -> Receipt:
        self._may_fail()
        self._change_draw(block_hash=bytes([7]) * 32)
        return self._send("keep_draw", hospital_id)

    def redraw(self, study: int) -> Receipt:
        self._may_fail()
        self._change_draw(redrawn=True)
        self._chain.lost.discard(self._number)
        return self._send("redraw")

    def _change_draw(self, **changes: Any) -> None:
        draws = self._chain.books.draws
        draws[self._number] = replace(draws[self._number], **changes)

    def _may_fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _send(self, name: str, *arguments: Any) -> Receipt:
        self.sent.append((name, *arguments))
        number = self._chain.block_number
        return Receipt(name, name, "0x", number, hex(number), 0, 0)
