# SPDX-License-Identifier: Apache-2.0
"""A study on a local chain, played once for these tests."""

from tests.support.played_study import played_study, stage

__all__ = ["played_study", "stage"]
