# SPDX-License-Identifier: Apache-2.0
"""A hospital's node: follows the chain, trains, encrypts, proves, helps to open sums."""

VERSION = "0.1.0"
