# SPDX-License-Identifier: Apache-2.0
"""Everything one key can write to the suite."""

from __future__ import annotations

from node.chain.ceremonies import CeremonyWriter
from node.chain.money import MoneyWriter
from node.chain.openings import OpeningWriter
from node.chain.registry import RegistryWriter
from node.chain.rounds import RoundWriter
from node.chain.studies import StudyWriter


class Ledger(RegistryWriter, StudyWriter, CeremonyWriter, RoundWriter, OpeningWriter, MoneyWriter):
    """All writes under one key: `Ledger(sender)`."""
