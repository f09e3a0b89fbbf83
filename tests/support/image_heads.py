# SPDX-License-Identifier: Apache-2.0
"""A plan of a head on images, with an extractor that nobody trained: no accuracy on it means anything."""

from __future__ import annotations

import functools

from node.learning import cnn, extractor
from node.plan import ImageHeadPlan
from tests.support.plans import image_head_plan
from tests.support.xrays import synthetic

WEIGHTS = cnn.initial_weights("7")
EXTRACTOR = extractor.to_bytes(WEIGHTS)


@functools.cache
def small_image_head() -> ImageHeadPlan:
    """For the circuits training_64x30 and aggregation_31, its scaling fitted on images that are nobody's."""
    found = extractor.features(WEIGHTS, synthetic(60, seed=99)[0])
    return image_head_plan(EXTRACTOR, extractor.fit_scaling(found).features)
