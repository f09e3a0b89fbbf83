# SPDX-License-Identifier: Apache-2.0
"""Files against stock TenSEAL: it decrypts single ciphertexts and sums; ours refuses hostile bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tenseal
from hypothesis import given, settings
from hypothesis import strategies as st

from node.crypto import RoundContext, add, ciphertext_size, encrypt, read_ciphertext, write_sum
from node.crypto.boxes import secret_key
from node.crypto.encryption import round_polynomial, round_seeds
from node.crypto.packing import pack
from node.crypto.parameters import MODULI
from node.crypto.prf import public_polynomial
from node.crypto.ring import ring
from node.crypto.round_secrets import read_round_secrets
from node.crypto.seal_format import parms_id, private_context, vector_size, write_vector
from node.crypto.transform import minimal_root
from node.errors import CryptoError, MalformedCiphertext
from tests.support.threshold import ceremony_context, compose, dealt_keys, extreme_values

CASES = {"one block": (3, 2, 26, 42), "two blocks": (3, 2, 26, 30_000), "degree 16384": (5, 3, 16, 200_000)}
# A decoded slot is a sum over N coefficients in double precision.
TOLERANCE = 1e-9


def prepared(case: str) -> tuple[RoundContext, dict[int, bytes], dict[int, list[int]], dict[int, bytes]]:
    ctx = ceremony_context(*CASES[case], 1).round_context(1)
    dealers = ctx.parties[:3]
    keys = dealt_keys(ctx, dealers, [])
    values = {party: extreme_values(ctx, party) for party in dealers}
    return ctx, keys, values, {party: encrypt(ctx, party, keys[party], values[party]) for party in dealers}


def full_key(ctx: RoundContext, party: int, keys: dict[int, bytes]) -> np.ndarray:
    seed = read_round_secrets(ctx, party, keys[party]).secret_seed
    return secret_key(ctx.parameters, seed, ctx.parameters.primes)


def expected_slots(ctx: RoundContext, blocks: list[np.ndarray]) -> np.ndarray:
    """The canonical embedding in plain floating point: slot i is p(zeta^(3^i)) over the scale."""
    degree = ctx.parameters.degree
    exponents = [pow(3, slot, 2 * degree) for slot in range(degree // 2)]
    slots = []
    for block in blocks:
        lifted = compose(block, ctx.parameters.data_primes) >> ctx.parameters.shift
        twisted = lifted.astype(float) * np.exp(1j * np.pi * np.arange(degree) / degree)
        # p(zeta^(2k+1)) for all k is an FFT of the twisted coefficients.
        values = np.conj(np.fft.fft(np.conj(twisted)))
        slots.append(np.array([values[(exponent - 1) // 2].real for exponent in exponents]))
    return np.concatenate(slots)


@pytest.mark.parametrize("case", CASES)
def test_stock_tenseal__decrypts_each_file_and_the_sum(case: str) -> None:
    ctx, keys, values, files = prepared(case)
    total_key = np.zeros_like(full_key(ctx, ctx.parties[0], keys))
    domain = ring(ctx.parameters.degree, ctx.parameters.primes)
    messages = ring(ctx.parameters.degree, ctx.parameters.data_primes)
    for party, file in files.items():
        key = full_key(ctx, party, keys)
        total_key = domain.add(total_key, key)
        engine = tenseal.context_from(private_context(ctx.parameters, key))
        slots = np.array(tenseal.ckks_vector_from(engine, file).decrypt())
        expected = expected_slots(ctx, pack(ctx.parameters, values[party], messages))
        assert np.abs(slots - expected).max() <= TOLERANCE * np.abs(expected).max()
    total = add(ctx, [read_ciphertext(ctx, party, file) for party, file in files.items()])
    data = write_sum(ctx, total)
    assert len(data) == ciphertext_size(ctx)
    engine = tenseal.context_from(private_context(ctx.parameters, total_key))
    slots = np.array(tenseal.ckks_vector_from(engine, data).decrypt())
    packed = [pack(ctx.parameters, update, messages) for update in values.values()]
    # The embedding is linear: the slots of a sum are the sums of the slots.
    expected = sum(expected_slots(ctx, blocks) for blocks in packed)
    assert np.abs(slots - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_the_sum_in_tenseal__equals_the_sum_in_numpy() -> None:
    """TenSEAL adds two of our files itself, under one key, and gets our sum."""
    ctx, keys, _, files = prepared("one block")
    party = ctx.parties[0]
    engine = tenseal.context_from(private_context(ctx.parameters, full_key(ctx, party, keys)))
    left = tenseal.ckks_vector_from(engine, files[party])
    doubled = np.array((left + left).decrypt())
    assert np.allclose(doubled, 2 * np.array(left.decrypt()), rtol=TOLERANCE)


def test_a_ciphertext__is_minus_a_s_plus_message_plus_seals_error() -> None:
    ctx, keys, values, files = prepared("one block")
    domain = ring(ctx.parameters.degree, ctx.parameters.data_primes)
    for party, file in files.items():
        block = read_ciphertext(ctx, party, file).blocks[0]
        key = full_key(ctx, party, keys)[:-1]
        decrypted = domain.inverse(domain.add(block, domain.multiply(round_polynomial(ctx, 0), key)))
        error = domain.subtract(decrypted, pack(ctx.parameters, values[party], domain)[0])
        lifted = compose(error, domain.primes)
        modulus = ctx.parameters.modulus
        errors = np.array([value if value < modulus // 2 else value - modulus for value in lifted], dtype=float)
        assert np.abs(errors).max() <= 21
        assert errors.var() == pytest.approx(10.5, rel=0.1)


def test_the_rebased_ciphertext__is_seals_own_with_the_common_polynomial_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error is read off modulo one prime; the file is c0' + (a' - a) * s + m modulo all of them."""
    ctx, keys, values, _ = GOOD
    party = ctx.parties[0]
    drawn = []
    original = tenseal.ckks_vector

    def watched(*arguments: object) -> object:
        drawn.append(original(*arguments))
        return drawn[-1]

    monkeypatch.setattr("node.crypto.encryption.tenseal.ckks_vector", watched)
    file = encrypt(ctx, party, keys[party], values[party])
    ciphertext = drawn[0].ciphertext()[0]
    words = np.array([ciphertext[place] for place in range(2 * 3 * 8192)], dtype=np.uint64)
    first, second = words.reshape(2, 3, 8192)
    domain = ring(8192, ctx.parameters.data_primes)
    key = full_key(ctx, party, keys)[:-1]
    rebased = domain.add(first, domain.multiply(domain.subtract(second, round_polynomial(ctx, 0)), key))
    message = domain.forward(pack(ctx.parameters, values[party], domain)[0])
    assert np.array_equal(read_ciphertext(ctx, party, file).blocks[0], domain.add(rebased, message))


