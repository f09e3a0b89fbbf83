# SPDX-License-Identifier: Apache-2.0
"""Endpoints that limit: waited for within a budget, the next one asked at once, and nothing read is read again."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import pytest

from node.chain import endpoints
from node.chain.connection import Connection
from node.chain.events import EventScanner, NumbersNamed
from node.chain.limits import LONGEST_WAIT, RateLimited, RpcError, TooMuch
from node.chain.rpc import FIRST_WAIT, Rpc
from node.errors import ChainError, ChainUnavailable
from node.state import NodeState
from node.types import Deployment
from tests.support.chain import Anvil, Notebook
from tests.support.endpoint import Endpoint, Question, Reply, empty_chain, refused, running_endpoint
from tests.unit.chain.test_events import write

RATE = [
    refused(429, "Too Many Requests", 429, Retry_After="1"),
    Reply(b"<html>slow down</html>", 429),
    Reply(b"", 503, {"Retry-After": "1"}),
    refused(-32005, "daily request count exceeded, request rate limited"),
    refused(-32005, "limit exceeded"),
    refused(-32007, "50/second request limit reached"),
    refused(-32016, "over rate limit"),
    refused(-32029, "Too many requests"),
    refused(429, "Your app has exceeded its compute units per second capacity."),
    refused(1015, "You are being limited"),
    refused("RATE_LIMITED", "slow down"),
    refused(None, "Request throttled"),
    refused(-32000, "Too many requests, reason: call rate limit exhausted, retry in 10s", 400),
]
RANGE = [
    refused(-32602, "range 5000 exceeds limit of 100"),
    refused(-32005, "query returned more than 10000 results"),
    refused(-32005, "block range too large, max range: 100"),
    refused(-32614, "eth_getLogs is limited to a 10,000 range", 413),
    refused(-32602, "Log response size exceeded. Please reduce query block range."),
    refused(-32000, "query timeout exceeded"),
    Reply({"error": {"code": -32602, "message": "invalid params", "data": {"payload": "range 9 is bigger than 2"}}}),
    refused("LIMIT", "at most 100"),
]


def first_times(times: int, reply: Reply, method: str | None = None) -> Callable[[Question], Reply | None]:
    """An endpoint that answers this way a few times, for one method or any."""
    left = iter(range(times))

    def answer(question: Question) -> Reply | None:
        concerned = method is None or question["method"] == method
        return reply if concerned and next(left, None) is not None else None

    return answer


@pytest.fixture
def deployment() -> Deployment:
    """A contract on an empty chain."""
    return Deployment(31337, 0, True, {"RoundManager": "0x" + "11" * 20}, {})


@pytest.mark.parametrize("reply", RATE)
def test_request__refused_for_its_rate__leaves_the_endpoint_alone_for_a_while(reply: Reply) -> None:
    with running_endpoint(answer=lambda _: reply) as limiting:
        endpoint = Rpc(limiting.url)
        for _ in range(3):
            with pytest.raises(RateLimited, match="limits how often it is asked"):
                endpoint.request("eth_chainId")
        assert limiting.asked.total() == 1
        assert endpoint.limited_until - time.monotonic() > FIRST_WAIT / 2


def test_request__limited_for_a_second__goes_on_then(anvil: Anvil, notebook: Notebook) -> None:
    with running_endpoint(anvil.url, first_times(2, refused(429, "no", 429))) as limiting:
        started = time.monotonic()
        assert notebook.connect(limiting.url).head().number >= 1
        assert limiting.asked == {"eth_chainId": 3, "eth_getBlockByNumber": 1}
        assert time.monotonic() - started > FIRST_WAIT * 3


def test_request__limit_without_end__ends_within_the_budget_and_says_so(
    anvil: Anvil, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PATIENCE", 2.0)
    with running_endpoint(anvil.url, lambda _: refused(-32005, "limit exceeded")) as limiting:
        started = time.monotonic()
        with pytest.raises(ChainUnavailable, match="limits how often it is asked"):
            notebook.connect(limiting.url).head()
        assert time.monotonic() - started < 4
        assert 2 <= limiting.asked.total() <= 4, "with pauses that grow"


def test_request__first_endpoint_limits__asks_the_second_at_once(anvil: Anvil, notebook: Notebook) -> None:
    with running_endpoint(anvil.url, lambda _: refused(429, "no", 429, Retry_After="9")) as limiting:
        connection = notebook.connect(limiting.url, anvil.url)
        started = time.monotonic()
        for _ in range(20):
            connection.head()
        assert time.monotonic() - started < FIRST_WAIT
        assert limiting.asked.total() == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": "99999999999999999999"}, LONGEST_WAIT),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "Sun, 01 Nov 2026 10:00:07 GMT", "Date": "Sun, 01 Nov 2026 10:00:03 GMT"}, 4),
        ({"Retry-After": "Sun, 01 Nov 2099 10:00:07 GMT", "Date": "Sun, 01 Nov 2026 10:00:03 GMT"}, LONGEST_WAIT),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after__seconds_or_a_date__is_kept_to_within_bounds(headers: dict[str, str], wait: float | None) -> None:
    with running_endpoint(answer=lambda _: Reply(b"", 429, headers)) as limiting:
        with pytest.raises(RateLimited) as limited:
            Rpc(limiting.url).request("eth_chainId")
        assert limited.value.wait == wait


@pytest.mark.parametrize("reply", RATE)
def test_logs__refused_for_the_rate__are_asked_for_again_in_the_same_range(
    deployment: Deployment, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.chain.rpc.FIRST_WAIT", 0.01)
    monkeypatch.setattr("node.chain.limits.LONGEST_WAIT", 0.01)
    limited = first_times(1, reply, "eth_getLogs")
    with running_endpoint(answer=lambda question: limited(question) or empty_chain(question)) as limiting:
        ranges = ranges_asked(limiting)
        assert Connection([limiting.url], deployment).events("RoundManager", "RoundFinalised") == ()
        assert ranges == [(0, 1000), (0, 1000)]


@pytest.mark.parametrize("reply", RANGE)
def test_logs__range_or_results_too_many__are_asked_for_in_parts(deployment: Deployment, reply: Reply) -> None:
    def at_most_300(question: Question) -> Reply | None:
        asked = question["params"][0] if question["method"] == "eth_getLogs" else {"fromBlock": "0x0", "toBlock": "0x0"}
        wide = int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 300
        return reply if wide else empty_chain(question)

    with running_endpoint(answer=at_most_300) as strict:
        ranges = ranges_asked(strict)
        assert Connection([strict.url], deployment).events("RoundManager", "RoundFinalised") == ()
        assert ranges == [(0, 1000), (0, 249), (250, 499), (500, 749), (750, 999), (1000, 1000)]


@pytest.mark.parametrize(
    "reply", [refused(-32601, "the method eth_getLogs does not exist"), refused(-32001, "Unauthorized: no such key")]
)
def test_logs__refused_for_another_reason__are_not_asked_for_again(deployment: Deployment, reply: Reply) -> None:
    def refusing(question: Question) -> Reply:
        return reply if question["method"] == "eth_getLogs" else empty_chain(question)

    with running_endpoint(answer=refusing) as endpoint, pytest.raises(RpcError) as refusal:
        Connection([endpoint.url], deployment).events("RoundManager", "RoundFinalised")
    assert not isinstance(refusal.value, TooMuch) and endpoint.asked["eth_getLogs"] == 1


def test_call__reverted_with_words_of_a_limit__is_a_revert() -> None:
    with running_endpoint(answer=lambda _: refused(3, "execution reverted: rate limit")) as endpoint:
        with pytest.raises(RpcError, match="execution reverted"):
            Rpc(endpoint.url).request("eth_call", {})
        assert endpoint.asked.total() == 1


def failing_late(part: int) -> Callable[[Question], Reply | None]:
    """An endpoint that is lost once, at that part of a long range."""
    parts, lost = count(1), iter([None])

    def answer(question: Question) -> Reply | None:
        if question["method"] == "eth_getLogs" and next(parts) == part and next(lost, 0) is None:
            return Reply(b"", 502)
        return None

    return answer


def ranges_asked(endpoint: Endpoint) -> list[tuple[int, int]]:
    """Records, from now on, the ranges of blocks that logs are asked for in."""
    ranges: list[tuple[int, int]] = []
    answer = endpoint.answer

    def noting(question: Question) -> Reply | None:
        if question["method"] == "eth_getLogs":
            asked = question["params"][0]
            ranges.append((int(asked["fromBlock"], 16), int(asked["toBlock"], 16)))
        return answer(question)

    endpoint.answer = noting
    return ranges


def test_scan__long_range_that_fails_late__goes_on_where_it_was(
    anvil: Anvil, notebook: Notebook, state: NodeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.chain.connection._LOG_RANGE", 100)
    write(anvil, notebook, 1)
    anvil.mine(350)
    write(anvil, notebook, 2)
    with running_endpoint(anvil.url, failing_late(3)) as endpoint:
        ranges = ranges_asked(endpoint)
        scanner = EventScanner(notebook.connect(endpoint.url), state)
        first = scanner.scan()
        assert [event.arguments["number"] for event in first.events] == [1] and first.last_block < 300
        second = EventScanner(notebook.connect(endpoint.url), state).scan()
        assert [event.arguments["number"] for event in second.events] == [2] and not second.reorganised
        assert second.first_block > first.last_block - 40
        assert len(ranges) == 3 + 2


def test_scan__nothing_read_at_all__says_why(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    with running_endpoint(anvil.url, failing_late(1)) as endpoint, pytest.raises(ChainError, match="HTTP 502"):
        EventScanner(notebook.connect(endpoint.url), state).scan()


def test_numbers__long_range_that_fails_late__are_looked_for_where_it_was(
    anvil: Anvil, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.chain.connection._LOG_RANGE", 100)
    write(anvil, notebook, 1)
    anvil.mine(350)
    write(anvil, notebook, 2)
    with running_endpoint(anvil.url, failing_late(4)) as endpoint:
        ranges = ranges_asked(endpoint)
        named = NumbersNamed(notebook.connect(endpoint.url), "Notebook", "Written", "number")
        with pytest.raises(ChainUnavailable):
            named.look()
        assert named.look() == (1, 2)
        assert ranges[4][0] > 200
