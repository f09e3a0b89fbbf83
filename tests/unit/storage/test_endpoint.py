# SPDX-License-Identifier: Apache-2.0
"""What an address on chain says, and for whom it is of use."""

from __future__ import annotations

import pytest

from node.endpoint import BYTES_MAX, Endpoint, Reach, doubt, is_host, parse_endpoint, reach
from node.errors import UsageError


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        (
            "https://blocks.hospital.example/consilium",
            Endpoint("blocks.hospital.example", 443, "/consilium", True),
        ),
        ("https://hospital.example:8443/a/b.c/", Endpoint("hospital.example", 8443, "/a/b.c", True)),
        ("http://10.1.2.3", Endpoint("10.1.2.3", 80, "", False)),
        ("http://[2001:db8::7]:8080/", Endpoint("2001:db8::7", 8080, "", False)),
        ("http://st_anna:8080", Endpoint("st_anna", 8080, "", False)),
    ],
)
def test_parse_endpoint__host_port_and_base_path(url: str, parsed: Endpoint) -> None:
    assert parse_endpoint(url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "https://user@hospital.example",
        "https://:word@hospital.example",
        "https://@hospital.example",
        "https://hospital.example/../admin",
        "https://hospital.example/a/./b",
        "https://hospital.example:0",
        "https://hospital.example/%2e%2e",
        "https://hospital.example//a",
        "https://[fe80::1%25eth0]/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://2130706433/",
        "https://spital.exämple/",
        "https://",
        "hospital.example",
    ],
)
def test_parse_endpoint__anything_else__is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the address of a gateway"):
        parse_endpoint(url)


def test_parse_endpoint__longer_than_the_registry_takes__says_how_long() -> None:
    longest = "https://hospital.example/" + "a" * (BYTES_MAX - 25)
    assert parse_endpoint(longest).port == 443
    with pytest.raises(UsageError, match=f"{BYTES_MAX} bytes at most, not {BYTES_MAX + 1}"):
        parse_endpoint(longest + "a")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", Reach.MACHINE),
        ("LocalHost.", Reach.MACHINE),
        ("node.localhost", Reach.MACHINE),
        ("127.0.0.1", Reach.MACHINE),
        ("::1", Reach.MACHINE),
        ("::ffff:127.0.0.1", Reach.MACHINE),
        ("0.0.0.0", Reach.NOWHERE),
        ("::", Reach.NOWHERE),
        ("224.0.0.1", Reach.NOWHERE),
        ("10.0.0.7", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("169.254.169.254", Reach.PRIVATE),
        ("::ffff:10.0.0.7", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("gateway", Reach.PRIVATE),
        ("gateway.internal", Reach.PRIVATE),
        ("9.9.9.9", Reach.PUBLIC),
        ("2620:fe::fe", Reach.PUBLIC),
        ("blocks.hospital.example", Reach.PUBLIC),
    ],
)
def test_reach__of_a_host__and_a_doubt_about_all_but_public_ones(host: str, expected: Reach) -> None:
    assert reach(host) is expected
    assert (doubt(host) is None) == (expected is Reach.PUBLIC)


def test_is_host__names_and_addresses_alone() -> None:
    for text in ("::", "0.0.0.0", "localhost", "gateway-1.hospital.example"):
        assert is_host(text)
    for text in ("", "a b", "a..b", "[::1]", "fe80::1%eth0", "host:80", "http://host", "1.2.3", "a" * 254):
        assert not is_host(text)
