# SPDX-License-Identifier: Apache-2.0
"""Chooses and checks the parameters of the threshold encryption.

Every figure is derived from the plan's few integers with integer arithmetic only, so all hospitals
and every auditor arrive at the same parameters. `docs/threshold-ckks.md` derives the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from node.errors import ParameterError
from node.hashing import encode

MINIMUM_PARTIES = 3
MAXIMUM_PARTIES = 64
MINIMUM_INCLUDED = 3
MAXIMUM_ROUNDS = 1024
MAXIMUM_VALUES = 1 << 26

# Largest log2 of the modulus for 128-bit security with a ternary secret, by polynomial degree
# (SEAL's table, which is the one of the HomomorphicEncryption.org standard).
SECURITY_TABLE_128 = {8192: 218, 16384: 438}

# The primes SEAL's CoeffModulus::Create gives for bits [60,60,60,30] and [60x6,58,20]. The last one is
# SEAL's special prime: it has to be there, and carries no data.
MODULI = {
    8192: (1152921504606683137, 1152921504606748673, 1152921504606830593, 1073692673),
    16384: (
        1152921504600260609,
        1152921504604979201,
        1152921504605962241,
        1152921504606584833,
        1152921504606683137,
        1152921504606748673,
        288230376150630401,
        786433,
    ),
}

# SEAL's encryption error is a centred binomial of 21 + 21 bits (standard deviation 3.24).
ERROR_BOUND = 21
ERROR_VARIANCE_DOUBLED = 21

# Smudging noise is the centred sum of this many uniform integers of `noise_bits` bits each.
NOISE_SUMMANDS = 4

# An opening shows this many coefficients of a block even where fewer carry values: those that must come out as
# zero tell shares that do not open from a sum.
LEAST_OPENED = 64


@dataclass(frozen=True)
class ThresholdParameters:
    """All numbers of one study's encryption; made by `choose_parameters` and equal for all hospitals.

    `primes` are SEAL's, the last one being its special prime; `digits` are packed into a coefficient,
    above `shift` bits of noise; `noise_bits` is the width of one uniform summand of the smudging noise.
    """

    parties: int
    threshold: int
    value_bits: int
    value_count: int
    statistical_security: int
    degree: int
    primes: tuple[int, ...]
    digits: int
    noise_bits: int
    shift: int

    @property
    def data_primes(self) -> tuple[int, ...]:
        """The primes whose product is the modulus of ciphertexts and shares."""
        return self.primes[:-1]

    @cached_property
    def modulus(self) -> int:
        """The product of the data primes."""
        return prod(self.data_primes)

    @property
    def digit_bits(self) -> int:
        """Bits of a digit: a biased value and guard bits for the sum over all parties."""
        return digit_width(self.value_bits, self.parties)

    @property
    def values_per_block(self) -> int:
        """How many values one polynomial carries."""
        return self.degree * self.digits

    @property
    def blocks(self) -> int:
        """How many polynomials an update needs."""
        return -(-self.value_count // self.values_per_block)

    @property
    def opened_coefficients(self) -> tuple[int, ...]:
        """How many leading coefficients of each block an opening shows: those with values, and 64 at least."""
        last = self.value_count - (self.blocks - 1) * self.values_per_block
        used = max(-(-last // self.digits), LEAST_OPENED)
        return (self.degree,) * (self.blocks - 1) + (used,)

    @property
    def noise_bound(self) -> int:
        """Largest absolute value of the noise in an opened sum: t smudging noises and n errors."""
        return opened_noise_bound(self.parties, self.threshold, self.noise_bits)

    def encoded(self) -> bytes:
        """A canonical encoding, bound into every context."""
        return encode(
            "parameters", self.parties, self.threshold, self.value_bits, self.value_count,
            self.statistical_security, self.degree, self.primes, self.digits, self.noise_bits, self.shift,
        )  # fmt: skip


def digit_width(value_bits: int, parties: int) -> int:
    """Bits of a digit that holds the sum of `parties` biased values."""
    return value_bits + (parties - 1).bit_length()


def smudging_bound(noise_bits: int) -> int:
    """Largest absolute value of one party's smudging noise."""
    return NOISE_SUMMANDS * ((1 << noise_bits) - 1) // 2


