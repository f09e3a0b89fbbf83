# SPDX-License-Identifier: Apache-2.0
"""The chain's time, whatever this machine's clock and single endpoints say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from node.chain import clock as module
from node.chain.clock import ASKED_AGAIN, SETTLED, ChainClock
from node.chain.connection import Connection
from node.errors import ChainUnavailable
from node.types import BlockRef, Deployment
from scripts.children import free_port
from tests.support.endpoint import Question, Reply, empty_chain, result, running_endpoint

T = 1_700_000_000
DEPLOYMENT = Deployment(31337, 0, True, {"RoundManager": "0x" + "11" * 20}, {})


class Elapsed:
    """What goes by, as a test says."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Elapsed:
    made = Elapsed()
    monkeypatch.setattr(module, "_elapsed", made)
    return made


@pytest.fixture
def clock(elapsed: Elapsed) -> ChainClock:
    return ChainClock(lambda: None)


def head(number: int, timestamp: int, fork: str = "") -> BlockRef:
    return BlockRef(number, f"0x{number}{fork}", timestamp)


def test_now__between_blocks__goes_on(clock: ChainClock, elapsed: Elapsed) -> None:
    clock.saw(head(1, T), "a")
    elapsed.seconds += 7
    assert clock.now() == T + 7
    clock.saw(head(1, T), "a")
    assert clock.now() == T + 7, "the same block again is no news"
    clock.saw(head(2, T + 12), "a")
    assert clock.now() == T + 12


def test_now__this_machines_clock_set__stays(clock: ChainClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.saw(head(1, T), "a")
    monkeypatch.setattr(time, "time", lambda: T + 3600)
    assert clock.now() == T


def test_now__chains_time_put_forward__follows(clock: ChainClock) -> None:
    clock.saw(head(1, T), "a")
    clock.saw(head(2, T + 604_800), "a")
    assert clock.now() == T + 604_800


def test_now__endpoint_behind_for_a_moment__does_not_go_back(clock: ChainClock, elapsed: Elapsed) -> None:
    clock.saw(head(10, T + 120), "a")
    clock.saw(head(7, T + 84), "a")
    assert clock.now() == T + 120
    elapsed.seconds += SETTLED
    clock.saw(head(7, T + 84), "a")
    assert clock.now() == T + 84, "a chain that was put back"


def test_now__block_replaced__goes_by_the_new_one(clock: ChainClock) -> None:
    clock.saw(head(10, T + 120), "a")
    clock.saw(head(10, T + 121, "b"), "a")
    assert clock.now() == T + 121


def test_now__endpoint_that_names_a_time_to_come__counts_for_nothing(clock: ChainClock) -> None:
    clock.saw(head(10, T), "honest")
    clock.saw(head(11, T + 3600), "liar")
    assert clock.now() == T


def test_now__one_untrue_time__is_mended_by_the_next_block(clock: ChainClock) -> None:
    clock.saw(head(10, T + 3600), "a")
    clock.saw(head(11, T + 12), "a")
    assert clock.now() == T + 12


def test_moment__that_has_not_come__is_remembered_once(clock: ChainClock, elapsed: Elapsed) -> None:
    clock.saw(head(1, T), "a")
    assert clock.is_past(T) and not clock.is_past(T + 20)
    clock.wait_for(T + 10)
    clock.wait_for(T - 10)
    assert clock.next_moment() == T + 10
    assert clock.next_moment() == float("inf")
    elapsed.seconds += 20
    assert clock.is_past(T + 20)


@contextmanager
def endpoints(*ahead: int) -> Iterator[list[str]]:
    """Endpoints of one chain, each with so many seconds too much on its newest block."""
    with ExitStack() as stack:
        urls = []
        for seconds in ahead:

            def answer(question: Question, seconds: int = seconds) -> Reply:
                made = empty_chain(question)
                if question["method"] == "eth_getBlockByNumber":
                    block = made.body["result"]
                    made = result({**block, "timestamp": hex(T + seconds)})
                return made

            urls.append(stack.enter_context(running_endpoint(answer=answer)).url)
        yield urls


def test_connection__first_endpoint_an_hour_ahead__goes_by_the_second() -> None:
    with endpoints(3600, 0) as urls:
        connection = Connection(urls, DEPLOYMENT)
        connection.head()
        assert T <= connection.clock.now() < T + 30


def test_connection__one_endpoint_silent__goes_by_the_others() -> None:
    with endpoints(0) as urls:
        connection = Connection([f"http://127.0.0.1:{free_port()}", *urls], DEPLOYMENT)
        assert T <= connection.clock.now() < T + 30


def test_connection__none_answers_and_no_block_seen__says_so() -> None:
    with pytest.raises(ChainUnavailable, match="does not answer"):
        _ = Connection([f"http://127.0.0.1:{free_port()}"], DEPLOYMENT).clock.now()


def test_connection__none_answers_any_more__goes_on_from_the_last_block(elapsed: Elapsed) -> None:
    with endpoints(0) as urls:
        connection = Connection(urls, DEPLOYMENT)
        assert connection.clock.now() == T
    elapsed.seconds += 10 * ASKED_AGAIN
    assert connection.clock.now() == T + 10 * ASKED_AGAIN


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the system has no clock that goes on during sleep")
def test_elapsed__machine_that_sleeps__is_counted() -> None:
    assert abs(module._elapsed() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
