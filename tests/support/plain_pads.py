# SPDX-License-Identifier: Apache-2.0
"""Pads a second time, in plain integers and with nothing of `node`: slow, short, and a start for an implementation.

Points are pairs of integers, scalars integers, messages bytes, as docs/encoding.md has them under "Pads".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

P = 21888242871839275222246405745257275088548364400416034343698204186575808495617
ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041
A, D = 168700, 168696
ZERO = (0, 1)

Pair = tuple[int, int]
Values = list[int]


def add(left: Pair, right: Pair) -> Pair:
    (x, y), (u, v) = left, right
    product = D * x * y * u * v
    return (x * v + y * u) * pow(1 + product, -1, P) % P, (y * v - A * x * u) * pow(1 - product, -1, P) % P


def times(scalar: int, point: Pair) -> Pair:
    found = ZERO
    for bit in bin(scalar)[2:]:
        found = add(found, found)
        if bit == "1":
            found = add(found, point)
    return found


def total(points: list[Pair]) -> Pair:
    found = ZERO
    for point in points:
        found = add(found, point)
    return found


def root(value: int) -> int | None:
    """The smaller square root mod p, by Cipolla: in F_p[w]/(w² − n) with a non-square n = a² − value."""
    value %= P
    if pow(value, (P - 1) // 2, P) != 1:
        return None if value else 0
    a = next(a for a in range(P) if pow(a * a - value, (P - 1) // 2, P) == P - 1)
    square = (a * a - value) % P
    found, power = (1, 0), (a, 1)
    for bit in bin((P + 1) // 2)[2:]:
        found = _times(found, found, square)
        if bit == "1":
            found = _times(found, power, square)
    return min(found[0], P - found[0]) % P


def _times(left: Pair, right: Pair, square: int) -> Pair:
    return (left[0] * right[0] + left[1] * right[1] * square) % P, (left[0] * right[1] + left[1] * right[0]) % P


def x_of(y: int, larger: bool) -> int | None:
    smaller = root((1 - y * y) * pow(A - D * y * y, -1, P))
    return smaller if smaller is None or not larger else (P - smaller) % P


def named(label: str) -> Pair:
    counter = 0
    while True:
        digest = hashlib.shake_256(f"consilium/pedersen/v1/{label}/{counter}".encode()).digest(64)
        y = int.from_bytes(digest, "little") % P
        x = x_of(y, digest[63] >= 128)
        if x is not None and times(8, (x, y)) != ZERO:
            return times(8, (x, y))
        counter += 1


def point_bytes(point: Pair) -> bytes:
    return (point[1] + (1 << 255) * (point[0] > P // 2)).to_bytes(32, "little")


def point_of(data: bytes) -> Pair | None:
    """The point of the prime subgroup, the identity included, or None."""
    word = int.from_bytes(data, "little")
    y, larger = word % (1 << 255), word >= 1 << 255
    x = x_of(y, larger) if y < P and len(data) == 32 else None
    if x is None or (x == 0 and larger) or times(ORDER, (x, y)) != ZERO:
        return None
    return x, y


def scalar_bytes(values: Values) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def scalars_of(data: bytes) -> Values:
    return [int.from_bytes(data[start : start + 32], "little") for start in range(0, len(data), 32)]


def encode(fields: list[Any]) -> bytes:
    parts = []
    for field in fields:
        if isinstance(field, int):
            parts.append(b"i" + field.to_bytes(32, "big"))
        elif isinstance(field, str):
            parts.append(b"s" + len(field).to_bytes(4, "big") + field.encode())
        elif isinstance(field, bytes):
            parts.append(b"b" + len(field).to_bytes(4, "big") + field)
        else:
            parts.append(b"t" + len(field).to_bytes(4, "big") + encode(field))
    return b"".join(parts)


def stream(count: int, fields: list[Any]) -> Values:
    data = hashlib.shake_256(encode(fields)).digest(64 * count)
    return [int.from_bytes(data[start : start + 64], "little") % ORDER for start in range(0, len(data), 64)]


def secret_key(binding: bytes, seed: bytes) -> int:
    data = hashlib.shake_256(encode(["consilium/pads/v1/key", binding, seed])).digest(64)
    return 1 + int.from_bytes(data, "little") % (ORDER - 1)


class Section(NamedTuple):
    """A dealer's section, cut up."""

    commitments: list[Pair]
    ephemeral: Pair
    proof: Values
    boxes: list[bytes]


