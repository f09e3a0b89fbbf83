# SPDX-License-Identifier: Apache-2.0
"""What strangers write, on every page: shown letter by letter, drawn as nothing, and no reason to ask anybody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from streamlit.testing.v1 import AppTest

from node.words import plain, token_word
from tests.pages.conftest import OpenPage, prose
from tests.pages.test_browser import PAGES as LINKS
from tests.pages.test_browser import PATIENCE, go_to
from tests.pages.test_views import PAGES
from tests.support.chain import running_anvil
from tests.support.local_suite import Played, Texts
from tests.support.played_study import play_study
from tests.support.running_app import RunningApp, running_app

MARK = "stranger"
# Elements whose text Streamlit takes as it is: cells and pictures are drawn, options and code are text.
LITERAL = {"dataframe", "arrow_data_frame", "vega_lite_chart", "arrow_vega_lite_chart", "selectbox", "code", "html"}


class Listener:
    """A stranger's server: counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.visits += 1

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def hostile(place: str) -> Texts:
    """Texts that draw, fetch, link, compute or steer wherever they are interpreted."""
    url = f"http://{place}/{MARK}"
    return Texts(
        title=f"{MARK} ![t]({url}) :green-badge[:material/check_circle: 99 of 99 checks ok] $x^2$ 50 % < 60 %",
        question=(
            f"Does **{MARK}** cost $5 or $10? ![q]({url}) [see here]({url}) {url} www.{MARK}.example :smile: -> "
            f":red[ALL CHECKS PASSED] <img src={url}> <script>fetch('{url}')</script> &lt; `code` | # heading"
        ),
        features=(f"![{MARK}]({url})", f"a.{MARK}[0]:Q", f'=HYPERLINK("{url}")', f"<i>{MARK}</i> $y$ {url}"),
        label=(f"![{MARK} l]({url})", f"**{MARK}** :red[p]", f"`{MARK}` $n$ <b>n</b>"),
        names=(
            # Two that look the same.
            f"![{MARK}]({url}) :red[x]",
            f"![{MARK}]({url})   :red[x] ",
            f"=cmd|' /C {MARK}'!A0 \x1b[2J\u202e\n# $x$",
        ),
        aggregation=f"![{MARK}]({url}) `c`",
    )


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    opened = Listener()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def texts(listener: Listener) -> Texts:
    return hostile(listener.place)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, texts: Texts) -> Iterator[Played]:
    """A finished study in which everybody who could write something wrote such texts."""
    folder = tmp_path_factory.mktemp("strangers")
    with running_anvil(folder) as anvil:
        yield play_study(anvil, folder, texts)


def interpreted(page: AppTest) -> list[tuple[str, str]]:
    """Every element and container that Streamlit reads as Markdown, with all that it was given."""
    return [
        (node.type, str(node.proto))
        for part in (page.main, page.sidebar)
        for node in part
        if node.type not in LITERAL and node.proto is not None
    ]


@pytest.mark.parametrize("name", PAGES)
def test_page__strangers_texts__never_reach_an_element_that_interprets(
    network: Played, texts: Texts, open_page: OpenPage, name: str
) -> None:
    page = open_page(network, name)
    assert not page.exception and not page.error
    assert [found for found in interpreted(page) if MARK in found[1]] == []
    # Well formed, and without an element that could be somebody else's.
    assert prose(page)
    written = "".join(str(item.value) for item in page.html)
    assert not any(f"<{tag}" in written for tag in ("img", "script", "a ", "b>", "i>"))


@pytest.mark.parametrize("name", ["overview", "audit"])
def test_page__where_no_file_can_be_read__is_as_literal(network: Played, open_page: OpenPage, name: str) -> None:
    page = open_page(network, name, stores=False)
    assert not page.exception
    assert [found for found in interpreted(page) if MARK in found[1]] == []


def test_pages__show_every_text_letter_by_letter(network: Played, texts: Texts, open_page: OpenPage) -> None:
    overview, plan, model = (prose(open_page(network, name)) for name in ("overview", "plan", "model"))
    assert texts.title + texts.question == overview[0]
    assert texts.label is not None
    assert all(any(text in piece for piece in plan) for text in (texts.question, texts.aggregation, *texts.label))
    assert all(any(text in piece for piece in model) for text in texts.label[1:])
    first, last = texts.names[0], plain(texts.names[2])
    hospitals = open_page(network, "hospitals")
    assert hospitals.selectbox[0].options == [f"{first} (no. 1)", f"{first} (no. 2)", last]
    assert list(hospitals.dataframe[0].value["Hospital"]) == hospitals.selectbox[0].options
    assert list(open_page(network, "model").dataframe[0].value["Feature"]) == [*texts.features, "(bias)"]


def test_page__chain_that_is_away__quotes_its_error_as_text(network: Played, open_page: OpenPage) -> None:
    away = Played(network.anvil, network.deployment.with_name(f"![{MARK}](x).json"), network.store)
    page = open_page(away)
    assert any(f"![{MARK}](x).json" in piece for piece in prose(page))
    assert [found for found in interpreted(page) if MARK in found[1]] == []


@pytest.mark.parametrize(
    ("symbol", "shown"),
    [("CSL", "CSL"), ("USDC", "USDC"), ("", "tokens"), ("000 CSL", "tokens"), ("![x](y)", "tokens"), ("0X", "tokens")],
)
def test_token_word__is_a_word_that_adds_nothing_to_an_amount(symbol: str, shown: str) -> None:
    assert token_word(symbol) == shown


@pytest.fixture(scope="module")
def app(network: Played) -> Iterator[RunningApp]:
    named = ("--rpc", network.anvil.url, "--deployment", str(network.deployment), "--store", str(network.store))
    with running_app("app", *named) as running:
        yield running


def test_every_page__of_strangers__asks_nobody_else_and_draws_nothing_of_theirs(
    browser: BrowserContext, app: RunningApp, listener: Listener, texts: Texts
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    browser.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda opened: asked.append(opened.url))
    page.goto(app.url)
    main = page.get_by_test_id("stMain")
    for name in LINKS:
        expect(page.get_by_test_id("stSidebarNav")).to_be_visible(timeout=PATIENCE)
        go_to(page, name)
        expect(page.get_by_role("heading", level=1)).to_have_count(1, timeout=PATIENCE)
        drawn_by_nobody_else(page)
    go_to(page, "Overview")
    expect(main.get_by_text(texts.title, exact=True)).to_be_visible(timeout=PATIENCE)
    expect(main.get_by_text(texts.question, exact=True)).to_be_visible()
    assert main.locator(".stMarkdownBadge").all_inner_texts() != []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(app.url).netloc}
    # And where something were drawn after all, the server has told the browser to fetch nothing for it.
    ended = page.evaluate(
        "url => new Promise(done => { const it = new Image(); it.onload = () => done('fetched');"
        "it.onerror = () => done('refused'); it.src = url; document.body.append(it) })",
        f"http://{listener.place}/",
    )
    page.close()
    assert ended == "refused" and listener.visits == 0


def drawn_by_nobody_else(page: Page) -> None:
    """That a page has no picture or formula, no link but to itself, and no badge but its own."""
    main = page.get_by_test_id("stMain")
    for kind in ("img", "iframe", "script", ".katex", "em"):
        assert main.locator(kind).count() == 0, kind
    links = [link.get_attribute("href") or "" for link in page.locator("a").all()]
    assert all(link.startswith("#") or urlsplit(link).netloc in ("", urlsplit(page.url).netloc) for link in links)
    assert MARK not in " ".join(links)
    assert all(MARK not in text for text in main.locator(".stMarkdownBadge").all_inner_texts())
