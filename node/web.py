# SPDX-License-Identifier: Apache-2.0
"""How this node goes out over HTTP: which addresses are this machine's own, by which proxy others are reached."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

from node.endpoint import Reach, reach


def is_loopback(url: str) -> bool:
    """Whether an address names this machine itself: localhost, 127.0.0.0/8 or ::1. No name is looked up."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return reach(host) is Reach.MACHINE


def open_session(url: str) -> requests.Session:
    """A session for requests to that address.

    A proxy that the environment names (http_proxy, all_proxy, …) is for other machines: it would look for what
    listens here on its own machine.
    """
    return _Direct() if is_loopback(url) else requests.Session()


class _Direct(requests.Session):
    """Takes everything but a proxy from the environment: certificates of one's own stay trusted."""

    def merge_environment_settings(self, *arguments: Any) -> Any:
        """Settings of a request, without proxies."""
        return {**super().merge_environment_settings(*arguments), "proxies": {}}


def proxy_of(url: str) -> str | None:
    """The proxy of the environment by which `open_session` reaches an address, as it may be shown; None without one."""
    if is_loopback(url):
        return None
    found = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    return shown(found if "://" in found else f"http://{found}") if found else None


def shown(url: str) -> str:
    """An address as it may be shown: paths and user parts often hold an access key."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
        return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
    except ValueError:
        return "(malformed address)"
