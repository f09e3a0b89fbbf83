# SPDX-License-Identifier: Apache-2.0
"""The model as posted on the ledger after a round: canonical JSON, of which only the weights' root is trusted.

Source: docs/encoding.md, "Model file".
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from node.errors import DataError
from node.proofs.commitments import weights_root

FORMAT_KEY, FORMAT_VALUE = "consilium", "model/1"
# Twelve bytes hold any weight with its comma; the rest of the document is short.
_BYTES_PER_WEIGHT = 12
_ENVELOPE_BYTES = 200


def model_document(study: int, round_number: int, weights: Sequence[int]) -> bytes:
    """The bytes of a model file."""
    value = {FORMAT_KEY: FORMAT_VALUE, "round": round_number, "study": study, "weights": list(weights)}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def model_document_limit(coordinates: int) -> int:
    """The largest size in bytes that a posted model of so many coordinates can have."""
    return _ENVELOPE_BYTES + _BYTES_PER_WEIGHT * coordinates


def read_model_document(content: bytes) -> tuple[int, ...]:
    """The weights in a model file; raises DataError for anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError("The posted model file is not JSON.") from None
    if not isinstance(value, dict) or value.get(FORMAT_KEY) != FORMAT_VALUE:
        raise DataError(f'The posted model file does not say "{FORMAT_KEY}":"{FORMAT_VALUE}".')
    weights = value.get("weights")
    if not isinstance(weights, list) or not all(type(weight) is int for weight in weights):
        raise DataError("The posted model file has no list of integer weights.")
    return tuple(weights)


def matching_weights(content: bytes, coordinates: int, root: int) -> tuple[int, ...]:
    """The weights of a posted model; raises DataError unless there are `coordinates` of them with this root.

    The count is part of the check: a root alone also fits the same weights with smallest ones appended.
    """
    weights = read_model_document(content)
    if len(weights) != coordinates:
        raise DataError(f"The posted model has {len(weights)} weights, the plan's has {coordinates}.")
    try:
        found = weights_root(weights)
    except ValueError:
        raise DataError("A weight of the posted model is out of range.") from None
    if found != root:
        raise DataError("The posted model's weights do not hash to the root on chain.")
    return weights
