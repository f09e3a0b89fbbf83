# SPDX-License-Identifier: Apache-2.0
"""The page under AppTest: pointed to a network, run as Streamlit runs it."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.services import settings
from scripts.children import ROOT
from tests.support.browser import browser
from tests.support.local_suite import Played
from tests.support.played_study import played_study, stage

__all__ = ["browser", "open_page", "played_study", "stage"]

OpenPage = Callable[..., AppTest]


def prose(page: AppTest) -> list[str]:
    """The page's own HTML, as text: one entry for each piece."""
    return ["".join(ElementTree.fromstring(f"<div>{item.value}</div>").itertext()) for item in page.html]


def checked(page: AppTest) -> list[tuple[str, str, str]]:
    """The rows of a page's tables of checks: result, statement, what was compared."""
    rows = [
        row for item in page.html for row in ElementTree.fromstring(f"<div>{item.value}</div>").iterfind(".//tbody/tr")
    ]
    return [tuple("".join(cell.itertext()) for cell in row) for row in rows]  # type: ignore[misc]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Opens a page (by its module's name) on a network; None leaves the page without one."""

    def run(played: Played | None, page: str = "overview", *, stores: bool = True) -> AppTest:
        st.cache_data.clear()
        monkeypatch.setenv(settings.RPC, played.anvil.url if played else "")
        monkeypatch.setenv(settings.DEPLOYMENT, str(played.deployment) if played else "")
        folder = played.store if played and stores else ROOT / "no-such-folder"
        monkeypatch.setenv(settings.STORES, str(folder))
        monkeypatch.setenv(settings.GATEWAYS, "")
        monkeypatch.setenv(settings.STUDY, "")
        monkeypatch.setenv(settings.DEMO, "")
        test = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()
        return test if page == "overview" else test.switch_page(f"views/{page}.py").run()

    return run
