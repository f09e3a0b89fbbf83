# SPDX-License-Identifier: Apache-2.0
"""Says what a file of the threshold encryption is, without the plan it belongs to and without a secret in it.

A header is what its sender claims; `consilium node run` compares every byte with the plan instead.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from math import frexp, prod

import numpy as np

from node.crypto.framing import HEADER_BYTES, Header, Kind, is_framed, read_header
from node.crypto.opening import PREFIX_BYTES
from node.crypto.parameters import MODULI, TEST_COEFFICIENTS, ThresholdParameters, choose_parameters
from node.crypto.prf import SEED_BYTES, Words
from node.crypto.ring import ring
from node.crypto.seal_format import SEAL_VERSION, read_seeds, read_varint, read_vector, slot_count, vector_size
from node.crypto.sealing import TAG_BYTES
from node.errors import CryptoError

_SIZES_FIELD = 0x0A
_SCALE = struct.Struct("<d")
_LARGEST_SHIFT = 1000


@dataclass(frozen=True)
class Inspection:
    """What a file is: a title, one sentence on what it is for, and facts by name; no secret in them."""

    title: str
    purpose: str
    facts: dict[str, object]


def inspect(data: bytes) -> Inspection:
    """Explains a file's bytes; raises CryptoError where they are no file of ours or are damaged."""
    if is_framed(data):
        return _explain_framed(read_header(data, CryptoError), data)
    if data[:1] == bytes((_SIZES_FIELD,)):
        return _explain_ciphertext(data)
    raise CryptoError(
        "this is no ciphertext, opening share, dealing, test key, test shares or round secrets of Consilium"
    )


_PURPOSE = {
    Kind.DEALING: "Shares of one hospital's round secrets, each sealed to another hospital. Public.",
    Kind.TEST_KEY: "Leading coefficients of b = -a_test * s + e for the ceremony's tests. Public.",
    Kind.TEST_SHARES: "One hospital's shares of the ceremony's test openings. Public.",
    Kind.ROUND_SECRETS: "SECRET: what one hospital encrypts and opens a round with. It must never leave its node.",
    Kind.OPENING_SHARE: "One hospital's share of the opening of one sum. Public.",
}


def _explain_framed(header: Header, data: bytes) -> Inspection:
    facts = _header_facts(header)
    if header.kind is Kind.ROUND_SECRETS:
        # Nothing of the content, not even whether it is well formed.
        return _inspection(header, facts, data)
    parameters = _parameters_of(header)
    facts |= _parameter_facts(parameters)
    explain = {
        Kind.DEALING: _dealing_facts,
        Kind.TEST_KEY: _test_key_facts,
        Kind.TEST_SHARES: _test_share_facts,
        Kind.OPENING_SHARE: _share_facts,
    }[header.kind]
    facts |= explain(header, parameters, data[HEADER_BYTES:])
    return _inspection(header, facts, data)


def _header_facts(header: Header) -> dict[str, object]:
    one_round = header.kind in (Kind.ROUND_SECRETS, Kind.OPENING_SHARE)
    rounds: dict[str, object] = (
        {"round": header.first_round} if one_round else {"first_round": header.first_round, "rounds": header.rounds}
    )
    return {
        "kind": header.kind.label,
        "hospital": header.sender,
        "chain_id": header.chain_id,
        "study": header.study_id,
        "ceremony": header.ceremony,
        **rounds,
        "parties": header.parties,
        "threshold": header.threshold,
        "value_bits": header.value_bits,
        "value_count": header.value_count,
        "statistical_security": header.statistical_security,
        "attempts": header.attempts,
        "context_digest": header.context_digest,
    }


def _inspection(header: Header, facts: dict[str, object], data: bytes) -> Inspection:
    title = f"{header.kind.label.capitalize()} of hospital {header.sender}"
    if header.kind is not Kind.ROUND_SECRETS:
        facts["sha256"] = hashlib.sha256(data).digest()
    return Inspection(title, _PURPOSE[header.kind], {**facts, "bytes": len(data)})


def _parameters_of(header: Header) -> ThresholdParameters:
    return choose_parameters(
        header.parties,
        header.threshold,
        header.value_bits,
        header.value_count,
        statistical_security=header.statistical_security,
        attempts=header.attempts,
    )


def _parameter_facts(parameters: ThresholdParameters) -> dict[str, object]:
    return {
        "degree": parameters.degree,
        "data_primes": len(parameters.data_primes),
        "modulus_bits": parameters.modulus.bit_length(),
        "digits_per_coefficient": parameters.digits,
        "noise_bits": parameters.noise_bits,
        "shift_bits": parameters.shift,
        "blocks": parameters.blocks,
    }


