# SPDX-License-Identifier: Apache-2.0
"""Hostile files for every reader of the threshold layer, made from valid ones by recipes of bytes.

A recipe is any byte string, so hypothesis and a coverage-guided fuzzer drive the same targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from node.crypto import (
    DealingContent,
    PostedComplaint,
    encrypt,
    judge_ceremony,
    opening_share,
    read_ciphertext,
    read_dealing,
    read_share,
    receive_dealing,
    round_opening,
)
from node.crypto.boxes import open_own_box, sealing_key
from node.crypto.dealing import ReceivedDealing
from node.crypto.inspection import inspect
from node.crypto.pads import Complaint
from node.crypto.parameters import MODULI
from node.crypto.round_secrets import read_round_secrets
from node.errors import CryptoError, MalformedCeremonyMessage
from node.group.babyjubjub import ORDER, Point
from node.group.field import MODULUS
from node.group.pedersen import commit
from node.hashing import encode
from tests.support.threshold import PlayedCeremony, extreme_values, played_ceremony

_WORDS = (0, 1, 2**63, 2**64 - 1, *MODULI[8192], MODULI[8192][0] - 1, *MODULI[16384][:2])
#: Where most of the structure is.
_HEAD = 192


@dataclass(frozen=True)
class Target:
    """A reader, a valid file for it, and what it does with bytes from a stranger."""

    valid: bytes
    read: Callable[[bytes], object]


def spoil(valid: bytes, recipe: bytes) -> bytes:
    """Changes a valid file as the recipe says; a recipe that begins with 255 is the file itself."""
    if recipe[:1] == b"\xff":
        return recipe[1:]
    data = bytearray(valid)
    for start in range(0, len(recipe) - 5, 6):
        operation, where, value = recipe[start], recipe[start + 1 : start + 5], recipe[start + 5]
        place = int.from_bytes(where, "big")
        place %= max(1, min(len(data), _HEAD) if operation & 8 else len(data))
        _OPERATIONS[operation % 8](data, place, value)
    return bytes(data)


def _flip(data: bytearray, place: int, value: int) -> None:
    data[place : place + 1] = bytes(byte ^ (value or 1) for byte in data[place : place + 1])


def _word(data: bytearray, place: int, value: int) -> None:
    end = len(data) - (len(data) - place) // 8 * 8
    data[end : end + 8] = _WORDS[value % len(_WORDS)].to_bytes(8, "little")


def _cut(data: bytearray, place: int, value: int) -> None:
    del data[place:]


def _drop(data: bytearray, place: int, value: int) -> None:
    del data[place : place + value]


def _insert(data: bytearray, place: int, value: int) -> None:
    data[place:place] = bytes((value,)) * value


def _repeat(data: bytearray, place: int, value: int) -> None:
    data[place:place] = data[place : place + value]


def _swap(data: bytearray, place: int, value: int) -> None:
    left, right = data[place : place + value], data[place + value : place + 2 * value]
    if len(left) == len(right):
        data[place : place + 2 * value] = right + left


def _set(data: bytearray, place: int, value: int) -> None:
    data[place : place + 1] = bytes((value,))


_OPERATIONS = (_flip, _word, _cut, _drop, _insert, _repeat, _swap, _set)


@cache
def targets() -> dict[str, Target]:
    """Every reader of a stranger's bytes, by name, and the readers of a node's own secrets and of any file."""
    played = played_ceremony()
    ctx = played.ctx.round_context(1)
    me, other = played.ctx.parties[:2]
    secrets = {party: played.secrets(party, 1) for party in (me, other)}
    quorum = (me, other)
    share = opening_share(ctx, other, secrets[other], ctx.parties, quorum)
    ciphertext = encrypt(ctx, other, secrets[other], extreme_values(ctx, other))
    update, blinding = extreme_values(ctx, other)[: ctx.form.coordinates], 77
    dealings = {dealer: found.pads[1] for dealer, found in contents(played).items()}
    rules = round_opening(ctx, dealings, ckks_first=True)
    payload = rules.make_payload(other, secrets[other], update, blinding)
    commitment = commit(ctx.form.to_scalars(update), blinding)
    pad_share = rules.later().share(other, secrets[other], ctx.parties)

    def use_secrets(data: bytes) -> object:
        read_round_secrets(ctx, other, data)
        rules.later().share(other, data, ctx.parties)
        return opening_share(ctx, other, data, ctx.parties, quorum)

    def refuse_or_read(data: bytes) -> object:
        """Only the parts that everybody sees refuse a dealing, so a malformed one is told as an error here."""
        found = receive_dealing(played.ctx, me, played.seeds[me], played.keys, other, data)
        judged = judge_ceremony(played.ctx, played.keys, played.on_chain({other: data}), ())
        assert judged.guilty <= {other} and isinstance(found, ReceivedDealing) != (other in judged.guilty)
        if not isinstance(found, ReceivedDealing):
            raise MalformedCeremonyMessage("refused")
        return found

    def judge(data: bytes) -> object:
        """A complaint's five numbers as they stand on chain: any 256 bits, and 32 of the round's."""
        words = data.ljust(132, b"\0")
        x, y, c, s = (int.from_bytes(words[start : start + 32], "big") for start in range(0, 128, 32))
        posted = PostedComplaint(me, other, int.from_bytes(words[128:132], "big"), Complaint(Point(x, y), c, s))
        judged = judge_ceremony(played.ctx, played.keys, played.on_chain(), (posted,))
        # The dealing is sound, so whatever is said of it, it is the complainer that lies.
        assert judged.guilty == {me}
        return judged

    def check_pad_share(data: bytes) -> object:
        rules.later().check_share(other, ctx.parties, data)
        return data

    return {
        "ciphertext": Target(ciphertext, lambda data: read_ciphertext(ctx, other, data)),
        "payload": Target(payload, lambda data: rules.read_payload(other, data, commitment)),
        "opening share": Target(share, lambda data: read_share(ctx, other, ctx.parties, quorum, data)),
        "pad share": Target(pad_share, check_pad_share),
        "dealing": Target(played.dealings[other], refuse_or_read),
        "sealed share": Target(*_sealed_share(played)),
        "complaint": Target(_complaint(), judge),
        "round secrets": Target(secrets[other], use_secrets),
        "inspected ciphertext": Target(ciphertext, inspect),
        "inspected payload": Target(payload, inspect),
        "inspected pad share": Target(pad_share, inspect),
        "inspected share": Target(share, inspect),
        "inspected dealing": Target(played.dealings[other], inspect),
        "inspected secrets": Target(secrets[other], inspect),
    }


def contents(played: PlayedCeremony) -> dict[int, DealingContent]:
    """What everybody sees in the dealings of a ceremony."""
    return {dealer: read_dealing(played.ctx, dealer, file) for dealer, file in played.dealings.items()}


def _complaint() -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in (MODULUS - 1, 1, ORDER, 2)) + (1).to_bytes(4, "big")


def _sealed_share(played: PlayedCeremony) -> tuple[bytes, Callable[[bytes], object]]:
    """What a dealer put into a box: the last recipient's whole share and mask half, spoiled, sealed correctly."""
    ctx = played.ctx
    dealer, reader = ctx.parties[1], ctx.parties[2]
    key = sealing_key(ctx.identified, played.seeds[dealer])
    associated = encode("dealing", *ctx.identity, 1, dealer, reader, ctx.digest)
    content = played.received[reader][dealer].boxes[1]
    assert content is not None
    boxes = contents(played)[dealer].boxes[1]

    valid = content.mask_half + content.share

    def read(plaintext: bytes) -> object:
        plaintext = plaintext.ljust(len(valid), b"\0")[: len(valid)]
        box = key.seal(played.keys.boxes[reader], associated, plaintext)
        spoiled = boxes[: -len(box)] + box
        found = open_own_box(ctx, reader, played.seeds[reader], dealer, 1, played.keys.boxes[dealer], spoiled)
        if found is None:
            raise CryptoError("no share")
        return found

    return valid, read
