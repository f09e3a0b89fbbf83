# SPDX-License-Identifier: Apache-2.0
"""Labelled images, for a network of whose update a proof says how far it moves the model."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from node.errors import DataError
from node.group.field import MODULUS
from node.learning import cnn_study, privacy
from node.learning.datasets.archive import UNPACKED_LIMIT, unpack, write_arrays
from node.learning.datasets.images import Images, ImageSet
from node.learning.datasets.records import DataSet, tree_root
from node.learning.datasets.source import Reading, load
from node.plan import Label, NetworkPlan
from node.proofs.poseidon import poseidon
from node.proofs.statements import BoundedStatement, bounded_statement
from node.steps.trained import Trained


@dataclass(frozen=True)
class ImageRecords:
    """The images of a training split, and the commitment to the file that they are from."""

    plan: NetworkPlan
    images: Images = field(repr=False)
    data_root: int

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.images)

    @property
    def rows(self) -> int:
        """Every hospital has the same weight: how many images it has is claimed, and not proved."""
        return 1

    def commitment(self) -> int:
        """The data root that the enrolment puts on chain."""
        return self.data_root

    def to_bytes(self) -> bytes:
        """For the secret store."""
        root = np.frombuffer(self.data_root.to_bytes(32, "big"), dtype=np.uint8)
        return write_arrays({"pixels": self.images.pixels, "labels": self.images.labels, "root": root})

    @classmethod
    def from_bytes(cls, content: bytes, plan: NetworkPlan) -> ImageRecords:
        """From the secret store."""
        arrays = unpack(io.BytesIO(content), "The kept records", UNPACKED_LIMIT)
        images = Images(arrays["pixels"], arrays["labels"])
        return cls(plan, images, int.from_bytes(arrays["root"].tobytes(), "big"))

    def train(self, weights: tuple[int, ...], *, round: int, seed: str) -> Trained:
        """The update within the plan's bound, and this hospital's share of the noise."""
        hidden = self.plan.privacy
        update = cnn_study.planned_update(
            weights,
            self.plan.training,
            (self.images.pixels, self.images.labels),
            noise_bound=hidden.noise_bound,
            round=round,
            seed=seed,
        )
        return Trained(tuple(update), tuple(privacy.share_of_noise(hidden, len(update))))

    def statement(self, *, context: int, weights: tuple[int, ...], trained: Trained, blinding: int) -> BoundedStatement:
        """That the committed update is of bounded length, and its noise bounded."""
        return bounded_statement(
            context=context,
            weights=weights,
            data_root=self.data_root,
            update=trained.update,
            noise=trained.noise,
            blinding=blinding,
            update_bound=self.plan.training.update_bound,
            noise_bound=self.plan.privacy.noise_bound,
            value_bits=self.plan.quantisation.value_bits,
        )


def image_records(data: ImageSet, plan: NetworkPlan, salt: int) -> ImageRecords:
    """A hospital's images as it commits to them."""
    return ImageRecords(plan, data.split("train"), records_commitment(data, salt))


def read_labelled_images(path: Path, label: Label) -> ImageSet:
    """Images labelled as a plan says: a file in MedMNIST's layout, or a folder with labels. Raises DataError."""
    if not path.is_dir() and path.suffix.lower() != ".npz":
        raise DataError(
            f"This study is of images, and {path.name} is none: name an .npz file or a folder of images with labels."
        )
    # A folder's labels are texts in a column; an archive's are numbers, or named where it was imported.
    data = load(path, Reading(label.name, label.positive) if path.is_dir() else Reading())
    assert isinstance(data, ImageSet)
    if data.label != label:
        raise DataError(
            f"The labels of {path.name} ({data.label.name}: {data.label.positive} or {data.label.negative}) are not "
            f"those of the plan ({label.name}: {label.positive} or {label.negative}). Import the source with "
            "`consilium data import` and its options for labels."
        )
    return data


def records_commitment(data: DataSet, salt: int) -> int:
    """Poseidon(salt, n, T mod p), T the SHA-256 tree over n records: a data root that no circuit opens."""
    records = list(data.records())
    return poseidon([salt, len(records), int.from_bytes(tree_root(records), "big") % MODULUS])
