# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of pads: one small round from seeds to its sum, a complaint with each verdict, malformed encodings."""

from __future__ import annotations

import random
from dataclasses import replace

from node.crypto import pads
from node.crypto.pads.boxes import unseal
from node.crypto.pads.dealing import polynomial, write_section
from node.crypto.pads.keys import base
from node.crypto.pads.polynomials import commit
from node.errors import MalformedEncoding
from node.group import encoding, pedersen
from node.group.babyjubjub import IDENTITY, ORDER, Point, multiply
from node.group.encoding import write_point

DEALT, POINTS, THRESHOLD, SCALARS = (3, 5, 7, 11), {3: 1, 5: 3, 7: 4, 11: 6}, 3, 2
INCLUDED, QUORUM = (3, 5, 11), (5, 7, 11)
LIAR, VICTIM = 7, 11


def pad_vectors() -> object:
    """Everything of one round of four hospitals, two scalars to an update."""
    ctx = pads.PadContext(
        1337, "0x" + "0123456789abcdef" * 2 + "01234567", 1, 2, 3, DEALT, POINTS, THRESHOLD, SCALARS,
        bytes(range(224, 256)),
    )  # fmt: skip
    seeds = {number: bytes([number]) * 32 for number in DEALT}
    keys = {number: pads.pad_key(seeds[number], b"binding") for number in DEALT}
    publics = {number: key.public for number, key in keys.items()}
    sections = {number: pads.deal(ctx, number, seeds[number], publics) for number in DEALT}
    dealings = {number: pads.read_section(ctx, number, data) for number, data in sections.items()}
    return {
        "about": "a round of pads: points and scalars as 32 bytes in hexadecimal, other numbers as they are",
        "base": write_point(base()).hex(),
        "context": {
            "chain_id": ctx.chain_id,
            "contract": ctx.contract,
            "study_id": ctx.study_id,
            "ceremony": ctx.ceremony,
            "round": ctx.round,
            "dealt": ctx.dealt,
            "points": [ctx.points[number] for number in DEALT],
            "threshold": ctx.threshold,
            "scalars": ctx.scalars,
            "keys_hash": ctx.keys_hash.hex(),
        },
        "binding": b"binding".hex(),
        "hospitals": [
            {
                "number": number,
                "seed": seeds[number].hex(),
                "secret": _scalars([keys[number].secret]),
                "posted": write_point(keys[number].posted).hex(),
                "public": write_point(keys[number].public).hex(),
                "pad": _scalars(pads.own_pad(ctx, number, seeds[number])),
                "coefficients": [_scalars(vector) for vector in polynomial(ctx, number, seeds[number])],
                "section": sections[number].hex(),
                "own_share": _scalars(pads.own_share(ctx, number, seeds[number]).scalars),
                "boxes": [
                    {
                        "recipient": recipient,
                        "content": _content(ctx, dealings[number], recipient, keys[recipient]).hex(),
                        "share": _scalars(
                            pads.open_box(ctx, dealings[number], recipient, keys[recipient].secret).scalars
                        ),
                    }
                    for recipient in ctx.recipients(number)
                ],
            }
            for number in DEALT
        ],
        "complaints": _complaints(ctx, dealings, seeds, keys),
        "round": _round(ctx, dealings, seeds, keys),
        "points": _points(),
    }


def _content(ctx: pads.PadContext, dealing: pads.PadDealing, recipient: int, key: pads.PadKey) -> bytes:
    shared, box = multiply(key.secret, dealing.ephemeral), dealing.boxes[recipient]
    return unseal(ctx, dealing.dealer, recipient, dealing.ephemeral, key.public, shared, box)


