# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several areas share."""

from tests.support.demo import finished_demo

__all__ = ["finished_demo"]
