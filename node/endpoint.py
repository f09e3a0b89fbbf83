# SPDX-License-Identifier: Apache-2.0
"""Where a hospital's gateway is reached: the address that stands on chain, and in a configuration."""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from node.errors import UsageError

#: As HospitalRegistry has it.
BYTES_MAX = 256
EXAMPLE = "https://blocks.hospital.example/consilium"
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*/?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# What a resolver takes for an IPv4 address, in whatever notation.
_NUMBER = re.compile(r"(.*\.)?(0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
_PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".home.arpa")


class Reach(enum.IntEnum):
    """From where a host can be reached, as far as its name or address tells."""

    NOWHERE = 0
    MACHINE = 1
    PRIVATE = 2
    PUBLIC = 3


@dataclass(frozen=True)
class Endpoint:
    """A gateway's host, port and base path ("" or such as "/consilium"), behind TLS where `secure`."""

    host: str
    port: int
    path: str
    secure: bool


def parse_endpoint(url: str) -> Endpoint:
    """The address of a gateway, which may come from a stranger; raises `UsageError` for anything else."""
    problem = UsageError(f"{url[:100]!a} is not the address of a gateway, such as {EXAMPLE}.")
    # The parser below silently drops line breaks, so they are refused before it.
    if not (url.isascii() and url.isprintable()):
        raise problem
    if len(url) > BYTES_MAX:
        raise UsageError(f"The address of a gateway has {BYTES_MAX} bytes at most, not {len(url)}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise problem from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise problem
    if port == 0 or not is_host(host) or not _PATH.fullmatch(parts.path):
        raise problem
    secure = parts.scheme == "https"
    return Endpoint(host, port or (443 if secure else 80), parts.path.rstrip("/"), secure)


def is_host(text: str) -> bool:
    """Whether this is an IP address (without a zone) or a name that can stand for one."""
    try:
        return "%" not in str(ipaddress.ip_address(text))
    except ValueError:
        return len(text) <= 253 and bool(_NAME.fullmatch(text)) and not _NUMBER.fullmatch(text)


def listening_url(host: str, port: int) -> str:
    """Where a server listens that speaks plain HTTP, for example "http://[::1]:40123"."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reach(host: str) -> Reach:
    """From where a host can be reached, as far as its name or address tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            return Reach.MACHINE
        return Reach.PRIVATE if "." not in name or name.endswith(_PRIVATE_ENDINGS) else Reach.PUBLIC
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast:
        return Reach.NOWHERE
    if address.is_loopback:
        return Reach.MACHINE
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE


def doubt(host: str) -> str | None:
    """Why hospitals elsewhere could not fetch from a host, in a sentence; None where nothing speaks against it."""
    match reach(host):
        case Reach.NOWHERE:
            return f"{host} is no single machine's address, so nobody can fetch from there."
        case Reach.MACHINE:
            return f"{host} is this machine to itself, so no other hospital can fetch from there."
        case Reach.PRIVATE:
            return (
                f"{host} belongs to a private network: hospitals outside it cannot fetch from there, and those inside "
                "do only where their configuration has private_gateways = true."
            )
    return None
