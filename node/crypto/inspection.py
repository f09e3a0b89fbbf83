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
from node.crypto.pads import PadContext, section_size
from node.crypto.parameters import MODULI, ThresholdParameters
from node.crypto.prf import SEED_BYTES, Words
from node.crypto.ring import ring
from node.crypto.seal_format import SEAL_VERSION, read_seeds, read_varint, read_vector, slot_count, vector_size
from node.crypto.sealing import TAG_BYTES
from node.crypto.updates import UpdateForm
from node.errors import CryptoError
from node.group.babyjubjub import ORDER
from node.group.encoding import SCALAR_BYTES

_SIZES_FIELD = 0x0A
_SCALE = struct.Struct("<d")
_LARGEST_SHIFT = 1000
_WHOSE = "Which study, round and hospital it belongs to stands on chain, next to its digest. Public."


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
    scalars = _leading_scalars(data)
    for start in range(0, SCALAR_BYTES * scalars + 1, SCALAR_BYTES):
        shape = _shape_of(data, start)
        if shape is not None:
            return _explain_ciphertext(shape, data, start)
    if scalars and SCALAR_BYTES * scalars == len(data):
        return _explain_scalars(data)
    raise CryptoError("this is no payload, ciphertext, share, dealing or round secrets of Consilium, or it is damaged")


_PURPOSE = {
    Kind.DEALING: "One hospital's pads for the rounds of a batch, and shares of its round secrets where sums open by "
    "CKKS first, each sealed to another hospital. Public.",
    Kind.ROUND_SECRETS: "SECRET: what one hospital hides its update with and opens a round with. It must never leave "
    "its node.",
    Kind.OPENING_SHARE: "One hospital's share of the CKKS opening of one sum. Public.",
}


def _explain_framed(header: Header, data: bytes) -> Inspection:
    facts = _header_facts(header)
    if header.kind is Kind.ROUND_SECRETS:
        # Nothing of the content, not even whether it is well formed.
        return _inspection(header, facts, data)
    if header.kind is Kind.DEALING:
        facts |= _dealing_facts(header, data[HEADER_BYTES:])
    else:
        facts |= _share_facts(header, data[HEADER_BYTES:])
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
        "coordinates": header.coordinates,
        "value_bits": header.value_bits,
        "pad_scalars": _form_of(header).scalars + 1,
        "statistical_security": header.statistical_security or None,
        "context_digest": header.context_digest,
    }


def _inspection(header: Header, facts: dict[str, object], data: bytes) -> Inspection:
    title = f"{header.kind.label.capitalize()} of hospital {header.sender}"
    if header.kind is not Kind.ROUND_SECRETS:
        facts["sha256"] = hashlib.sha256(data).digest()
    return Inspection(title, _PURPOSE[header.kind], {**facts, "bytes": len(data)})


def _form_of(header: Header) -> UpdateForm:
    return UpdateForm(header.coordinates, header.value_bits, bool(header.packed))


def _parameters_of(header: Header) -> ThresholdParameters:
    return _form_of(header).parameters(header.parties, header.threshold, header.statistical_security)


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


def _dealing_facts(header: Header, payload: bytes) -> dict[str, object]:
    section = _section_size(header)
    seeded = min(header.threshold - 1, header.parties - 1)
    whole = header.parties - 1 - seeded
    facts: dict[str, object] = {
        "bytes_of_pads_per_round": section,
        "boxes_per_round": header.parties - 1,
        "boxes_with_a_seed": seeded,
        "boxes_with_a_whole_share": whole,
    }
    boxes = 0
    if header.statistical_security:
        parameters = _parameters_of(header)
        words = 8 * len(parameters.data_primes) * parameters.degree
        box = SEED_BYTES + TAG_BYTES
        boxes = seeded * (box + SEED_BYTES) + whole * (box + words)
        facts |= {"bytes_of_ckks_boxes_per_round": boxes, **_parameter_facts(parameters)}
    _expect(payload, header.rounds * (section + boxes))
    return facts


