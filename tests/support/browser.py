# SPDX-License-Identifier: Apache-2.0
"""A real browser for tests: Debian's chromium, without its own network traffic."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """A browser window; skips where there is none, unless CONSILIUM_REQUIRE_BROWSER=1."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CONSILIUM_REQUIRE_BROWSER") == "1":
            pytest.fail("CONSILIUM_REQUIRE_BROWSER=1, and no chromium is installed (apt-get install chromium).")
        pytest.skip("No chromium on this machine: apt-get install chromium.")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as profile:
        context = driver.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            headless=True,
            chromium_sandbox=False,
            args=list(_ARGUMENTS),
            viewport={"width": 1400, "height": 1000},
        )
        yield context
        context.close()
