# SPDX-License-Identifier: Apache-2.0
"""The card of a round's model: where it comes from, what is proved of it, what it cost in privacy, how good it is.

Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). All but the quality is read from the chain and from
files that fit it; the quality is measured by whoever asks for the card, on data of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from node.audit.ledger import Source
from node.audit.reproof import FINALISE, SUBMIT, posted_proof
from node.audit.round_views import RoundView
from node.audit.views import StudyView
from node.errors import StudyError
from node.plan import RHO_UNITS, ImageHeadPlan, NetworkPlan, TrainingPlan
from node.storage.cid import cid_of
from node.types import Circuit, Opening, Phase
from node.words import NEIGHBOURING, NEIGHBOURING_MEASURED, plain

FORMAT = "consilium/model-card/2"

#: The epsilon of so much rho at a delta; `node.learning.privacy` has the accountant.
Epsilon = Callable[[float, float], float]

PROVED = (
    "training: each included update is what the plan's training gives on the rows its hospital committed to",
    "aggregation: the sum opens the commitments of exactly the included updates, and moved the model as the plan says",
)
BOUNDED = (
    "bound: each included update is within the plan's bound of length, its noise within the plan's, every value in "
    "range; how it was trained, and on which images, is not proved",
    PROVED[1],
)
LIMITS = (
    "The committed data are honest medicine: nobody has checked that.",
    "Single updates are hidden only while fewer than the threshold of hospitals pool what they hold.",
    "This is the result of a study, no medical device: no diagnosis rests on it.",
)


OPENED = {"ckks": "threshold CKKS", "pads": "one-time pads"}


@dataclass(frozen=True)
class Quality:
    """How the model did on labelled data: their file and its SHA-256, and figures by name."""

    file: str
    sha256: str
    split: str | None
    figures: dict[str, Any]


def model_card(
    source: Source, view: StudyView, number: int, quality: Quality | None, epsilon: Epsilon
) -> dict[str, Any]:
    """The card as JSON values; raises StudyError for a round without a model or a plan that cannot be read."""
    item = next((found for found in view.rounds if found.number == number), None)
    plan = view.plan.document
    if item is None or item.phase is not Phase.FINALISED or item.finalised is None:
        raise StudyError(f"Round {number} of study {view.study_id} is not finalised: it has no model.")
    if plan is None:
        raise StudyError(f"The plan of study {view.study_id} cannot be read: {view.plan.problem}")
    return {
        "format": FORMAT,
        "study": view.study_id,
        "round": number,
        "title": plan.title,
        "question": plan.question,
        "network": {
            "chain_id": view.network.chain_id,
            "round_manager": view.network.contracts["RoundManager"],
            "block": view.network.head.number,
            "development_keys": view.network.development_keys,
        },
        "model": {
            "family": plan.model.family,
            "parameters": plan.trained_weights,
            "loss": plan.model.loss,
            "optimiser": plan.model.optimiser,
            "label": asdict(plan.model.label),
            "extractor": asdict(plan.model.extractor) if isinstance(plan, ImageHeadPlan) else None,
            "training": asdict(plan.training),
            "root": str(item.root_after),
            "files": [file.cid for file in item.model_files],
        },
        "plan": {"digest": view.plan.file.digest.hex(), "cid": cid_of(view.plan.file.digest, view.plan.file.size)},
        "data": [
            {
                "hospital": hospital.name,
                "included": hospital.hospital_id in item.included,
                "commitment": str(hospital.data_root),
                "rows": None if isinstance(plan, NetworkPlan) else hospital.rows,
                "sampled": {"block": hospital.block, "of": hospital.blocks} if hospital.blocks else None,
            }
            for hospital in view.hospitals
        ],
        "proved": list(BOUNDED if isinstance(plan, NetworkPlan) else PROVED),
        "proofs": list(_proofs(source, view, item)),
        "privacy": _privacy(plan, number, epsilon),
        "quality": None if quality is None else asdict(quality),
        "opening": _opening(plan, view, item),
        "limits": [*LIMITS, *([f"{NEIGHBOURING}. {NEIGHBOURING_MEASURED}."] if plan.privacy.level == "none" else [])],
    }


def markdown(card: dict[str, Any]) -> str:
    """The card for people; whatever strangers wrote stands in it as code, which no reader of Markdown interprets."""
    model, network, spent, quality = card["model"], card["network"], card["privacy"], card["quality"]
    label = {key: literal(text) for key, text in model["label"].items()}
    lines = [
        f"# Model of study {card['study']} after round {card['round']}",
        "",
        f"- Title, as the sponsor wrote it: {literal(card['title'])}",
        f"- Question, as the sponsor wrote it: {literal(card['question'])}",
        "",
        f"Read at block {network['block']} of chain {network['chain_id']}"
        + (" (proved under development keys: anybody could have forged it)." if network["development_keys"] else "."),
        "",
        "## Model",
        f"{model['family']}, {model['parameters']} parameters, {model['loss']}, {model['optimiser']}. It tells "
        f"{label['positive']} from {label['negative']} ({label['name']}).",
        "",
        f"- root on chain: `{model['root']}`",
        *(f"- file: `{cid}`" for cid in model["files"]),
        f"- plan: `{card['plan']['cid']}`",
        "",
        "## Data, as committed",
        "| hospital | in this round's sum | rows | commitment |",
        "|---|---|---|---|",
        *(
            f"| {literal(part['hospital'])} | {'yes' if part['included'] else 'no'} | {_rows(part)} | "
            f"`{part['commitment']}` |"
            for part in card["data"]
        ),
        "",
        "## What is proved",
        *(f"- {sentence}" for sentence in card["proved"]),
        "",
        "| proof | circuit | transaction | SHA-256 of the proof |",
        "|---|---|---|---|",
        *(
            f"| {literal(p['of'])} | {literal(p['circuit'])} | `{p['transaction']}` | `{p['sha256']}` |"
            for p in card["proofs"]
        ),
        "",
        "## Privacy",
        f"The sum of {card['opening']['updates']} updates was opened by {OPENED[card['opening']['way']]}; any "
        f"{card['opening']['threshold']} hospitals together can read single updates.",
        "",
        *(f"Convicted of a lie in this round: {literal(name)}\n" for name in card["opening"]["convicted"]),
        "No differential privacy: the budget is 0."
        if spent["level"] == "none"
        else f"{spent['level'].capitalize()} level, {spent['mechanism']}: {spent['spent_rho']:.4g} of "
        f"{spent['budget_rho']:.4g} rho spent, which is ε = {spent['epsilon']:.3g} at δ = {spent['delta']}. "
        f"Neighbours: {spent['neighbours']}. Sampling: {spent['sampling']}.",
        "",
        "## Quality",
    ]
    if quality is None:
        lines.append("Not measured: name labelled data with --data.")
    else:
        file = literal(quality["file"])
        where = file if quality["split"] is None else f"{file}, split {literal(quality['split'])}"
        lines += [f"On {where} (SHA-256 `{quality['sha256']}`):", "", "| figure | value |", "|---|---|"]
        lines += [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in quality["figures"].items()]
    return "\n".join([*lines, "", "## Limits", *(f"- {sentence}" for sentence in card["limits"]), ""])


def literal(text: str) -> str:
    """A stranger's text as Markdown code on one line, its backticks fenced by longer ones.

    A bar would end a table's cell even in code: it stands outside, as a character reference.
    """
    return "&#124;".join(_code(part) if part else "" for part in plain(text).split("|"))


def _code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # One space on either side is not part of the code: text that begins or ends with a space or a backtick needs both.
    edge = " " if {text[0], text[-1]} & {" ", "`"} and text.strip(" ") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _rows(part: dict[str, Any]) -> str:
    if part["rows"] is None:
        return "not stated"
    drawn = part["sampled"]
    return f"{part['rows']}" + (f" (sampled: block {drawn['block']} of {drawn['of']})" if drawn else "")


def _proofs(source: Source, view: StudyView, item: RoundView) -> Iterator[dict[str, str]]:
    for submission in item.submissions:
        if submission.hospital_id in item.included:
            name = view.name_of(submission.hospital_id)
            yield _proof(source, name, view.plan.training, submission.act.tx_hash, SUBMIT)
    assert item.finalised is not None, "a finalised round was finalised by somebody"
    yield _proof(source, "the sum", view.plan.aggregation, item.finalised.tx_hash, FINALISE)


def _proof(source: Source, of: str, circuit: Circuit, tx_hash: str, selector: bytes) -> dict[str, str]:
    return {
        "of": of,
        "circuit": circuit.name,
        "verifier": circuit.verifier,
        "transaction": tx_hash,
        "sha256": hashlib.sha256(posted_proof(source, tx_hash, selector)).hexdigest(),
    }


def _opening(plan: TrainingPlan, view: StudyView, item: RoundView) -> dict[str, Any]:
    """How the sum was opened, by how many, and of how many hospitals it is."""
    by_pads = item.fell_to_pads or item.opening is Opening.PADS
    return {
        "way": "pads" if by_pads else "ckks",
        "threshold": plan.encryption.threshold,
        "updates": len(item.included),
        "convicted": [view.name_of(one) for found in item.convictions for one in found.convicted],
    }


def _privacy(plan: TrainingPlan, rounds: int, epsilon: Epsilon) -> dict[str, Any]:
    """What the rounds so far have spent, finalised or not."""
    hidden = plan.privacy
    if hidden.level == "none":
        return {"level": "none"}
    spent = rounds * hidden.cost / RHO_UNITS
    return {
        "level": hidden.level,
        "mechanism": f"discrete Gaussian noise of variance {hidden.noise_variance} from each hospital",
        "neighbours": hidden.neighbours,
        "sampling": hidden.sampling,
        "spent_rho": spent,
        "budget_rho": hidden.budget / RHO_UNITS,
        "delta": hidden.delta,
        "epsilon": epsilon(spent, float(hidden.delta)),
    }


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
