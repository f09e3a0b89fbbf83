# SPDX-License-Identifier: Apache-2.0
"""Measures both studies of chest X-rays and writes `out/bench/pneumonia.json`, a ROC plot and a learning curve.

Proofs and encryption are left out: the integers are those of a study on chain to the bit, since encryption opens
to the exact sum and proofs change nothing (tests/unit/learning/test_bounded.py and test_head.py show it).
Settings were chosen on the validation split; docs/pneumonia.md says how, and what came late.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from node.errors import ConsiliumError
from node.learning import cnn, cnn_study, extractor
from node.learning.datasets.images import Images
from node.learning.evaluation import Evaluation, evaluate
from scripts import pneumonia_attacks, pneumonia_plots, pneumonia_privacy
from scripts.localnet import ROOT
from scripts.pneumonia import (
    HEAD_ROUNDS,
    ROUNDS,
    XRays,
    cnn_study_of,
    deal,
    head_study,
    settings,
)

OUT = ROOT / "out" / "bench"
SHARED = ROOT.parent / "shared" / "data" / "pneumoniamnist.npz"
KINDS = ("bounded_cnn", "proved_head")
PARTS = (*KINDS, "robustness", "privacy")


@dataclass(frozen=True)
class Run:
    """One seed of one kind of study: quality on the test split, and validation AUC after each round."""

    kind: str
    seed: int
    test: Evaluation
    pooled_auc: float
    validation_auc: tuple[float, ...]
    seconds: float


def run_cnn(path: Path, seed: int) -> Run:
    """The bounded CNN, and the same network trained on pooled images for as many rounds."""
    data, begun = XRays.read(path), time.monotonic()
    study, hospitals = cnn_study_of(seed), deal(data.train, seed)
    models = list(cnn_study.run(study, hospitals))
    seconds = time.monotonic() - begun
    *_, gold = cnn_study.pooled(study, hospitals)

    def probabilities(images: Images, weights: Sequence[int] = models[-1]) -> np.ndarray:
        return cnn.probabilities(weights, images.pixels)

    return Run(
        "bounded_cnn",
        seed,
        evaluate(probabilities(data.test), data.test.labels),
        evaluate(probabilities(data.test, gold), data.test.labels).auc,
        tuple(evaluate(probabilities(data.val, model), data.val.labels).auc for model in models),
        seconds,
    )


def run_head(path: Path, seed: int) -> Run:
    """The proved head, and logistic regression in floating point on the same rows of all hospitals."""
    data, begun = XRays.read(path), time.monotonic()
    study = head_study(data.train, seed)
    models = study.models()
    seconds = time.monotonic() - begun

    def quality(head: Sequence[int], images: Images) -> Evaluation:
        return evaluate(study.probabilities(head, images), images.labels)

    return Run(
        "proved_head",
        seed,
        quality(models[-1], data.test),
        study.pooled_auc(data.test),
        tuple(quality(model, data.val).auc for model in models),
        seconds,
    )


def summary(runs: Sequence[Run], parameters: int, rounds: int) -> dict[str, Any]:
    """The figures of one kind of study over its seeds; spreads are sample standard deviations."""
    aucs = [run.test.auc for run in runs]
    return {
        "auc_mean": mean(aucs),
        "auc_std": stdev(aucs) if len(aucs) > 1 else 0.0,
        "pooled_auc": mean(run.pooled_auc for run in runs),
        "sensitivity_at_95_specificity": mean(run.test.sensitivity_at_95_specificity for run in runs),
        "accuracy": mean(run.test.accuracy for run in runs),
        "calibration_error": mean(run.test.calibration_error for run in runs),
        "seeds": [run.seed for run in runs],
        "rounds": rounds,
        "parameters": parameters,
        "seconds": mean(run.seconds for run in runs),
        "runs": [asdict(run) for run in runs],
    }


def measure_kind(kind: str, path: Path, seeds: Sequence[int], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """One kind of study with each seed, side by side in the pool's processes."""
    run, parameters, rounds = {
        "bounded_cnn": (run_cnn, cnn.PARAMETERS, ROUNDS),
        "proved_head": (run_head, len(extractor.FEATURES) + 1, HEAD_ROUNDS),
    }[kind]
    jobs = [pool.submit(run, path, seed) for seed in seeds]
    runs = _gather(jobs, lambda run: f"{run.kind}, seed {run.seed}: AUC {run.test.auc:.4f}")
    return summary(sorted(runs, key=lambda run: run.seed), parameters, rounds)


def _gather(jobs: Sequence[Future[Any]], line: Callable[[Any], str]) -> list[Any]:
    found = []
    for job in as_completed(jobs):
        found.append(job.result())
        print(f"[{len(found)}/{len(jobs)}] {line(found[-1])}", flush=True)
    return found


def _still_true(path: Path, digest: str) -> dict[str, Any]:
    """Parts of an earlier report on the same data, but those whose settings have changed since."""
    report: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if report.get("data", {}).get("sha256") != digest:
        return {}
    now = json.loads(json.dumps(settings()))
    changed = {kind for kind in KINDS if report["settings"][kind] != now[kind]}
    # Attacks and privacy are measured on the network's study.
    gone = changed | ({"robustness", "privacy"} if "bounded_cnn" in changed else set())
    return {part: value for part, value in report.items() if part not in gone}


def main() -> int:
    """Run the parts that are asked for; the others keep the figures of an earlier run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="PneumoniaMNIST (npz)")
    parser.add_argument("--optional", action="store_true", help="where there is no such file, say so and do nothing")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes [one a core]")
    parser.add_argument("--only", choices=PARTS, action="append")
    arguments = parser.parse_args()
    if not arguments.data.exists():
        if arguments.optional:
            print("Chest X-rays are left out, and out/bench/pneumonia.json is as it was: no file of them was named.")
            print("`consilium data fetch pneumoniamnist` gets it; name it with DATA=FILE.")
            return 0
        print(f"There is no {arguments.data}: name PneumoniaMNIST with --data FILE (consilium data fetch).")
        return 2
    report_path, begun = OUT / "pneumonia.json", time.monotonic()
    digest = hashlib.sha256(arguments.data.read_bytes()).hexdigest()
    seeds, parts = range(arguments.seeds), arguments.only or PARTS
    data = XRays.read(arguments.data)
    report = _still_true(report_path, digest) | {
        "data": {
            "file": arguments.data.name,
            "sha256": digest,
            **{name: len(getattr(data, name)) for name in ("train", "val", "test")},
        },
        "left_out": "proofs and encryption; the integers are those of a study on chain, to the bit",
        "settings": settings(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    OUT.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for part in parts:
            if part in KINDS:
                report[part] = measure_kind(part, arguments.data, seeds, pool)
                studies = {kind: report[kind] for kind in KINDS if kind in report}
                pneumonia_plots.roc(studies, OUT / "pneumonia_roc.png")
                pneumonia_plots.learning(studies, OUT / "pneumonia_learning.png")
            elif part == "robustness":
                jobs = pneumonia_attacks.start(arguments.data, pool)
                report[part] = pneumonia_attacks.table(_gather(jobs, pneumonia_attacks.line))
            else:
                jobs = pneumonia_privacy.start(arguments.data, pool)
                report[part] = pneumonia_privacy.table(_gather(jobs, pneumonia_privacy.line))
            # After each part: the whole takes long, and what is measured should not be lost.
            report_path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"Wrote {report_path.relative_to(ROOT)} after {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConsiliumError as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
