# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes, readers take them or refuse them with an error of their own; `make fuzz` tries longer."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tenseal
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from node.crypto.framing import HEADER_BYTES
from node.crypto.parameters import MODULI
from node.crypto.seal_format import parms_id
from node.errors import CryptoError, MalformedCeremonyMessage, MalformedCiphertext, MalformedPayload, MalformedShare
from tests.support.hostile import spoil, targets

NAMES = sorted(targets())
ERRORS = {
    "ciphertext": MalformedCiphertext,
    "opening share": MalformedShare,
    "payload": MalformedPayload,
    "pad share": MalformedShare,
    "dealing": MalformedCeremonyMessage,
}
RECIPES = st.one_of(
    st.binary(min_size=6, max_size=36),
    st.binary(max_size=300).map(lambda content: b"\xff" + content),
)


@pytest.mark.parametrize("name", NAMES)
def test_valid_files__are_taken(name: str) -> None:
    target = targets()[name]
    assert target.read(spoil(target.valid, b"")) is not None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipe=RECIPES)
@example(recipe=b"\xff")
@example(recipe=b"\x02" + b"\0" * 5)
@example(recipe=b"\xff\x0a\x9c\x9c\x9c\x9c\x7f")
def test_spoiled_files__are_taken_or_refused_with_a_typed_error(name: str, recipe: bytes) -> None:
    target = targets()[name]
    try:
        target.read(spoil(target.valid, recipe))
    except ERRORS.get(name, CryptoError):
        pass


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, HEADER_BYTES - 1), change=st.integers(1, 255))
def test_a_changed_header__is_refused_where_the_plan_is_known(name: str, place: int, change: int) -> None:
    if name not in ("opening share", "dealing", "round secrets"):
        return
    target = targets()[name]
    data = bytearray(target.valid)
    data[place] ^= change
    with pytest.raises(CryptoError):
        target.read(bytes(data))


@pytest.mark.parametrize(("name", "said"), [("opening share", "not reduced"), ("sealed share", "no share")])
@pytest.mark.parametrize("prime", range(3))
def test_a_residue_equal_to_its_prime__is_refused(name: str, said: str, prime: int) -> None:
    """The last residue of the file's last row modulo each prime in turn."""
    target = targets()[name]
    width = 8192 if name == "sealed share" else 64
    data = bytearray(target.valid)
    end = len(data) - 8 * width * (2 - prime)
    data[end - 8 : end] = struct.pack("<Q", MODULI[8192][prime])
    with pytest.raises(CryptoError, match=said):
        target.read(bytes(data))


@pytest.mark.parametrize(("mode", "packer"), [(1, zlib.compress), (2, None)], ids=["zlib", "zstd"])
def test_a_compressed_bomb__is_refused_without_being_unpacked(mode: int, packer: object) -> None:
    target = targets()["ciphertext"]
    start = target.valid.index(struct.pack("<H", 0xA15E))
    body = zlib.compress(bytes(1 << 28), 9) if packer else zstd_of_zeros()
    header = struct.pack("<HBBBBHQ", 0xA15E, 16, 4, 3, mode, 0, 16 + len(body))
    bomb = (target.valid[:start] + header + body).ljust(len(target.valid), b"\0")[: len(target.valid)]
    tracemalloc.start()
    try:
        with pytest.raises(MalformedCiphertext, match="compressed"):
            target.read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def zstd_of_zeros() -> bytes:
    """SEAL's own compression of a ciphertext, from a stock TenSEAL vector."""
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 60, 60, 30])
    context.global_scale = 2**40
    data: bytes = tenseal.ckks_vector(context, [0.0]).serialize()
    return data[data.index(struct.pack("<H", 0xA15E)) + 16 :]


def test_a_stock_tenseal_vector__of_another_sender__is_refused() -> None:
    """Compressed, with two components and another scale: the first difference is named."""
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 60, 60, 30])
    context.global_scale = 2**40
    with pytest.raises(MalformedCiphertext, match="the plan implies"):
        targets()["ciphertext"].read(tenseal.ckks_vector(context, [0.0]).serialize())


@pytest.mark.parametrize("version", [(3, 7), (4, 2), (4, 4), (5, 0)])
def test_another_seal_version__is_named_with_the_one_needed(version: tuple[int, int]) -> None:
    target = targets()["ciphertext"]
    start = target.valid.index(struct.pack("<H", 0xA15E))
    data = target.valid[: start + 3] + bytes(version) + target.valid[start + 5 :]
    with pytest.raises(MalformedCiphertext, match=rf"SEAL {version[0]}\.{version[1]}; all hospitals need .* SEAL 4\.3"):
        target.read(data)


def test_a_ciphertext_modulo_other_primes__is_refused() -> None:
    target = targets()["ciphertext"]
    ours, theirs = (parms_id(8192, primes[:3]) for primes in (MODULI[8192], MODULI[16384]))
    with pytest.raises(MalformedCiphertext, match="parameter id"):
        target.read(target.valid.replace(ours, theirs))


def test_what_inspection_says__holds_no_byte_of_a_secret() -> None:
    target = targets()["inspected secrets"]
    said = repr(target.read(target.valid))
    secret = np.frombuffer(target.valid[HEADER_BYTES:], dtype=np.uint8).tobytes()
    assert "SECRET" in said
    for start in range(0, 32 * 6, 4):
        assert secret[start : start + 4].hex() not in said and repr(secret[start : start + 4])[2:-1] not in said
