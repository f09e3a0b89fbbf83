# SPDX-License-Identifier: Apache-2.0
"""Cached loaders: what a page shows is read once, and anew after a few seconds or on demand."""

from __future__ import annotations

import streamlit as st

from app.services.settings import Settings
from node.audit.basics import Check
from node.audit.checks import check_study
from node.audit.contents import ContentReader, open_contents
from node.audit.studies import list_studies, read_study
from node.audit.views import StudyListing, StudyView
from node.chain.client import ChainReader
from node.chain.deployment import load_deployment

# A local chain makes a block a second; nobody reads faster than this.
_FRESH = 10.0


def _contents(settings: Settings, reader: ChainReader) -> ContentReader:
    if settings.stores or settings.gateways:
        return open_contents(settings.stores, settings.gateways)
    # Nothing was named: ask the hospitals themselves, at the addresses that they put on the chain.
    gateways = [hospital.endpoint for hospital in reader.hospitals() if hospital.endpoint]
    return open_contents([], gateways, public_only=not reader.deployment.is_local)


def _reader(settings: Settings) -> ChainReader:
    reader = ChainReader(settings.rpc_urls, load_deployment(settings.deployment))
    reader.verify()
    return reader


@st.cache_data(ttl=_FRESH, show_spinner=False)
def load_listings(settings: Settings) -> tuple[StudyListing, ...]:
    """All studies of the network; raises ConsiliumError."""
    return list_studies(_reader(settings))


@st.cache_data(ttl=_FRESH, show_spinner="Reading the study from the chain and the stores …")
def load_study(settings: Settings, study_id: int) -> StudyView:
    """One study as it is now; raises ConsiliumError."""
    reader = _reader(settings)
    return read_study(reader, _contents(settings, reader), study_id)


@st.cache_data(ttl=6 * _FRESH, max_entries=32, show_spinner="Checking proofs, sums and files again …")
def load_checks(settings: Settings, _view: StudyView, study_id: int, block_hash: str) -> tuple[Check, ...]:
    """Every check of the study at the view's block (the other arguments name it); raises ConsiliumError."""
    reader = _reader(settings)
    return check_study(reader, _contents(settings, reader), _view)


def forget() -> None:
    """Reads everything anew next time."""
    st.cache_data.clear()
