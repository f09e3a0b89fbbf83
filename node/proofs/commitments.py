# SPDX-License-Identifier: Apache-2.0
"""What the chain holds of a model, of a hospital's rows and of a plan: one field element each."""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

from node.group.field import MODULUS
from node.plan import FEATURE_BITS, LOSSES, WEIGHT_BITS
from node.proofs.poseidon import poseidon, tree16

SALT_BITS = 248
#: Loss number of the hard-sigmoid logistic regression.
LOSS_HARD_SIGMOID = LOSSES["hard-sigmoid-logistic"]
#: Loss number of a bounded study, of whose training nothing is proved.
LOSS_UNPROVED = 2

WEIGHTS_PER_ELEMENT = 10
FEATURES_PER_ELEMENT = 30

TRAINING_TAG = keccak(b"consilium.training.v1")
AGGREGATION_TAG = keccak(b"consilium.aggregation.v1")


def weights_root(weights: Sequence[int]) -> int:
    """Return the root of a model: integers in [-2^23, 2^23), feature weights first, bias last.

    Ten weights, each plus 2^23 as 24 bits, make one element, little-endian; the root is their
    tree16. Raises ValueError for a weight out of range.
    """
    shift = 1 << (WEIGHT_BITS - 1)
    if not all(-shift <= weight < shift for weight in weights):
        raise ValueError(f"a weight is outside of {WEIGHT_BITS} bits")
    digits = [weight + shift for weight in weights]
    return tree16(_pack(digits, WEIGHT_BITS, WEIGHTS_PER_ELEMENT))


def row_elements(row: Sequence[int], label: int) -> list[int]:
    """Return the elements of a row in use: bytes x_j + 128 little-endian, then the label.

    Thirty features make one element; the label follows the features of the last one. Raises
    ValueError for a feature outside of [-128, 127] or a label other than 0 and 1.
    """
    try:
        digits = bytes(value + (1 << FEATURE_BITS - 1) for value in row)
    except ValueError:
        digits = b""
    if len(digits) != len(row) or label not in (0, 1):
        raise ValueError("a feature is outside of 8 bits, or a label is neither 0 nor 1")
    starts = range(0, len(digits), FEATURES_PER_ELEMENT)
    elements = [int.from_bytes(digits[start : start + FEATURES_PER_ELEMENT], "little") for start in starts]
    used = len(row) - FEATURES_PER_ELEMENT * (len(elements) - 1)
    elements[-1] += label << (FEATURE_BITS * used)
    return elements


def data_tree_root(rows: Sequence[Sequence[int]], labels: Sequence[int], *, capacity: int, batch_size: int) -> int:
    """Return the root of the tree over the blocks of a table, masked rows included.

    `rows` are the n rows in use, 1 ≤ n ≤ capacity; the rest of the capacity is elements of zero.
    A block is a batch: its hash is tree16 of its rows' elements; the root is tree16 of the blocks.
    """
    if not 1 <= len(rows) <= capacity or len(labels) != len(rows) or capacity % batch_size:
        raise ValueError(f"{len(rows)} rows with {len(labels)} labels do not fit {capacity} rows")
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError("all rows must have the same number of features")
    elements = [row_elements(row, label) for row, label in zip(rows, labels, strict=True)]
    elements += [[0] * len(elements[0])] * (capacity - len(rows))
    blocks = [
        tree16([element for row in elements[start : start + batch_size] for element in row])
        for start in range(0, capacity, batch_size)
    ]
    return tree16(blocks)


def data_commitment(
    rows: Sequence[Sequence[int]],
    labels: Sequence[int],
    *,
    capacity: int,
    batch_size: int,
    salt: int,
) -> int:
    """Return a hospital's dataRoot = Poseidon(salt, n, tree root); the salt has 248 random bits."""
    if not 0 <= salt < 1 << SALT_BITS:
        raise ValueError(f"the salt must have {SALT_BITS} bits")
    tree = data_tree_root(rows, labels, capacity=capacity, batch_size=batch_size)
    return poseidon([salt, len(rows), tree])


def plan_root(
    *,
    features: int,
    batch_size: int,
    epochs: int,
    learning_rate: int,
    value_bits: int,
    loss: int = LOSS_HARD_SIGMOID,
    update_bound: int = 0,
    noise_bound: int = 0,
) -> int:
    """Return the packing of a plan's proved numbers, as the contract and the circuit compute it.

    Widths in bits: features 16, batch size 16, epochs 16, learning rate (in 1/256) 32, value bits
    8, loss 8, update bound (squared) 64, noise bound 32. Raises ValueError for a number that does not fit.
    """
    root, position = 0, 0
    for value, bits in (
        (features, 16),
        (batch_size, 16),
        (epochs, 16),
        (learning_rate, 32),
        (value_bits, 8),
        (loss, 8),
        (update_bound, 64),
        (noise_bound, 32),
    ):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"the plan's number {value} does not fit {bits} bits")
        root |= value << position
        position += bits
    return root


def training_context(
    *,
    chain_id: int,
    round_manager: str,
    study_id: int,
    round_number: int,
    hospital_id: int,
    ciphertext_digest: bytes,
) -> int:
    """Return the context that ties a training proof to its round, hospital and ciphertext."""
    return _context(TRAINING_TAG, chain_id, round_manager, study_id, round_number, hospital_id, ciphertext_digest)


def aggregation_context(
    *, chain_id: int, round_manager: str, study_id: int, round_number: int, included_bitmap: int
) -> int:
    """Return the context that ties an aggregation proof to its round and included set."""
    digest = included_bitmap.to_bytes(32, "big")
    return _context(AGGREGATION_TAG, chain_id, round_manager, study_id, round_number, 0, digest)


def _context(
    tag: bytes,
    chain_id: int,
    round_manager: str,
    study_id: int,
    round_number: int,
    hospital_id: int,
    digest: bytes,
) -> int:
    """keccak256(abi.encode(tag, chainId, roundManager, study, round, hospital, digest)) mod p."""
    address = bytes.fromhex(round_manager.removeprefix("0x"))
    if len(address) != 20 or len(digest) != 32:
        raise ValueError("the context needs a 20-byte address and a 32-byte digest")
    words = [
        tag,
        chain_id.to_bytes(32, "big"),
        address.rjust(32, b"\0"),
        study_id.to_bytes(32, "big"),
        round_number.to_bytes(32, "big"),
        hospital_id.to_bytes(32, "big"),
        digest,
    ]
    return int.from_bytes(keccak(b"".join(words)), "big") % MODULUS


def _pack(digits: Sequence[int], bits: int, per_element: int) -> list[int]:
    """Pack unsigned digits little-endian, `per_element` of them in each field element."""
    return [
        sum(digit << (bits * place) for place, digit in enumerate(digits[start : start + per_element]))
        for start in range(0, len(digits), per_element)
    ]
