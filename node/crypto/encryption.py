# SPDX-License-Identifier: Apache-2.0
"""Encryption in one component with TenSEAL: c = -a * s + e + m, a being public and common to all.

TenSEAL encrypts zero under the hospital's own round secret; its random second component a' is then
exchanged for the common a, which needs s: c = c0' + (a' - a) * s + m. SEAL's own pair must never
leave memory: together with c it would give (a' - a) * s + m without noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tenseal

from node.crypto.boxes import secret_key
from node.crypto.context import RoundContext, in_index_order, index_of
from node.crypto.packing import pack
from node.crypto.parameters import ERROR_BOUND
from node.crypto.prf import Words, public_polynomial, public_seed
from node.crypto.ring import Ring, ring
from node.crypto.round_secrets import read_round_secrets
from node.crypto.seal_format import private_context, read_vector, vector_scale, vector_size, write_vector
from node.errors import CryptoError, MalformedCiphertext, ParameterError


@dataclass(frozen=True)
class Ciphertext:
    """One hospital's encrypted update: first components in the NTT domain, one array for each block."""

    dealer: int
    blocks: tuple[Words, ...]


@dataclass(frozen=True)
class CiphertextSum:
    """The sum of several hospitals' ciphertexts; `included` in index order."""

    included: tuple[int, ...]
    blocks: tuple[Words, ...]


def encrypt(ctx: RoundContext, me: int, secrets: bytes, values: Sequence[int]) -> bytes:
    """Encrypts an update and returns the ciphertext file, a serialised TenSEAL vector.

    `values` are `value_count` signed integers of `value_bits` bits. The result differs each time, and
    one round secret may encrypt one message only: store the bytes durably before they or their digest
    leave, and send the stored ones ever after. Raises ParameterError for values out of range.
    """
    parameters = ctx.parameters
    seed = read_round_secrets(ctx, me, secrets).secret_seed
    domain = data_ring(ctx)
    messages = pack(parameters, values, domain)
    full_key = secret_key(parameters, seed, parameters.primes)
    try:
        engine = tenseal.context_from(private_context(parameters, full_key))
    except (ValueError, RuntimeError) as error:
        raise CryptoError(f"TenSEAL refuses the parameters; is its version the pinned one? {error}") from None
    blocks = []
    for number, message in enumerate(messages):
        first, second = _encrypted_zero(engine, vector_scale(parameters), domain)
        errors = _error(domain, first, second, full_key[0])
        blocks.append(encrypted_block(ctx, number, full_key[:-1], message, errors))
    return write_vector(parameters, round_seeds(ctx), blocks)


def encrypted_block(ctx: RoundContext, block: int, key: Words, message: Words, errors: npt.NDArray[np.int64]) -> Words:
    """Returns m + e - a * s, NTT domain, of a packed message, errors, shape (N,), and a key, NTT domain."""
    domain = data_ring(ctx)
    noisy = domain.add(message, domain.from_signed(errors))
    return domain.subtract(domain.forward(noisy), domain.multiply(round_polynomial(ctx, block), key))


def ciphertext_size(ctx: RoundContext) -> int:
    """Exact size in bytes of every ciphertext file of the round, and of every sum."""
    return vector_size(ctx.parameters)


def read_ciphertext(ctx: RoundContext, dealer: int, data: bytes) -> Ciphertext:
    """Reads a ciphertext file; raises MalformedCiphertext unless it is exactly as the plan implies."""
    index_of(ctx, dealer)
    try:
        return Ciphertext(dealer, read_vector(ctx.parameters, round_seeds(ctx), data))
    except MalformedCiphertext as error:
        raise MalformedCiphertext(f"the ciphertext of hospital {dealer}: {error}") from None


def add(ctx: RoundContext, ciphertexts: Sequence[Ciphertext]) -> CiphertextSum:
    """Adds the ciphertexts of different hospitals; raises ParameterError for none or a repeated one."""
    if not ciphertexts:
        raise ParameterError("there is nothing to add")
    included = in_index_order(ctx, (ciphertext.dealer for ciphertext in ciphertexts))
    domain = data_ring(ctx)
    blocks = list(ciphertexts[0].blocks)
    for ciphertext in ciphertexts[1:]:
        blocks = [domain.add(left, right) for left, right in zip(blocks, ciphertext.blocks, strict=True)]
    return CiphertextSum(included, tuple(blocks))


def write_sum(ctx: RoundContext, total: CiphertextSum) -> bytes:
    """Serialises a sum as a TenSEAL vector, which decrypts under the sum of the round secrets."""
    return write_vector(ctx.parameters, round_seeds(ctx), total.blocks)


def data_ring(ctx: RoundContext) -> Ring:
    """The ring of ciphertexts and shares."""
    return ring(ctx.parameters.degree, ctx.parameters.data_primes)


def round_polynomial(ctx: RoundContext, block: int) -> Words:
    """The public polynomial a of one block, NTT domain."""
    return public_polynomial(_seed(ctx, block), ctx.parameters.data_primes, ctx.parameters.degree)


def round_seeds(ctx: RoundContext) -> list[bytes]:
    """The public seeds of all blocks of the round."""
    return [_seed(ctx, block) for block in range(ctx.parameters.blocks)]


def _seed(ctx: RoundContext, block: int) -> bytes:
    return public_seed("round polynomial", *ctx.identity, block)


def _encrypted_zero(engine: tenseal.Context, scale: float, domain: Ring) -> tuple[Words, Words]:
    """Both components of an encryption of zero modulo the first prime, NTT domain, shape (N,)."""
    try:
        ciphertext = tenseal.ckks_vector(engine, [0.0], scale).ciphertext()[0]
    except (ValueError, RuntimeError) as error:
        raise CryptoError(f"TenSEAL could not encrypt: {error}") from None
    # The words are read one by one, so only those that are needed are.
    starts = (0, len(domain.primes) * domain.degree)
    places = ((start, start + domain.degree) for start in starts)
    first, second = (
        np.fromiter(map(ciphertext.__getitem__, range(*span)), dtype=np.uint64, count=domain.degree) for span in places
    )
    return first, second


def _error(domain: Ring, first: Words, second: Words, key: Words) -> npt.NDArray[np.int64]:
    """The error c0' + a' * s that TenSEAL drew, which is the same small integers modulo every prime."""
    prime = domain.primes[0]
    single = ring(domain.degree, (prime,))
    product = single.multiply(second[None], key[None])
    residues = single.inverse(single.add(first[None], product))[0].astype(np.int64)
    errors: npt.NDArray[np.int64] = np.where(residues > prime // 2, residues - prime, residues)
    # A TenSEAL with other conventions would make a ciphertext without protection or without meaning.
    if np.abs(errors).max() > ERROR_BOUND or not errors.any():
        raise CryptoError("this TenSEAL encrypts with other conventions: install the pinned version")
    return errors
