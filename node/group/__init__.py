# SPDX-License-Identifier: Apache-2.0
"""The group of the commitments: its field, its curve, and Pedersen commitments in it."""
