# SPDX-License-Identifier: Apache-2.0
"""Drawing hospitals' blocks of rows again: by the block's hash, and by the salts that hospitals had committed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from operator import xor

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node.audit.basics import Check
from node.audit.ceremony_views import CeremonyView, KeyView
from node.audit.checking import asked_again, held
from node.audit.ledger import Source
from node.audit.reproof import KEYS, posted_words
from node.audit.views import StudyView
from node.chain.blocks import drawn_by
from node.types import CeremonyStep

_SUBJECT = "Sampling"


def check_draws(source: Source, view: StudyView) -> Iterator[Check]:
    """Of each hospital that is sampled: that the block it uses is the one that was drawn."""
    sampled = [hospital for hospital in view.hospitals if hospital.draw.used]
    if not sampled:
        return
    mixed = _mixing(view)
    if mixed is not None:
        yield _salts(source, view, mixed)
    for hospital in sampled:
        draw = hospital.draw
        drawing = bytes.fromhex(source.block(draw.draw_at).hash[2:])
        index = drawn_by(drawing, view.salt_mix, view.study_id, hospital.hospital_id, draw.blocks)
        yield held(
            _SUBJECT,
            f"{hospital.name} trains on the block of its rows that was drawn",
            index + 1 == hospital.block and draw.block_hash in (bytes(32), drawing),
            f"the hash of block {draw.draw_at} and the hospitals' salts draw number {index + 1} of {draw.blocks}",
        )


def _mixing(view: StudyView) -> CeremonyView | None:
    """The ceremony whose keys revealed the salts: the first whose Key step ended with enough of them."""
    return next(
        (
            run
            for run in view.ceremonies
            if run.left_after(CeremonyStep.KEY) is not None and run.failed_step is not CeremonyStep.KEY
        ),
        None,
    )


def _salts(source: Source, view: StudyView, run: CeremonyView) -> Check:
    """That the mix is of what the hospitals committed to when they enrolled, and revealed with their keys."""

    def salt(key: KeyView) -> bytes:
        return posted_words(source, key.act.tx_hash, KEYS)[-1]

    def fits(key: KeyView) -> bool:
        hospital = view.hospital(key.hospital_id)
        return hospital is not None and keccak(salt(key)) == hospital.salt_commitment

    def mixed() -> bool:
        parts = (keccak(encode(["uint8", "bytes32"], [key.index, salt(key)])) for key in run.keys)
        return reduce(xor, (int.from_bytes(part, "big") for part in parts)) == int.from_bytes(view.salt_mix, "big")

    asked: dict[str, Callable[[], bool]] = {view.name_of(key.hospital_id): partial(fits, key) for key in run.keys}
    asked["the mix"] = mixed
    return asked_again(
        _SUBJECT,
        "The salts that were mixed are those that hospitals committed to",
        asked,
        "salts hashed, and their mix",
    )