def _section_size(header: Header) -> int:
    numbers = tuple(range(1, header.parties + 1))
    return section_size(
        PadContext(
            chain_id=header.chain_id,
            contract="0x" + "00" * 20,
            study_id=header.study_id,
            ceremony=header.ceremony,
            round=header.first_round,
            dealt=numbers,
            points={number: number for number in numbers},
            threshold=header.threshold,
            scalars=_form_of(header).scalars,
            keys_hash=bytes(32),
        )
    )


def _share_facts(header: Header, payload: bytes) -> dict[str, object]:
    parameters = _parameters_of(header)
    residues = payload[PREFIX_BYTES:]
    _expect(payload, PREFIX_BYTES + 8 * len(parameters.data_primes) * sum(parameters.opened_coefficients))
    included, quorum = (int.from_bytes(payload[start : start + 8], "big") for start in (0, 8))
    whole = 8 * len(parameters.data_primes) * parameters.degree * (parameters.blocks - 1)
    last = parameters.opened_coefficients[-1]
    return {
        **_parameter_facts(parameters),
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
    """What a ciphertext shows of its parameters."""

    degree: int
    blocks: int
    shift: int

    @property
    def data_primes(self) -> tuple[int, ...]:
        return MODULI[self.degree][:-1]


def _explain_ciphertext(shape: _Shape, data: bytes, start: int) -> Inspection:
    """A ciphertext is a TenSEAL vector without a header of ours: its own fields tell its shape."""
    vector = data[start:]
    seeds = read_seeds(shape, vector)
    read_vector(shape, seeds, vector)
    facts: dict[str, object] = {
        "kind": "payload" if start else "ciphertext",
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
    if start:
        facts["pad_scalars"] = start // SCALAR_BYTES
        return Inspection("Payload", f"One hospital's update, under its pad and once more encrypted. {_WHOSE}", facts)
    return Inspection("Ciphertext", f"One hospital's encrypted update, or a sum of several. {_WHOSE}", facts)


def _explain_scalars(data: bytes) -> Inspection:
    """Scalars and nothing else: both things that are so look alike, by design."""
    facts: dict[str, object] = {
        "kind": "scalars",
        "pad_scalars": len(data) // SCALAR_BYTES,
        "sha256": hashlib.sha256(data).digest(),
        "bytes": len(data),
    }
    purpose = f"One hospital's update under its pad, or its share of the pads of a set. {_WHOSE}"
    return Inspection("Payload or pad share", purpose, facts)


def _leading_scalars(data: bytes) -> int:
    """How many 32-byte integers below ℓ the data begin with."""
    count = 0
    while len(data) >= SCALAR_BYTES * (count + 1):
        place = SCALAR_BYTES * count
        if int.from_bytes(data[place : place + SCALAR_BYTES], "little") >= ORDER:
            break
        count += 1
    return count


def _shape_of(data: bytes, start: int) -> _Shape | None:
    """The shape of the ciphertext that the data end with from `start` on; None where there is none."""
    if data[start : start + 1] != bytes((_SIZES_FIELD,)):
        return None
    try:
        length, slots = read_varint(data, start + 1)
    except CryptoError:
        return None
    (scale,) = _SCALE.unpack(data[-_SCALE.size :].rjust(_SCALE.size, b"\0"))
    mantissa, exponent = frexp(scale)
    if mantissa != 0.5 or not 0 < exponent - 1 < _LARGEST_SHIFT:
        return None
    for degree in MODULI:
        blocks, rest = divmod(length, len(slot_count(degree)))
        shape = _Shape(degree, blocks, exponent - 1)
        # The length is a stranger's: nothing is made as long as it says before that much is seen to be there.
        if rest or not blocks or slots + length > len(data) or 8 * degree * blocks > len(data):
            continue
        if vector_size(shape) != len(data) - start:
            continue
        if data[slots : slots + length] == slot_count(degree) * blocks:
            return shape
    return None
