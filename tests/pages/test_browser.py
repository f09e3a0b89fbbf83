# SPDX-License-Identifier: Apache-2.0
"""The page on a finished demo, in a real browser: as `make demo` and then `make app` show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.demo import FinishedDemo
from tests.support.running_app import RunningApp, running_app, wait_until_ended

PATIENCE = 60_000
PAGES = ("Overview", "Plan", "Rounds", "Hospitals", "Model", "Money", "Audit")


@pytest.fixture(scope="module")
def app(finished_demo: FinishedDemo) -> Iterator[RunningApp]:
    with running_app("app", "--demo", str(finished_demo.out / "latest.json")) as running:
        yield running


@pytest.fixture
def page(browser: BrowserContext, app: RunningApp) -> Iterator[Page]:
    """The first page, loaded."""
    opened = browser.new_page()
    opened.goto(app.url)
    expect(opened.get_by_test_id("stMetricValue").first).to_be_visible(timeout=PATIENCE)
    yield opened
    opened.close()


def go_to(page: Page, name: str) -> None:
    """Follows a link of the navigation, and waits until the page is there as a whole."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)


def test_overview__of_a_demo__shows_a_completed_study_with_every_check_ok(
    page: Page, finished_demo: FinishedDemo
) -> None:
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("Study completed")).to_be_visible()
    expect(main.get_by_text("checks ok")).to_be_visible()
    values = page.get_by_test_id("stMetricValue").all_inner_texts()
    assert values[:2] == ["3", "3 of 3"]
    assert values[3] == "12 proofs"


def test_every_page__of_a_demo__shows_no_error_and_fetches_nothing_from_elsewhere(
    browser: BrowserContext, app: RunningApp, tmp_path: Path
) -> None:
    opened = browser.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(app.url)
    for name in PAGES:
        expect(opened.get_by_test_id("stSidebarNav")).to_be_visible(timeout=PATIENCE)
        go_to(opened, name)
        expect(opened.get_by_role("heading", level=1)).to_have_count(1, timeout=PATIENCE)
        expect(opened.get_by_test_id("stException")).to_have_count(0)
        expect(opened.get_by_test_id("stMain").get_by_test_id("stAlertContentError")).to_have_count(0)
        picture = tmp_path / f"{name.lower()}.png"
        opened.screenshot(path=picture)
        assert picture.stat().st_size > 20_000
    opened.close()
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(app.url).netloc}


def test_rounds__of_a_demo__list_three_included_updates(page: Page) -> None:
    go_to(page, "Rounds")
    expect(page.get_by_role("heading", name="Round 3: finalised")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("radio", name="Round 1").click()
    expect(page.get_by_role("heading", name="Round 1: finalised")).to_be_visible(timeout=PATIENCE)
    assert "3 of 3" in page.get_by_test_id("stMetricValue").all_inner_texts()


def test_cid__of_the_plan__is_copied_by_a_click(page: Page, browser: BrowserContext) -> None:
    browser.grant_permissions(["clipboard-read", "clipboard-write"])
    go_to(page, "Plan")
    shown = page.get_by_test_id("stCode").first
    expect(shown).to_be_visible(timeout=PATIENCE)
    shown.hover()
    shown.get_by_role("button").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("bafkrei") and copied == shown.inner_text().strip()


def test_model__of_a_demo__names_every_feature_and_draws_its_weight(page: Page) -> None:
    go_to(page, "Model")
    expect(page.get_by_text("These 31 weights hash to the root that the contract holds.")).to_be_visible(
        timeout=PATIENCE
    )
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart.locator("canvas, svg").first).to_be_visible(timeout=PATIENCE)


def test_app__of_a_demo__ends_its_chain_and_page(finished_demo: FinishedDemo) -> None:
    with running_app("app", "--demo", str(finished_demo.out / "latest.json")) as running:
        children = running.children()
        assert len(children) == 2
        assert running.end() == 0
        assert wait_until_ended(children)
