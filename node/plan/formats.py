# SPDX-License-Identifier: Apache-2.0
"""What plans name and may not change: formats that circuits are compiled for, families of models, and limits."""

from __future__ import annotations

import re

FORMAT_KEY, FORMAT_VALUE = "consilium", "plan/3"
OLDER_FORMATS = ("plan/1", "plan/2")

# The fixed-point formats that the circuits are compiled for; a plan names them and may not change them.
FEATURE_BITS = 8
FEATURE_FRACTION_BITS = 5
WEIGHT_BITS = 24
WEIGHT_FRACTION_BITS = 16
NETWORK_VALUE_BITS = 16
PROBABILITY_FRACTION_BITS = 12
LEARNING_RATE_FRACTION_BITS = 8
LEARNING_RATE_LIMIT = 1 << 10
# Of the factor that shortens a head's update to its bound.
SHORTENING_BITS = 16
# The contract counts privacy in 10^-9 rho of zero-concentrated differential privacy.
RHO_UNITS = 10**9
VALUE_BITS_MAX = 40
ROWS_LIMIT = 1 << 22
FEATURES_MAX = 4096
HOSPITALS_MAX = 64
# What the encryption's parameters allow for: `node.crypto.parameters.MAXIMUM_ROUNDS`.
BATCH_ROUNDS_MAX = 1024
# Seconds: whoever locks a bond knows how long a stalled study can hold it.
LONGEST_PHASE = 30 * 86_400
LONGEST_ENROLMENT = 180 * 86_400
# How long a round whose set is fixed may wait for its opening, and an ended study for its last model.
LONGEST_WAIT = 360 * 86_400
# The second is not proved: the loss of a network of which a proof says how far it moved, and no more.
LOSSES = {"hard-sigmoid-logistic": 1, "softmax-cross-entropy": 2}
# One raw block, so that the digest on chain is the plain SHA-256 of the document.
DOCUMENT_LIMIT = 262_144

# Families of models: a head on a table's columns, one on what a frozen network makes of images of 28 × 28 pixels,
# and networks on such images, one of them for tests.
HEAD, IMAGE_HEAD, NETWORK, TINY_NETWORK = "logistic-head", "logistic-head-on-images", "cnn-5162", "cnn-12"

# How many features a frozen network gives (`node.learning.extractor`).
EXTRACTED = 24

# How many parameters each network has.
NETWORKS = {NETWORK: 5162, TINY_NETWORK: 12}
MOMENTUM = "stochastic gradient descent with momentum"
CLIPPED = "one gradient step a round, each record's gradient clipped"

# How a round opens: by CKKS once, then by pads; or by pads alone.
CKKS_THEN_PADS, PADS_ALONE = ("ckks", "pads"), ("pads",)
# A lie costs this part of a bond.
SLICES = 4

# What two data sets differ in that a study of each privacy level cannot tell apart.
NEIGHBOURS = {
    "none": "none",
    "hospital": "one hospital's update there or all zeros",
    "patient": "one record there or not",
}
# Sampling would make privacy cheaper; nothing is sampled.
SAMPLING = "none: every hospital and every record in every round"

SHA256 = re.compile("[0-9a-f]{64}")
