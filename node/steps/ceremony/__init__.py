# SPDX-License-Identifier: Apache-2.0
"""The hospital's part in a key ceremony: five steps, each made from what is final on all endpoints."""

from node.steps.ceremony.advance import advance_ceremony
from node.steps.ceremony.leftovers import erase_superseded, forget_ceremony_seed

__all__ = ["advance_ceremony", "erase_superseded", "forget_ceremony_seed"]