def opened_noise_bound(parties: int, threshold: int, noise_bits: int) -> int:
    """Largest absolute value of what an opened coefficient holds besides the payload."""
    return threshold * smudging_bound(noise_bits) + ERROR_BOUND * parties


def required_noise_bits(parties: int, coefficients: int, security: int) -> int:
    """Fewest bits per summand with which a round's one opening is simulatable within 2^-security.

    The statistical distance is at most sqrt(coefficients * parties * 10.5 * I) / (2 * 2^bits),
    I <= 4 being the Fisher information of a sum of four unit uniforms (docs/threshold-ckks.md).
    """
    leaked = ERROR_VARIANCE_DOUBLED * coefficients * parties
    bits = security
    while leaked > 2 << (2 * (bits - security)):
        bits += 1
    return bits


def choose_parameters(
    parties: int,
    threshold: int,
    value_bits: int,
    value_count: int,
    *,
    statistical_security: int = 64,
) -> ThresholdParameters:
    """Returns the parameter set with the smallest ciphertext that meets the request.

    `value_bits` is the width of a signed value, `value_count` the number of values of an update (limbs
    of the blinding value included). The noise covers one opening of a sum and no second one. Raises
    ParameterError when the request is out of range or nothing fits.
    """
    _check_request(parties, threshold, value_bits, value_count, statistical_security)
    best: ThresholdParameters | None = None
    for degree, primes in MODULI.items():
        if prod(primes).bit_length() > SECURITY_TABLE_128[degree]:
            raise ParameterError(f"the primes for degree {degree} exceed the 128-bit security table")
        candidate = _densest(parties, threshold, value_bits, value_count, statistical_security, degree, primes)
        if candidate is not None and (best is None or _update_words(candidate) < _update_words(best)):
            best = candidate
    if best is None:
        raise ParameterError(
            f"no parameter set holds a {value_bits}-bit value above the noise for {parties} parties and "
            f"{statistical_security}-bit statistical security: lower one of them"
        )
    return best


def _densest(
    parties: int,
    threshold: int,
    value_bits: int,
    value_count: int,
    security: int,
    degree: int,
    primes: tuple[int, ...],
) -> ThresholdParameters | None:
    """The set of this degree with the most digits per coefficient, or None when not even one fits."""
    width = digit_width(value_bits, parties)
    modulus = prod(primes[:-1])
    for digits in range(modulus.bit_length() // width, 0, -1):
        blocks = -(-value_count // (degree * digits))
        noise_bits = required_noise_bits(parties, blocks * degree, security)
        bound = opened_noise_bound(parties, threshold, noise_bits)
        shift = (2 * bound + 1).bit_length()
        if (1 << (shift + width * digits)) < modulus:
            return ThresholdParameters(
                parties, threshold, value_bits, value_count, security,
                degree, primes, digits, noise_bits, shift,
            )  # fmt: skip
    return None


def _update_words(parameters: ThresholdParameters) -> int:
    return parameters.blocks * parameters.degree * len(parameters.data_primes)


def _check_request(parties: int, threshold: int, value_bits: int, value_count: int, security: int) -> None:
    limits = (
        ("number of parties", parties, MINIMUM_PARTIES, MAXIMUM_PARTIES),
        ("threshold", threshold, 2, parties - 1),
        ("width of a value in bits", value_bits, 2, 48),
        ("number of values", value_count, 1, MAXIMUM_VALUES),
        ("statistical security in bits", security, 40, 80),
    )
    for name, value, lowest, highest in limits:
        if not lowest <= value <= highest:
            raise ParameterError(f"the {name} is {value}; it must lie between {lowest} and {highest}")
