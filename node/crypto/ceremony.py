# SPDX-License-Identifier: Apache-2.0
"""Who is guilty in a ceremony, and the transcript that all honest hospitals acknowledge.

One pure function of what stands on chain and of the files whose digests stand there: hospitals that see the same
chain and hold the dealings that count come to the same guilty ones and the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.crypto import pads
from node.crypto.context import CeremonyContext, bitmap_of, index_of
from node.crypto.dealing import CeremonyKeys, DealingContent, dealing_size, read_dealing
from node.errors import CeremonyFailed, MalformedCeremonyMessage
from node.transcript import CountedComplaint, CountedDealing, transcript_digest


@dataclass(frozen=True)
class PostedDealing:
    """A dealing as it stands on chain; `counts`: whether enough hospitals held it and few enough lacked it.

    `content` are its bytes, as a store checked them against digest and size; needed where it counts and has the size of
    a dealing.
    """

    digest: bytes
    size: int
    counts: bool
    content: bytes | None = None


@dataclass(frozen=True)
class PostedComplaint:
    """A complaint as it stands on chain, whatever its numbers are."""

    complainer: int
    dealer: int
    round: int
    complaint: pads.Complaint


@dataclass(frozen=True)
class Judgement:
    """The guilty ones by number and as a bitmap over enrolment indices, and the transcript's digest, 32 bytes."""

    guilty: frozenset[int]
    bitmap: int
    digest: bytes


def judge_ceremony(
    ctx: CeremonyContext,
    keys: CeremonyKeys,
    dealings: Mapping[int, PostedDealing],
    complaints: Sequence[PostedComplaint],
) -> Judgement:
    """Judges all dealings that count and all complaints about them.

    Guilty are: who posted a dealing of another size, which all see whether it counts or not; whose dealing counts and
    is malformed; whose dealing a complaint shows to be false, or else the complainer. A complaint about a dealing that
    does not count, or is malformed anyhow, judges nobody. What strangers to the ceremony posted is passed over.
    Raises CeremonyFailed where a file that counts is not at hand: who lacks one acknowledges nothing.
    """
    guilty: set[int] = set()
    sound: dict[int, DealingContent] = {}
    counted = [party for party in ctx.parties if party in dealings and dealings[party].counts]
    for party in ctx.parties:
        posted = dealings.get(party)
        if posted is None:
            continue
        if posted.size != dealing_size(ctx):
            guilty.add(party)
        elif posted.counts:
            try:
                sound[party] = read_dealing(ctx, party, _bytes_of(party, posted))
            except MalformedCeremonyMessage:
                guilty.add(party)
    relevant = sorted(
        (posted for posted in complaints if posted.complainer in ctx.parties and posted.dealer in counted),
        key=lambda posted: (index_of(ctx, posted.complainer), index_of(ctx, posted.dealer)),
    )
    for complaint in relevant:
        if complaint.dealer in sound:
            guilty.add(_judged(ctx, keys, sound[complaint.dealer], complaint))
    bitmap = bitmap_of(ctx, guilty)
    return Judgement(frozenset(guilty), bitmap, _digest(ctx, counted, dealings, relevant, bitmap))


def _judged(ctx: CeremonyContext, keys: CeremonyKeys, dealing: DealingContent, posted: PostedComplaint) -> int:
    """Who of the two lied. No honest hospital complains of a round without keys, or of its own dealing."""
    if posted.round not in ctx.round_numbers or posted.complainer == posted.dealer:
        return posted.complainer
    binding = ctx.round_context(posted.round).pads
    key = keys.pads[posted.complainer]
    verdict = pads.judge(binding, dealing.pads[posted.round], posted.complainer, key, posted.complaint)
    return posted.dealer if verdict == "dealer" else posted.complainer


def _bytes_of(party: int, posted: PostedDealing) -> bytes:
    if posted.content is None:
        raise CeremonyFailed(
            f"the dealing of hospital {party} counts and is not at hand: without it this node cannot judge the ceremony"
        )
    return posted.content


def _digest(
    ctx: CeremonyContext,
    counted: Sequence[int],
    dealings: Mapping[int, PostedDealing],
    complaints: Sequence[PostedComplaint],
    guilty: int,
) -> bytes:
    return transcript_digest(
        ctx.identity,
        ctx.keys_hash,
        [CountedDealing(party, dealings[party].digest, dealings[party].size) for party in counted],
        [
            CountedComplaint(one.complainer, one.dealer, one.round, *one.complaint.D, one.complaint.c, one.complaint.s)
            for one in complaints
        ],
        guilty,
    )
