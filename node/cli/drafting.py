# SPDX-License-Identifier: Apache-2.0
"""From a sponsor's draft to the plan document: what follows from records is filled in, the rest is checked."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from node.cli.usual import fill_in
from node.document import Across, Decimal, Fault, load, read
from node.errors import DataError
from node.learning import extractor
from node.learning.cnn import initial_weights
from node.learning.datasets.table import looked_at
from node.learning.findings import refuse as refuse_doubtful
from node.learning.privacy import calibrated
from node.learning.scaling import Scaling
from node.learning.tables import read_table
from node.padding import padded_vector
from node.plan import (
    FORMAT_KEY,
    FORMAT_VALUE,
    NEIGHBOURS,
    NETWORKS,
    ROWS_LIMIT,
    Encryption,
    Label,
    Participation,
    Privacy,
    Training,
    TrainingPlan,
    noise_shares,
)
from node.plan_training import BoundedTraining
from node.proofs.artefacts import circuits
from node.steps.extractors import read_extractor
from node.steps.image_records import read_labelled_images
from node.steps.plan_rules import Venue


def complete(
    draft: bytes,
    records: Path | None,
    extractor_file: Path | None = None,
    venue: Venue | None = None,
    accept: Collection[str] = (),
) -> TrainingPlan:
    """The plan of a draft: a plan's JSON in any layout, where some parts may be left out.

    `records`: data of the sponsor's own, held by no hospital. A table gives `model.features` (its columns but
    the label, in their order) and `scaling`; images with `extractor_file` give `model.extractor` too. A missing
    `model.initial` becomes zeros (of a network, weights drawn from the title), a missing `privacy` none, and what
    `node.cli.usual` names its usual value. `venue`: where it is to be published, if that is known. Raises `DataError`
    with all that is missing or does not fit, by its key, as publishing and enrolling would find it, and `DataDoubtful`
    for what looks wrong in the records and is not among the names to `accept`: everybody's values would be scaled by
    it.
    """
    value = load(draft)
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(model, dict):
        raise DataError('The draft is not a plan: it needs an object "model".')
    value.setdefault(FORMAT_KEY, FORMAT_VALUE)
    value.setdefault("privacy", asdict(Privacy(budget=0)))
    fill_in(value)
    rules = list((venue or Venue.anywhere()).rules(_circuit(value, "training"), _circuit(value, "aggregation")))
    family = str(model.get("family"))
    if family in NETWORKS:
        # Drawn from what everybody sees, so that nobody chose them.
        model.setdefault("initial", initial_weights(str(value.get("title")), family))
        rules += _calibrate(value, BoundedTraining, NETWORKS[family])
        return _parse(value, rules)
    if extractor_file is not None:
        _from_images(value, model, read_extractor(extractor_file), records, accept)
    elif records is not None:
        _from_table(value, model, records, accept)
    elif "scaling" not in value or "features" not in model:
        rules.append(_fault("the draft", "has no features or no scaling: name data that give them with --records"))
    if isinstance(features := model.get("features"), list):
        _start(value, model, len(features))
        rules += _calibrate(value, Training, len(features) + 1)
    return _parse(value, rules)


def _calibrate(
    value: dict[str, Any], kind: type[Training] | type[BoundedTraining], parameters: int
) -> tuple[Across, ...]:
    """Replace a draft's `privacy.epsilon` with the noise that it takes; what the draft says itself stays.

    Gives what is wrong with the wish. Where noise cannot be told before something else is mended, the least there is
    stands in for it, so that the rest can be looked at.
    """
    hidden = value["privacy"]
    if not isinstance(hidden, dict) or "epsilon" not in hidden:
        return ()
    epsilon, delta = hidden.pop("epsilon"), hidden.get("delta", "")
    wishes = (("privacy.epsilon", epsilon), ("privacy.delta", delta))
    wrong = [fault for where, number in wishes for fault in Decimal(positive=True).check(number, where)]
    try:
        training = read(kind, value.get("training"), "training")
        people = read(Participation, value.get("participation"), "participation")
        encryption = read(Encryption, value.get("encryption"), "encryption")
    except DataError:
        training = None
    if training is not None and training.update_bound == 0:
        wrong.append(Fault("training.update_bound", "is 0: no noise hides an update of any length"))
    elif training is not None and people.minimum <= encryption.threshold:
        wrong.append(Fault("participation.minimum", "leaves too few whose noise counts: fewer than t may lie"))
    if wrong or training is None:
        value["privacy"] = asdict(_stand_in(value)) | {k: v for k, v in hidden.items() if k != "delta"}
        return tuple(_fault(fault.where, fault.problem) for fault in wrong)
    made = calibrated(
        training,
        float(epsilon),
        delta,
        parameters=parameters,
        rounds=people.rounds,
        hospitals=noise_shares(people.minimum, encryption.threshold),
    )
    value["privacy"] = asdict(made) | hidden
    return ()


def _stand_in(value: dict[str, Any]) -> Privacy:
    """Privacy of the level that a draft's training has, of which no number means anything."""
    local = value["training"].get("local") if isinstance(value.get("training"), dict) else None
    level = "patient" if isinstance(local, dict) and "clip" in local else "hospital"
    return Privacy(1, 1, 8, level=level, neighbours=NEIGHBOURS[level], noise_variance=1, delta="0.00001")


