# SPDX-License-Identifier: Apache-2.0
"""Two different CKKS shares that one hospital signed for one round and set: noticed, kept, and shown to the contract.

The contract takes one share of a hospital in a round; another one is seen where the chain was reorganised in between,
or where its signer handed it to somebody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.chain.client import ChainReader
from node.chain.evidence import SIGNATURE_BYTES, signer_of
from node.errors import ContractReverted, DataError
from node.steps.context import StudyContext
from node.types import Offence, SignedShare

FORMAT = "equivocation/2"
_COMMON = ("study_id", "round", "hospital_id", "included_bitmap")
Pair = tuple[SignedShare, SignedShare]


def watch_shares(context: StudyContext, round_number: int) -> None:
    """Keep the shares of a round that are on chain now, and report whoever signed two different ones."""
    hospital = context.hospital
    known = hospital.state.shares(context.id, round_number)
    for share in hospital.reader.signed_shares(context.id, round_number):
        if share not in known:
            hospital.state.keep_share(share)
    for pair in doubles(hospital.state.shares(context.id, round_number)):
        if pair[0].hospital_id != hospital.id:
            _report(context, pair)


def doubles(shares: Iterable[SignedShare]) -> tuple[Pair, ...]:
    """Every two of them that name the same round and set of the same hospital and differ; one pair for each."""
    seen: dict[tuple[int, ...], SignedShare] = {}
    found: dict[tuple[int, ...], Pair] = {}
    for share in shares:
        first = seen.setdefault(_opening(share), share)
        if first.digest != share.digest:
            found.setdefault(_opening(share), (first, share))
    return tuple(found.values())


def is_signed(reader: ChainReader, share: SignedShare) -> bool:
    """Whether who signed a share acts, or once acted, for its hospital in the study."""
    try:
        signer = signer_of(reader.deployment, share)
    except DataError:
        return False
    return reader.acted_for(share.study_id, signer) == share.hospital_id


def to_file(pair: Pair, folder: Path) -> Path:
    """Write the evidence as JSON, for whoever reports it from another machine; returns where."""
    first = pair[0]
    document: dict[str, Any] = {
        "consilium": FORMAT,
        **{name: getattr(first, name) for name in _COMMON},
        "shares": [{"digest": share.digest.hex(), "signature": share.signature.hex()} for share in pair],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"equivocation-{'-'.join(map(str, _opening(first)))}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def from_document(content: bytes) -> Pair:
    """Evidence from a file's content; raises `DataError` for anything else."""
    try:
        value = json.loads(content)
        common = {name: value[name] for name in _COMMON}
        shares = [
            SignedShare(**common, digest=bytes.fromhex(item["digest"]), signature=bytes.fromhex(item["signature"]))
            for item in value["shares"]
        ]
        first, second = shares
        fits = value["consilium"] == FORMAT and all(type(number) is int and number >= 0 for number in common.values())
        fits = fits and all(len(share.digest) == 32 and len(share.signature) == SIGNATURE_BYTES for share in shares)
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise DataError("This is no evidence of an equivocation: give a file that `consilium slashed evidence` wrote.")
    return first, second


def _report(context: StudyContext, pair: Pair) -> None:
    """Show the contract a pair, once, where this hospital's turn comes before somebody else has."""
    hospital, (first, second) = context.hospital, pair
    key = f"{context.round_key(first.round)}/equivocation/{first.hospital_id}"
    step = hospital.state.step(key)
    if step is None:
        if not all(is_signed(hospital.reader, share) for share in pair):
            # One endpoint's invention, not the hospital's doing.
            return
        hospital.state.begin(key, {"noticed_at": hospital.reader.clock.now()})
        step = hospital.state.step(key)
        context.log.warning(
            "round %d: hospital %d signed two different opening shares; this node keeps both",
            first.round, first.hospital_id,
        )  # fmt: skip
    assert step is not None
    if step.result is not None:
        return
    index = hospital.reader.enrolment(context.id, first.hospital_id).index
    if hospital.reader.punished(context.id, Offence.EQUIVOCATION, first.round) >> index & 1:
        hospital.state.done(key, {"reported": "by another"})
    elif context.is_my_turn(first.round, step.detail["noticed_at"]):
        try:
            hospital.ledger.report_equivocation(first, second)
        except ContractReverted as error:
            hospital.state.done(key, {"refused": error.name})
            context.log.warning("round %d: the equivocation cannot be reported. %s", first.round, error)
        else:
            hospital.state.done(key, {"reported": "by this node"})
            context.log.warning("round %d: reported hospital %d's equivocation", first.round, first.hospital_id)


def _opening(share: SignedShare) -> tuple[int, ...]:
    return (share.study_id, share.round, share.hospital_id, share.included_bitmap)
