# SPDX-License-Identifier: Apache-2.0
"""What every page begins with: which study, from which network, and a plain word where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import streamlit as st

from app import data
from app.components.parts import prose
from app.services import format as fmt
from app.services.html import Line
from app.services.settings import Settings, read_settings
from app.services.words import STATE
from node.audit.basics import Check
from node.audit.views import StudyListing, StudyView
from node.errors import ChainMismatch, ChainUnavailable, ConfigError, ConsiliumError

LOGO = Path(__file__).parent.parent / "logo.svg"
_CHOSEN = "study"


def open_study() -> StudyView:
    """The study that the reader chose, with the sidebar drawn; ends the page where there is none to show."""
    settings = _settings()
    _which_network(settings)
    try:
        listings = data.load_listings(settings)
        if not listings:
            st.title("No study yet")
            st.info(
                "The contracts are there, but nobody has published a study. `make demo` plays a whole one; a sponsor "
                "publishes one with `consilium study publish`."
            )
            _refresh()
            st.stop()
        view = data.load_study(settings, _choose(listings, settings))
    except ConsiliumError as error:
        _explain(error)
    _sidebar(view)
    return view


def open_checks(view: StudyView) -> tuple[Check, ...]:
    """The study's checks; ends the page where the chain is away."""
    try:
        return data.load_checks(_settings(), view, view.study_id, view.network.head.hash)
    except ConsiliumError as error:
        _explain(error)


def _settings() -> Settings:
    try:
        return read_settings()
    except ConfigError as error:
        _explain(error)


def _choose(listings: tuple[StudyListing, ...], settings: Settings) -> int:
    numbers = [item.study_id for item in listings]
    states = {item.study_id: STATE[item.state] for item in listings}
    first = settings.study_id if settings.study_id in numbers else numbers[-1]
    # A widget's own memory ends with its page: the choice is kept beside it.
    chosen = st.session_state.get(_CHOSEN, first)
    if len(numbers) > 1:
        chosen = st.sidebar.selectbox(
            "Study",
            numbers,
            index=numbers.index(chosen) if chosen in numbers else len(numbers) - 1,
            format_func=lambda number: f"{number} · {states[number]}",
        )
    st.session_state[_CHOSEN] = chosen
    return int(chosen)


def _which_network(settings: Settings) -> None:
    """Says first of all what is shown, and so also where nothing can be."""
    st.logo(LOGO, size="large")
    with st.sidebar, st.container(border=True):
        if settings.demo:
            st.badge("Demo on this machine", icon=":material/science:", color="orange")
        else:
            st.badge("The network that was named", icon=":material/hub:", color="blue")
        chain = data.chain_of(settings)
        prose(*([] if chain is None else [Line("Chain", f"{chain}")]), Line("Deployment", f"{settings.deployment}"))


def _sidebar(view: StudyView) -> None:
    network = view.network
    with st.sidebar:
        st.caption(
            f"**Study {view.study_id}** on chain {network.chain_id}, read at block {network.head.number:,} of "
            f"{fmt.time(network.head.timestamp)}."
        )
        _refresh()
        if network.development_keys:
            st.warning(
                "Development keys: whoever knows their public seed can forge proofs here. For trying out only.",
                icon=":material/key_off:",
            )
        st.caption(
            "This page holds no key and changes nothing. Your browser asks its server and nobody else; the server "
            "reads the chain from its endpoint, and files from stores or from the hospitals' own addresses."
        )


def _refresh() -> None:
    if st.sidebar.button("Read again", icon=":material/refresh:", width="stretch"):
        data.forget()
        st.rerun()


def _explain(error: ConsiliumError) -> NoReturn:
    if isinstance(error, ChainUnavailable):
        st.title("The chain is away")
        st.error("The network cannot be read:", icon=":material/cloud_off:")
        prose(str(error))
        st.markdown(
            "Nothing can be shown without it. If this is the demo, end this page's command and run `make app` again: "
            "it starts the demo's chain. Otherwise check the address given with `--rpc`."
        )
    elif isinstance(error, ChainMismatch):
        st.title("Another network")
        st.error("The chain and the deployment record do not belong together:", icon=":material/link_off:")
        prose(str(error))
    else:
        st.title("The study cannot be shown")
        st.error("Something it needs cannot be read:", icon=":material/error:")
        prose(str(error))
    _refresh()
    st.stop()
