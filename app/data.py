# SPDX-License-Identifier: Apache-2.0
"""Cached loaders: what a page shows is read once, and anew after a few seconds or on demand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import streamlit as st

from app.services.settings import Settings
from node.audit.basics import Check
from node.audit.checks import check_study
from node.audit.contents import ContentReader, open_contents
from node.audit.studies import list_studies, read_study
from node.audit.views import StudyListing, StudyView
from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.errors import ConfigError
from node.words import plain

# A local chain makes a block a second; nobody reads faster than this.
_FRESH = 10.0


def _contents(settings: Settings, reader: ChainReader) -> ContentReader:
    if settings.stores or settings.gateways:
        return open_contents(settings.stores, settings.gateways)
    # Nothing was named: ask the hospitals themselves, at the addresses that they put on the chain.
    gateways = [hospital.endpoint for hospital in reader.hospitals() if hospital.endpoint]
    return open_contents([], gateways, public_only=not reader.deployment.is_local)


def chain_of(settings: Settings) -> int | None:
    """The chain that the deployment record names; None where there is no such record."""
    try:
        return load_deployment(settings.deployment).chain_id
    except ConfigError:
        return None


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
    """One study as it is now, its hospitals told apart; raises ConsiliumError."""
    reader = _reader(settings)
    return _told_apart(read_study(reader, _contents(settings, reader), study_id))


def _told_apart(view: StudyView) -> StudyView:
    """Hospitals under plain names; those that look the same get their numbers, or a chart would make one of them."""
    looks = {hospital.hospital_id: " ".join(plain(hospital.name).split()) for hospital in view.hospitals}
    seen = Counter(looks.values())
    hospitals = (
        replace(hospital, name=f"{name} (no. {number})" if seen[name] > 1 else name)
        for hospital, (number, name) in zip(view.hospitals, looks.items(), strict=True)
    )
    return replace(view, hospitals=tuple(hospitals))


@st.cache_data(ttl=6 * _FRESH, max_entries=32, show_spinner="Checking proofs, sums and files again …")
def load_checks(settings: Settings, _view: StudyView, study_id: int, block_hash: str) -> tuple[Check, ...]:
    """Every check of the study at the view's block (the other arguments name it); raises ConsiliumError."""
    reader = _reader(settings)
    return check_study(reader, _contents(settings, reader), _view)


def forget() -> None:
    """Reads everything anew next time."""
    st.cache_data.clear()
