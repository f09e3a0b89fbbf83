# SPDX-License-Identifier: Apache-2.0
"""The two plots of the chest X-ray benchmark: ROC curves on the test split, and validation AUC by round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

COLOURS = {"bounded_cnn": "#1f5fa8", "proved_head": "#b3541e"}
NAMES = {"bounded_cnn": "bounded CNN", "proved_head": "proved head"}


def roc(studies: dict[str, Any], path: Path) -> None:
    """One curve a seed and kind, and the specificity at which sensitivity is reported."""
    figure, axes = pyplot.subplots(figsize=(5, 5), layout="constrained")
    for kind, found in studies.items():
        for run in found["runs"]:
            false_rate, true_rate = zip(*run["test"]["curve"], strict=True)
            label = f"{NAMES[kind]}, AUC {found['auc_mean']:.3f} ± {found['auc_std']:.3f}" if not run["seed"] else None
            axes.plot(false_rate, true_rate, color=COLOURS[kind], linewidth=1, label=label)
    axes.axvline(0.05, color="0.6", linewidth=0.8, linestyle=":")
    axes.plot((0, 1), (0, 1), color="0.8", linewidth=0.8)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", title="PneumoniaMNIST, test split", aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def learning(studies: dict[str, Any], path: Path) -> None:
    """One curve a seed and kind."""
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for kind, found in studies.items():
        for run in found["runs"]:
            aucs = run["validation_auc"]
            label = NAMES[kind] if not run["seed"] else None
            axes.plot(range(1, len(aucs) + 1), aucs, color=COLOURS[kind], linewidth=1, label=label)
    axes.set(xlabel="round", ylabel="AUC", title="PneumoniaMNIST, validation split")
    axes.set_ylim(0.9, 1)
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
