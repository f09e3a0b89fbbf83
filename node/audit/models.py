# SPDX-License-Identifier: Apache-2.0
"""The global model after each round, read from its posted file and believed only if its root fits."""

from __future__ import annotations

import json

from node.audit.basics import FileView, Verdict
from node.audit.contents import ContentReader, verdict_on
from node.audit.views import ModelView, PlanView, RoundView
from node.errors import DataError, StorageError
from node.proofs.commitments import weights_root
from node.types import Phase

FORMAT_KEY, FORMAT_VALUE = "consilium", "model/1"
# Twelve bytes hold any weight with its comma; the rest of the document is short.
_LONGEST_WEIGHT, _LONGEST_FRAME = 12, 200


def parse_model(document: bytes) -> tuple[int, ...]:
    """The weights in a model file (docs/encoding.md, "Model file"); raises DataError for anything else."""
    try:
        value = json.loads(document)
    except (ValueError, RecursionError):
        raise DataError("The model file is not JSON.") from None
    if not isinstance(value, dict) or value.get(FORMAT_KEY) != FORMAT_VALUE:
        raise DataError(f'The model file does not say "{FORMAT_KEY}":"{FORMAT_VALUE}".')
    weights = value.get("weights")
    if not isinstance(weights, list) or not all(type(weight) is int for weight in weights):
        raise DataError("The model file has no list of integer weights.")
    return tuple(weights)


def read_models(contents: ContentReader, plan: PlanView, rounds: tuple[RoundView, ...]) -> tuple[ModelView, ...]:
    """The starting model (round 0) and that of every finalised round, in order."""
    return (_initial(plan), *(_final(contents, plan, item) for item in rounds if item.phase is Phase.FINALISED))


def _initial(plan: PlanView) -> ModelView:
    root = plan.terms.initial_root
    if plan.document is None:
        return ModelView(0, root, None, None, plan.verdict, plan.problem)
    weights = plan.document.model.initial
    if weights_root(weights) != root:
        problem = "The plan's starting weights do not hash to the root on chain."
        return ModelView(0, root, None, None, Verdict.FAILED, problem)
    return ModelView(0, root, weights, None, Verdict.PASSED)


def _final(contents: ContentReader, plan: PlanView, item: RoundView) -> ModelView:
    if not item.model_files:
        problem = "Nobody has posted the model's file yet."
        return ModelView(item.number, item.root_after, None, None, Verdict.UNREACHABLE, problem)
    # Anyone may post a file: the first that fits the root is the model, whoever posted it.
    failures: list[tuple[FileView, Verdict, str]] = []
    for file in item.model_files:
        try:
            weights = _read(contents, plan, file, item.root_after)
        except (DataError, StorageError) as error:
            failures.append((file, verdict_on(error), str(error)))
            continue
        return ModelView(item.number, item.root_after, weights, file, Verdict.PASSED)
    # A file that nobody can reach may still be the right one; one that is wrong is not.
    file, verdict, problem = next((item for item in failures if item[1] is Verdict.UNREACHABLE), failures[0])
    return ModelView(item.number, item.root_after, None, file, verdict, problem)


def _read(contents: ContentReader, plan: PlanView, file: FileView, root: int) -> tuple[int, ...]:
    count = plan.training.features + 1
    if file.size > count * _LONGEST_WEIGHT + _LONGEST_FRAME:
        raise DataError(f"The posted file is larger than a model of {count} weights can be.")
    weights = parse_model(contents.get(file.digest, file.size))
    if len(weights) != count:
        raise DataError(f"The posted file has {len(weights)} weights, the model has {count}.")
    try:
        found = weights_root(weights)
    except ValueError:
        raise DataError("A weight in the posted file is out of range.") from None
    if found != root:
        raise DataError("The posted file's weights do not hash to the root on chain.")
    return weights
