# SPDX-License-Identifier: Apache-2.0
"""Training in fixed point, reading tables, scaling features, model files and the demo's records."""