class Plain:
    """A round of pads from the vectors' context."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.dealt, self.threshold = context["dealt"], context["threshold"]
        self.points = dict(zip(self.dealt, context["points"], strict=True))
        self.width = context["scalars"] + 1
        self.fields = [
            context["chain_id"], bytes.fromhex(context["contract"][2:]), context["study_id"], context["ceremony"],
            context["round"], self.dealt, context["points"], self.threshold, context["scalars"],
            bytes.fromhex(context["keys_hash"]),
        ]  # fmt: skip
        self.base = named("B")
        self.generators = [*(named(f"G/{index}") for index in range(self.width - 1)), named("H")]

    def about(self, use: str, *fields: Any) -> list[Any]:
        return ["consilium/pads/v1/" + use, *self.fields, *fields]

    def commit(self, values: Values) -> Pair:
        return total([times(value % ORDER, point) for value, point in zip(values, self.generators, strict=True)])

    def recipients(self, dealer: int) -> list[int]:
        return [number for number in self.dealt if number != dealer]

    def pad(self, dealer: int, seed: bytes) -> Values:
        return stream(self.width, self.about("pad", dealer, seed))

    def share_seed(self, dealer: int, recipient: int, seed: bytes) -> bytes:
        return hashlib.shake_256(encode(self.about("share seed", dealer, recipient, seed))).digest(32)

    def expanded(self, dealer: int, recipient: int, seed: bytes) -> Values:
        return stream(self.width, self.about("share", dealer, recipient, seed))

    def at(self, dealer: int, seed: bytes, x: int) -> Values:
        """The dealer's polynomial at x, by Lagrange."""
        values = {0: self.pad(dealer, seed)}
        for recipient in self.recipients(dealer)[: self.threshold - 1]:
            own = self.share_seed(dealer, recipient, seed)
            values[self.points[recipient]] = self.expanded(dealer, recipient, own)
        return lagrange(values, x)

    def ephemeral(self, dealer: int, seed: bytes) -> int:
        return 1 + stream(1, self.about("ephemeral", dealer, seed))[0] % (ORDER - 1)

    def cut(self, section: bytes) -> Section:
        words = [section[start : start + 32] for start in range(0, 32 * (self.threshold + 3), 32)]
        points = [point_of(word) for word in words[:-2]]
        assert None not in points
        boxes, rest = [], section[32 * (self.threshold + 3) :]
        for place in range(len(self.dealt) - 1):
            size = 48 if place < self.threshold - 1 else 32 * self.width + 16
            boxes.append(rest[:size])
            rest = rest[size:]
        assert not rest
        return Section(points[:-1], points[-1], scalars_of(b"".join(words[-2:])), boxes)

    def proves_key(self, dealer: int, section: Section) -> bool:
        """c = hash of dealer, E, all A's and s·B − c·E."""
        nonce = self._nonce(self.base, section.ephemeral, section.proof)
        commitments = b"".join(map(point_bytes, section.commitments))
        about = self.about("schnorr", dealer, point_bytes(section.ephemeral), commitments, point_bytes(nonce))
        return stream(1, about) == section.proof[:1]

    def proves_equal(
        self, dealer: int, complainer: int, ephemeral: Pair, key: Pair, shared: Pair, proof: Values
    ) -> bool:
        """c = hash of dealer, complainer, E, X, D, s·B − c·X and s·E − c·D."""
        nonces = self._nonce(self.base, key, proof), self._nonce(ephemeral, shared, proof)
        points = map(point_bytes, (ephemeral, key, shared, *nonces))
        return stream(1, self.about("dleq", dealer, complainer, *points)) == proof[:1]

    def open(self, dealer: int, recipient: int, ephemeral: Pair, key: Pair, shared: Pair, box: bytes) -> bytes | None:
        info = encode(self.about("box", dealer, recipient, point_bytes(ephemeral), point_bytes(key)))
        extracted = hmac.digest(bytes(32), point_bytes(shared), "sha256")
        expanded = hmac.digest(extracted, info + b"\1", "sha256")
        try:
            return ChaCha20Poly1305(expanded).decrypt(bytes(12), box, info)
        except InvalidTag:
            return None

    def share(self, dealer: int, recipient: int, content: bytes) -> Values:
        seeded = recipient in self.recipients(dealer)[: self.threshold - 1]
        return self.expanded(dealer, recipient, content) if seeded else scalars_of(content)

    def fits(self, commitments: list[Pair], x: int, values: Values) -> bool:
        powers = [times(x**power, commitment) for power, commitment in enumerate(commitments)]
        return all(value < ORDER for value in values) and self.commit(values) == total(powers)

    def _nonce(self, generator: Pair, result: Pair, proof: Values) -> Pair:
        return add(times(proof[1], generator), times(ORDER - proof[0], result))


def lagrange(values: dict[int, Values], x: int) -> Values:
    found = [0] * len(next(iter(values.values())))
    for own, vector in values.items():
        factor = 1
        for other in values:
            if other != own:
                factor = factor * (x - other) * pow(own - other, -1, ORDER) % ORDER
        found = [(a + factor * b) % ORDER for a, b in zip(found, vector, strict=True)]
    return found