def test_encrypting_again__gives_other_bytes() -> None:
    """TenSEAL's randomness is fresh: that is why the caller stores the bytes before it sends them."""
    ctx, keys, values, files = prepared("one block")
    party = ctx.parties[0]
    assert encrypt(ctx, party, keys[party], values[party]) != files[party]


@pytest.mark.parametrize("prime", [1085102592571179009, 0])
def test_public_polynomials__are_seals_expansion_rejected_words_included(prime: int) -> None:
    """SEAL rebuilds the second component from the seed; this prime rejects one word in seventeen."""
    ctx = ceremony_context(3, 2, 26, 42, 1).round_context(1)
    parameters = ctx.parameters
    if prime:
        parameters = replace(parameters, primes=(next_prime(prime), *parameters.primes[1:]))
    primes = parameters.data_primes
    minimal_root(8192, primes[0])
    engine = tenseal.context_from(private_context(parameters, np.zeros((4, 8192), dtype=np.uint64)))
    for seed in (bytes(64), bytes(range(64))):
        data = write_vector(parameters, [seed], [np.zeros((3, 8192), dtype=np.uint64)])
        ciphertext = tenseal.ckks_vector_from(engine, data).ciphertext()[0]
        words = [ciphertext[place] for place in range(3 * 8192, 6 * 8192)]
        assert public_polynomial(seed, primes, 8192).reshape(-1).tolist() == words


def next_prime(start: int) -> int:
    candidate = start - start % 16384 + 1
    while pow(3, candidate - 1, candidate) != 1:
        candidate += 16384
    return candidate


def test_level_identifiers__are_seals() -> None:
    assert parms_id(8192, MODULI[8192]).hex().startswith("5a35b4ca")
    assert parms_id(8192, MODULI[8192][:-1]).hex().startswith("42435679")


GOOD = prepared("one block")
FILE = next(iter(GOOD[3].values()))
START = FILE.index(struct.pack("<H", 0xA15E))
BODY = FILE.index(struct.pack("<Q", 3 * 8192)) + 8