def _complaints(
    ctx: pads.PadContext,
    dealings: dict[int, pads.PadDealing],
    seeds: dict[int, bytes],
    keys: dict[int, pads.PadKey],
) -> object:
    """A sound section, one with a share that is off by one, one with a scalar ≥ ℓ, and a complaint with a wrong D."""
    publics = {number: key.public for number, key in keys.items()}
    contents = {
        recipient: _content(ctx, dealings[LIAR], recipient, keys[recipient]) for recipient in ctx.recipients(LIAR)
    }
    first, rest = int.from_bytes(contents[VICTIM][:32], "little"), contents[VICTIM][32:]
    commitments = commit(polynomial(ctx, LIAR, seeds[LIAR]))
    found = []
    cases = (
        ("a sound share", first, False),
        ("a share with one more", (first + 1) % ORDER, False),
        ("a scalar of l more", first + ORDER, False),
        ("a share with one more, and another D", (first + 1) % ORDER, True),
    )
    for about, scalar, wrong in cases:
        given = {**contents, VICTIM: scalar.to_bytes(32, "little") + rest}
        section = write_section(ctx, LIAR, 4321, commitments, given, publics)
        dealing = pads.read_section(ctx, LIAR, section)
        complaint = pads.complain(ctx, dealing, VICTIM, keys[VICTIM].secret)
        if wrong:
            complaint = replace(complaint, D=multiply(2, complaint.D))
        verdict = pads.judge(ctx, dealing, VICTIM, publics[VICTIM], complaint)
        found.append(
            {
                "about": about,
                "dealer": LIAR,
                "complainer": VICTIM,
                "section": section.hex(),
                "D": write_point(complaint.D).hex(),
                "proof": _scalars([complaint.c, complaint.s]),
                "guilty": verdict,
            }
        )
    return found


def _round(
    ctx: pads.PadContext,
    dealings: dict[int, pads.PadDealing],
    seeds: dict[int, bytes],
    keys: dict[int, pads.PadKey],
) -> object:
    rng = random.Random("pad vectors")
    updates = {
        number: ([rng.randint(-(1 << 25), 1 << 25) for _ in range(SCALARS)], rng.randrange(ORDER))
        for number in INCLUDED
    }
    masked = {
        number: pads.mask(ctx, *update, pads.own_pad(ctx, number, seeds[number])) for number, update in updates.items()
    }
    sigmas = {}
    for number in QUORUM:
        shares = {
            dealer: pads.own_share(ctx, dealer, seeds[dealer])
            if dealer == number
            else pads.open_box(ctx, dealings[dealer], number, keys[number].secret)
            for dealer in INCLUDED
        }
        sigmas[number] = pads.pad_share(ctx, shares, INCLUDED)
    sums, blinding = pads.open_pads(ctx, masked, sigmas, INCLUDED)
    return {
        "included": [
            {
                "number": number,
                "values": values,
                "blinding": _scalars([r]),
                "commitment": write_point(pedersen.commit(values, r)).hex(),
                "masked": pads.write_masked(masked[number]).hex(),
            }
            for number, (values, r) in updates.items()
        ],
        "shares": [{"number": number, "sigma": sigma.hex()} for number, sigma in sigmas.items()],
        "sums": sums,
        "blinding": _scalars([blinding]),
    }


def _points() -> object:
    """Encodings at random, and of points of every small order, with the coordinates that are read or null."""
    rng = random.Random("encodings of points")
    outside = Point(0, -1 % pedersen.MODULUS)
    words = [rng.randbytes(32) for _ in range(24)]
    words += [bytes([*word[:31], word[31] & 0x9F]) for word in (rng.randbytes(32) for _ in range(24))]
    words += [write_point(point) for point in (IDENTITY, outside, pedersen.generator(0), multiply(-1, base()))]
    return [{"bytes": word.hex(), "point": _read(word)} for word in words]


def _read(word: bytes) -> object:
    try:
        point = encoding.read_point(word, identity=True)
    except MalformedEncoding:
        return None
    return {"x": str(point.x), "y": str(point.y)}


def _scalars(values: tuple[int, ...] | list[int]) -> str:
    return encoding.write_scalars(values).hex()
