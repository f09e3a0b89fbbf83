# SPDX-License-Identifier: Apache-2.0
"""Hostile files for every reader of the threshold layer, made from valid ones by recipes of bytes.

A recipe is any byte string, so hypothesis and a coverage-guided fuzzer drive the same targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from node.crypto import (
    check_ceremony,
    commit_to_test_key,
    draw_tests,
    encrypt,
    opening_share,
    read_ciphertext,
    read_dealings,
    read_share,
)
from node.crypto.dealing import SealingKey, dealing_size
from node.crypto.framing import HEADER_BYTES
from node.crypto.inspection import inspect
from node.crypto.parameters import MODULI
from node.crypto.round_secrets import read_round_secrets
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
    share = opening_share(ctx, other, secrets[other], ctx.parties, 0, quorum)
    ciphertext = encrypt(ctx, other, secrets[other], extreme_values(ctx, other))
    transcript = played.transcript

    def use_secrets(data: bytes) -> object:
        read_round_secrets(ctx, other, data)
        return opening_share(ctx, other, data, ctx.parties, 0, quorum)

    def check_test_key(data: bytes) -> object:
        keys = {**transcript.test_keys, other: data}
        commitments = {**transcript.commitments, other: commit_to_test_key(data)}
        return draw_tests(played.ctx, transcript.dealing_digests, commitments, keys)

    def check_test_shares(data: bytes) -> object:
        shares = {**transcript.test_shares, other: data}
        return check_ceremony(played.ctx, replace(transcript, test_shares=shares))

    def read_dealing(data: bytes) -> object:
        dealings = {**played.dealings, other: data}
        return read_dealings(played.ctx, me, played.seeds[me], played.publics, dealings)

    return {
        "ciphertext": Target(ciphertext, lambda data: read_ciphertext(ctx, other, data)),
        "opening share": Target(share, lambda data: read_share(ctx, other, ctx.parties, 0, quorum, data)),
        "dealing": Target(played.dealings[other], read_dealing),
        "sealed share": Target(*_sealed_share(played, read_dealing)),
        "test key": Target(transcript.test_keys[other], check_test_key),
        "test shares": Target(transcript.test_shares[other], check_test_shares),
        "round secrets": Target(secrets[other], use_secrets),
        "inspected ciphertext": Target(ciphertext, inspect),
        "inspected share": Target(share, inspect),
        "inspected dealing": Target(played.dealings[other], inspect),
        "inspected test shares": Target(transcript.test_shares[other], inspect),
        "inspected secrets": Target(secrets[other], inspect),
    }


def _sealed_share(
    played: PlayedCeremony, read_dealing: Callable[[bytes], object]
) -> tuple[bytes, Callable[[bytes], object]]:
    """What a dealer put into a box: the last recipient's whole share and mask half, spoiled, sealed correctly."""
    ctx = played.ctx
    dealer, reader = ctx.parties[1], ctx.parties[2]
    key = SealingKey(played.seeds[dealer], ctx.digest)
    associated = encode("dealing", *ctx.identity, 1, dealer, reader, ctx.digest)
    boxes = (dealing_size(ctx) - HEADER_BYTES) // ctx.rounds
    valid = bytes(32) + played.received[reader].shares[1, dealer]

    def read(plaintext: bytes) -> object:
        box = key.seal(played.publics[reader], associated, plaintext)
        end = HEADER_BYTES + boxes
        data = played.dealings[dealer]
        spoiled = data[: end - len(valid) - 16] + box + data[end:]
        dealings = {**played.dealings, dealer: spoiled}
        return read_dealings(ctx, reader, played.seeds[reader], played.publics, dealings)

    return valid, read
