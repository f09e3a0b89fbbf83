# SPDX-License-Identifier: Apache-2.0
"""Re-checking a study: each statement is compared anew, and its result says what was compared with what."""

from __future__ import annotations

from collections.abc import Iterator

from node.audit.basics import Check
from node.audit.ceremony_checks import check_ceremonies
from node.audit.checking import all_held, files_match, held
from node.audit.contents import ContentReader
from node.audit.draws import check_draws
from node.audit.ledger import Source, file_of
from node.audit.money_checks import check_money
from node.audit.round_checks import check_rounds
from node.audit.views import StudyView
from node.plan import ImageHeadPlan
from node.proofs.published import compared

_ROOT = "root of the starting model"
#: Terms that are no numbers of the plan's; they are checked by themselves.
_BY_THEMSELVES = ("document digest", "document size", _ROOT)


def check_study(source: Source, contents: ContentReader, view: StudyView) -> tuple[Check, ...]:
    """Every check of a study: plan, draws, key ceremonies, rounds in order, money.

    Raises ChainUnavailable where the chain is away; anything that does not hold is a failed check.
    """
    return (
        *_plan(source, view),
        *_extractor(contents, view),
        *check_draws(source, view),
        *check_ceremonies(source, contents, view),
        *check_rounds(source, contents, view),
        *check_money(view),
    )


def _plan(source: Source, view: StudyView) -> Iterator[Check]:
    plan, terms, document = view.plan, view.plan.terms, view.plan.document
    statement = "The plan document is the one that was published"
    if document is None:
        yield Check("Plan", statement, plan.verdict, plan.problem)
    else:
        yield held("Plan", statement, document.digest() == plan.file.digest, f"its content gives {plan.file.cid}")
        both = compared(document, terms)
        pairs = {name: pair for name, pair in both.items() if name not in _BY_THEMSELVES} | {
            "plan root": (document.root(), plan.root),
            "training circuit": (document.training.circuit, plan.training.name),
            "aggregation circuit": (document.aggregation.circuit, plan.aggregation.name),
        }
        yield all_held(
            "Plan",
            "Document and chain hold the same numbers",
            [f"{name}: document {ours}, chain {kept}" for name, (ours, kept) in pairs.items() if ours != kept],
            f"{len(pairs)} values compared, the proved hyper-parameters among them",
        )
        yield held(
            "Plan",
            "The starting model hashes to the root on chain",
            both[_ROOT][0] == both[_ROOT][1],
            f"{len(document.model.initial)} starting weights hashed",
        )
    for circuit in (plan.training, plan.aggregation):
        recorded = source.deployment.circuits.get(circuit.name)
        digest = "0x" + circuit.verifying_key_digest.hex()
        yield held(
            "Plan",
            f"Circuit {circuit.name} is the one in the deployment record",
            recorded is not None and (recorded.verifying_key_digest, recorded.verifier) == (digest, circuit.verifier),
            "address of its verifier and digest of its verifying key",
        )


def _extractor(contents: ContentReader, view: StudyView) -> Iterator[Check]:
    """Of a head on images: that the frozen network can be had, as the plan names it."""
    document = view.plan.document
    if isinstance(document, ImageHeadPlan):
        named = document.model.extractor
        file = file_of(bytes.fromhex(named.digest), named.size)
        yield files_match(contents, "Plan", "The extractor is the file that the plan names", [file])