def _fault(where: str, problem: str) -> Across:
    """A rule that is broken whatever the plan says."""
    return Across((), lambda: iter([(where, problem)]))


def _circuit(value: dict[str, Any], part: str) -> str:
    section = value.get(part)
    return str(section.get("circuit")) if isinstance(section, dict) else ""


def _parse(value: dict[str, Any], rules: Sequence[Across]) -> TrainingPlan:
    document = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return TrainingPlan.parse(document.encode(), rules)


def _from_table(value: dict[str, Any], model: dict[str, Any], records: Path, accept: Collection[str]) -> None:
    label = _label(model)
    if label is None:
        return
    features = model.setdefault("features", [name for name in _columns(records) if name != label.name])
    if "scaling" not in value and _are_names(features):
        table = read_table(records, features, label, capacity=ROWS_LIMIT)
        refuse_doubtful(records.name, looked_at(table, label).findings, accept)
        value["scaling"] = _constants(Scaling.fit(table.rows, features))


def _from_images(
    value: dict[str, Any], model: dict[str, Any], content: bytes, records: Path | None, accept: Collection[str]
) -> None:
    digest = hashlib.sha256(content).digest()
    weights = extractor.from_bytes(content, digest)
    model.setdefault("extractor", {"digest": digest.hex(), "size": len(content)})
    model.setdefault("features", list(extractor.FEATURES))
    label = _label(model)
    if "scaling" not in value and records is not None and label is not None:
        data = read_labelled_images(records, label)
        refuse_doubtful(records.name, data.findings, accept)
        images = data.split("train")
        value["scaling"] = _constants(extractor.fit_scaling(extractor.features(weights, images.pixels)))


def _start(value: dict[str, Any], model: dict[str, Any], features: int) -> None:
    """The starting weights as the circuit takes them: zeros where the draft has none, and for what it does not name."""
    initial = model.setdefault("initial", [0] * (features + 1))
    circuit = circuits().get(_circuit(value, "training"))
    if isinstance(initial, list) and circuit is not None and len(initial) == features + 1 <= circuit.coordinates:
        model["initial"] = list(padded_vector(initial, circuit.coordinates))


def _label(model: dict[str, Any]) -> Label | None:
    """What the records are read by; None where the draft's is wrong, which is told with everything else."""
    try:
        return read(Label, model.get("label"), "model.label")
    except DataError:
        return None


def _are_names(features: object) -> bool:
    return isinstance(features, list) and all(isinstance(name, str) for name in features)


def _constants(scaling: Scaling) -> list[dict[str, str]]:
    return [{"mean": entry.mean, "std": entry.std} for entry in scaling.features]


def _columns(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            return [name.strip() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(f"{table} cannot be read as a CSV table in UTF-8.") from None