def _dealing_facts(header: Header, parameters: ThresholdParameters, payload: bytes) -> dict[str, object]:
    seeded = min(header.threshold - 1, header.parties - 1)
    whole = header.parties - 1 - seeded
    words = 8 * len(parameters.data_primes) * parameters.degree
    box = SEED_BYTES + TAG_BYTES
    _expect(payload, header.rounds * (seeded * (box + SEED_BYTES) + whole * (box + words)))
    return {"boxes_per_round": header.parties - 1, "boxes_with_a_seed": seeded, "boxes_with_a_whole_share": whole}


def _test_key_facts(header: Header, parameters: ThresholdParameters, payload: bytes) -> dict[str, object]:
    words = len(parameters.data_primes) * TEST_COEFFICIENTS
    _expect(payload, 8 * words * header.rounds)
    return {
        "coefficients_per_round": TEST_COEFFICIENTS,
        "residues_reduced": _reduced(parameters, payload, TEST_COEFFICIENTS),
    }


def _test_share_facts(header: Header, parameters: ThresholdParameters, payload: bytes) -> dict[str, object]:
    one = 8 * len(parameters.data_primes) * TEST_COEFFICIENTS
    if len(payload) % one or len(payload) // one > parameters.tests:
        raise CryptoError("the file's size is not that of shares of some of the ceremony's tests")
    return {
        "tests": parameters.tests,
        "tests_served_in": len(payload) // one,
        "residues_reduced": _reduced(parameters, payload, TEST_COEFFICIENTS),
    }


def _share_facts(header: Header, parameters: ThresholdParameters, payload: bytes) -> dict[str, object]:
    residues = payload[PREFIX_BYTES:]
    _expect(payload, PREFIX_BYTES + 8 * len(parameters.data_primes) * sum(parameters.opened_coefficients))
    included, quorum = (int.from_bytes(payload[start : start + 8], "big") for start in (1, 9))
    whole = 8 * len(parameters.data_primes) * parameters.degree * (parameters.blocks - 1)
    last = parameters.opened_coefficients[-1]
    return {
        "attempt": payload[0],
        "included_indices": _indices(included),
        "quorum_indices": _indices(quorum),
        "coefficients_opened": sum(parameters.opened_coefficients),
        "residues_reduced": _reduced(parameters, residues[:whole], parameters.degree)
        and _reduced(parameters, residues[whole:], last),
    }


def _expect(payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise CryptoError(f"the file has {len(payload)} bytes after its header, which imply {size}")


def _indices(bitmap: int) -> list[int]:
    return [index for index in range(64) if bitmap >> index & 1]


def _reduced(parameters: ThresholdParameters, payload: bytes, width: int) -> bool:
    domain = ring(parameters.degree, parameters.data_primes)
    words: Words = np.frombuffer(payload, dtype="<u8").astype(np.uint64).reshape(-1, len(domain.primes), width)
    return domain.is_reduced(words)


@dataclass(frozen=True)
class _Shape:
    """What a ciphertext file shows of its parameters."""

    degree: int
    blocks: int
    shift: int

    @property
    def data_primes(self) -> tuple[int, ...]:
        return MODULI[self.degree][:-1]


def _explain_ciphertext(data: bytes) -> Inspection:
    """A ciphertext is a TenSEAL vector without a header of ours: its own fields tell its shape."""
    shape = _shape_of(data)
    seeds = read_seeds(shape, data)
    read_vector(shape, seeds, data)
    facts: dict[str, object] = {
        "kind": "ciphertext",
        "format": f"TenSEAL CKKSVector, SEAL {'.'.join(map(str, SEAL_VERSION))}, seeded",
        "degree": shape.degree,
        "data_primes": len(shape.data_primes),
        "modulus_bits": prod(shape.data_primes).bit_length(),
        "shift_bits": shape.shift,
        "blocks": shape.blocks,
        "residues_reduced": True,
        "public_seeds": seeds,
        "sha256": hashlib.sha256(data).digest(),
        "bytes": len(data),
    }
    purpose = (
        "One hospital's encrypted update, or a sum of several. Which study, round and hospital it belongs to "
        "stands on chain, next to its digest. Public."
    )
    return Inspection("Ciphertext", purpose, facts)


def _shape_of(data: bytes) -> _Shape:
    length, start = read_varint(data, 1)
    for degree in MODULI:
        blocks, rest = divmod(length, len(slot_count(degree)))
        # The length is a stranger's: nothing is made as long as it says before that much is seen to be there.
        if (
            rest
            or not blocks
            or start + length > len(data)
            or data[start : start + length] != slot_count(degree) * blocks
        ):
            continue
        (scale,) = _SCALE.unpack(data[-_SCALE.size :].rjust(_SCALE.size, b"\0"))
        mantissa, exponent = frexp(scale)
        shape = _Shape(degree, blocks, exponent - 1)
        if mantissa == 0.5 and 0 < shape.shift < _LARGEST_SHIFT and vector_size(shape) == len(data):
            return shape
    raise CryptoError("this may be a TenSEAL vector, but it has not the shape of a ciphertext of Consilium's")
