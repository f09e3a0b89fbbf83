# SPDX-License-Identifier: Apache-2.0
"""From a sponsor's draft to the plan document: what follows from records is filled in, the rest is checked."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from node.document import Decimal, check_section, load, read, refuse
from node.errors import DataError
from node.learning import extractor
from node.learning.cnn import initial_weights
from node.learning.datasets.table import looked_at
from node.learning.findings import refuse as refuse_doubtful
from node.learning.privacy import calibrated
from node.learning.scaling import Scaling
from node.learning.tables import read_table
from node.plan import (
    FORMAT_KEY,
    FORMAT_VALUE,
    NETWORKS,
    ROWS_LIMIT,
    Label,
    Participation,
    Privacy,
    Training,
    TrainingPlan,
)
from node.plan_training import BoundedTraining
from node.steps.extractors import read_extractor
from node.steps.image_records import read_labelled_images

#: Of the listed circuits for the training of heads.
CIRCUIT_FEATURES = 30


def complete(
    draft: bytes, records: Path | None, extractor_file: Path | None = None, accept: Collection[str] = ()
) -> TrainingPlan:
    """The plan of a draft: a plan's JSON in any layout, where some parts may be left out.

    `records`: data of the sponsor's own, held by no hospital. A table gives `model.features` (its columns but
    the label, in their order) and `scaling`; images with `extractor_file` give `model.extractor` too. A missing
    `model.initial` becomes zeros (of a network, weights drawn from the title), a missing `privacy` none. Raises
    `DataError` naming the key for whatever else is missing or does not fit, `DataDoubtful` for what looks wrong in the
    records and is not among the names to `accept`: everybody's values would be scaled by it.
    """
    value = load(draft)
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(model, dict):
        raise DataError('The draft is not a plan: it needs an object "model".')
    value.setdefault(FORMAT_KEY, FORMAT_VALUE)
    value.setdefault("privacy", asdict(Privacy(budget=0)))
    if model.get("family") in NETWORKS:
        # Drawn from what everybody sees, so that nobody chose them.
        model.setdefault("initial", initial_weights(str(value.get("title")), model["family"]))
        _calibrate(value, model, BoundedTraining)
        return _parse(value)
    if extractor_file is not None:
        _from_images(value, model, read_extractor(extractor_file), records, accept)
    elif records is not None:
        _from_table(value, model, records, accept)
    if "scaling" not in value or "features" not in model:
        raise DataError("The draft has no features or no scaling: name data that give them with --records.")
    if isinstance(model["features"], list):
        model.setdefault("initial", [0] * (len(model["features"]) + 1))
    _calibrate(value, model, Training)
    return _parse(value)


def _calibrate(value: dict[str, Any], model: dict[str, Any], kind: type[Training] | type[BoundedTraining]) -> None:
    """Replace a draft's `privacy.epsilon` with the noise that it takes; what the draft says itself stays."""
    hidden, initial = value["privacy"], model.get("initial")
    if not isinstance(hidden, dict) or "epsilon" not in hidden or not isinstance(initial, list):
        return
    epsilon, delta = hidden.pop("epsilon"), hidden.get("delta", "")
    for name, number in (("epsilon", epsilon), ("delta", delta)):
        Decimal(positive=True).check(number, f"privacy.{name}")
    training = read(kind, value.get("training"), "training")
    people = read(Participation, value.get("participation"), "participation")
    check_section(training, "training")
    check_section(people, "participation")
    if training.update_bound == 0:
        refuse("training.update_bound", "is 0: no noise hides an update of any length")
    made = calibrated(
        training,
        float(epsilon),
        delta,
        parameters=len(initial),
        rounds=people.rounds,
        hospitals=people.minimum,
    )
    value["privacy"] = asdict(made) | hidden


def _parse(value: dict[str, Any]) -> TrainingPlan:
    return TrainingPlan.parse(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def _from_table(value: dict[str, Any], model: dict[str, Any], records: Path, accept: Collection[str]) -> None:
    label = _label(model)
    features = model.setdefault("features", [name for name in _columns(records) if name != label.name])
    if "scaling" not in value:
        table = read_table(records, features, label, capacity=ROWS_LIMIT)
        refuse_doubtful(records.name, looked_at(table, label).findings, accept)
        value["scaling"] = _constants(Scaling.fit(table.rows, features))


def _from_images(
    value: dict[str, Any], model: dict[str, Any], content: bytes, records: Path | None, accept: Collection[str]
) -> None:
    digest = hashlib.sha256(content).digest()
    weights = extractor.from_bytes(content, digest)
    model.setdefault("extractor", {"digest": digest.hex(), "size": len(content)})
    features = model.setdefault("features", list(extractor.names(CIRCUIT_FEATURES)))
    if "scaling" not in value and records is not None and isinstance(features, list):
        data = read_labelled_images(records, _label(model))
        refuse_doubtful(records.name, data.findings, accept)
        images = data.split("train")
        value["scaling"] = _constants(extractor.fit_scaling(extractor.features(weights, images.pixels, len(features))))


def _label(model: dict[str, Any]) -> Label:
    label = read(Label, model.get("label"), "model.label")
    check_section(label, "model.label")
    return label


def _constants(scaling: Scaling) -> list[dict[str, str]]:
    return [{"mean": entry.mean, "std": entry.std} for entry in scaling.features]


def _columns(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            return [name.strip() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(f"{table} cannot be read as a CSV table in UTF-8.") from None
