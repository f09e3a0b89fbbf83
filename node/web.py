# SPDX-License-Identifier: Apache-2.0
"""How this node goes out over HTTP: which addresses are this machine's own, by which proxy others are reached."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy


def is_loopback(url: str) -> bool:
    """Whether an address names this machine itself: localhost, 127.0.0.0/8 or ::1. No name is looked up."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def open_session(url: str) -> requests.Session:
    """A session for requests to that address.

    A proxy that the environment names (http_proxy, all_proxy, …) is for other machines: it would look for what
    listens here on its own machine.
    """
    session = requests.Session()
    session.trust_env = not is_loopback(url)
    return session


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
