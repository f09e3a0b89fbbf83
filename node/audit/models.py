# SPDX-License-Identifier: Apache-2.0
"""The global model after each round, read from its posted file and believed only if its root fits."""

from __future__ import annotations

from node.audit.basics import FileView, Verdict
from node.audit.contents import ContentReader, verdict_on
from node.audit.round_views import RoundView
from node.audit.views import ModelView, PlanView
from node.errors import DataError, StorageError
from node.proofs.commitments import weights_root
from node.proofs.model_document import matching_weights, model_document_limit
from node.types import Phase


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
    if file.size > model_document_limit(count):
        raise DataError(f"The posted file is larger than a model of {count} weights can be.")
    return matching_weights(contents.get(file.digest, file.size), count, root)