def spoiled(position: int, content: bytes) -> bytes:
    return FILE[:position] + content + FILE[position + len(content) :]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "0 bytes"),
    "a byte less": (lambda: FILE[:-1], "the plan implies"),
    "a byte more": (lambda: FILE + b"\0", "the plan implies"),
    "another magic": (lambda: spoiled(START, b"\0"), "magic"),
    "another SEAL version": (lambda: spoiled(START + 4, b"\4"), "written by SEAL 4.4"),
    "zlib, a bomb": (lambda: spoiled(START + 5, b"\1"), "compressed"),
    "zstd, a bomb": (lambda: spoiled(START + 5, b"\2"), "compressed"),
    "a huge object": (lambda: spoiled(START + 8, b"\xff" * 8), "object size"),
    "another level": (lambda: spoiled(START + 16, b"\0"), "parameter id"),
    "coefficient form": (lambda: spoiled(START + 48, b"\0"), "NTT flag"),
    "three components": (lambda: spoiled(START + 49, b"\3"), "number of components"),
    "another degree": (lambda: spoiled(START + 58, b"\x40"), "degree"),
    "another number of primes": (lambda: spoiled(START + 65, b"\2"), "number of primes"),
    "another scale": (lambda: spoiled(START + 79, b"\x3f\x3f"), "scale"),
    "a scale that is no number": (lambda: spoiled(START + 79, b"\xf8\x7f"), "scale"),
    "another correction": (lambda: spoiled(START + 81, b"\2"), "correction"),
    "another count": (lambda: spoiled(BODY - 8, b"\xff" * 8), "number of coefficients"),
    "a coefficient equal to its prime": (
        lambda: spoiled(BODY, struct.pack("<Q", MODULI[8192][0])), "not reduced"),
    "a last coefficient of ones": (lambda: spoiled(BODY + 8 * (3 * 8192 - 1), b"\xff" * 8), "not reduced"),
    "another generator": (lambda: spoiled(BODY + 8 * 3 * 8192 + 16, b"\1"), "generator"),
    "another seed": (lambda: spoiled(BODY + 8 * 3 * 8192 + 17, b"\0" * 64), "seed"),
    "another vector scale": (lambda: spoiled(len(FILE) - 2, b"\0\0"), "scale"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes__are_refused_with_their_fault_and_sender(name: str) -> None:
    make, complaint = HOSTILE[name]
    ctx = GOOD[0]
    with pytest.raises(MalformedCiphertext, match=complaint) as caught:
        read_ciphertext(ctx, ctx.parties[0], make())
    assert f"hospital {ctx.parties[0]}" in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_outside_the_coefficients__is_refused(data: st.DataObject) -> None:
    places = [*range(BODY), *range(BODY + 8 * 3 * 8192, len(FILE))]
    place = data.draw(st.sampled_from(places))
    content = bytes((FILE[place] ^ data.draw(st.integers(1, 255)),))
    with pytest.raises(MalformedCiphertext):
        read_ciphertext(GOOD[0], GOOD[0].parties[0], spoiled(place, content))


def test_a_ciphertext_of_another_round_study_or_chain__is_refused() -> None:
    ctx = GOOD[0]
    batch, number = replace(ctx.batch, rounds=2), ctx.round
    others = [replace(batch, identified=replace(batch.identified, **change))
              for change in ({"study_id": 8}, {"chain_id": 1}, {"ceremony": 2})]  # fmt: skip
    for other in (batch.round_context(number + 1), *(changed.round_context(number) for changed in others)):
        with pytest.raises(MalformedCiphertext, match="seed"):
            read_ciphertext(other, ctx.parties[0], FILE)


def test_public_seeds__differ_by_block() -> None:
    ctx = ceremony_context(*CASES["two blocks"], 1).round_context(1)
    assert len(set(round_seeds(ctx))) == 2
    assert vector_size(ctx.parameters) == ciphertext_size(ctx)


def test_another_tenseal__is_refused_before_anything_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, keys, values, _ = GOOD
    party = ctx.parties[0]

    def zeros(*_: object) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(8192, dtype=np.uint64), np.zeros(8192, dtype=np.uint64)

    monkeypatch.setattr("node.crypto.encryption._encrypted_zero", zeros)
    with pytest.raises(CryptoError, match="pinned version"):
        encrypt(ctx, party, keys[party], values[party])
