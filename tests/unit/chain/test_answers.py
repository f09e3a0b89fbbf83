# SPDX-License-Identifier: Apache-2.0
"""Whatever an endpoint answers: one true cause, the endpoint's name, no traceback; and the next one is asked."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from node.chain.connection import Connection
from node.chain.fees import Fees, suggest
from node.chain.limits import RpcError
from node.chain.rpc import Rpc
from node.errors import ChainUnavailable
from node.types import BlockRef, Deployment
from scripts.children import free_port
from tests.support.endpoint import Question, Reply, empty_chain, refused, result, running_endpoint

DEPLOYMENT = Deployment(31337, 0, True, {"RoundManager": "0x" + "11" * 20}, {})
ODD = [None, "", "0x", "10", 10, 1.5, True, [], {}, "0xzz", "0x" + "1" * 65, "x" * 1000, "\x1b[31m"]
BLOCK = {"number": "0x1", "hash": "0x" + "ab" * 32, "timestamp": "0x5", "baseFeePerGas": "0x7"}
LOG = {
    "address": "0x" + "11" * 20,
    "topics": ["0x" + "22" * 32],
    "data": "0x",
    "blockNumber": "0x1",
    "blockHash": "0x" + "33" * 32,
    "transactionHash": "0x" + "44" * 32,
    "logIndex": "0x0",
}


def answering(method: str, reply: Reply) -> Any:
    """An endpoint of an empty chain that answers one method so."""

    def answer(question: Question) -> Reply:
        return reply if question["method"] == method else empty_chain(question)

    return running_endpoint(answer=answer)


def test_request__error_null_beside_a_result__is_a_success() -> None:
    with running_endpoint(answer=lambda _: result("0x1", error=None)) as endpoint:
        assert Rpc(endpoint.url).request("eth_chainId") == "0x1"


@pytest.mark.parametrize(
    ("code", "number"),
    [("-32000", -32000), ("BAD_DATA", 0), (None, 0), (-3.0, -3), (float("inf"), 0), ({"a": 1}, 0), ([], 0), (3, 3)],
)
def test_request__code_of_any_type__is_a_refusal_in_its_own_words(code: Any, number: int) -> None:
    with running_endpoint(answer=lambda _: refused(code, "no such thing")) as endpoint:
        with pytest.raises(RpcError, match="no such thing") as refusal:
            Rpc(endpoint.url).request("eth_chainId")
        assert refusal.value.code == number


@pytest.mark.parametrize(
    "error", ["a text", 7, [], False, {}, {"message": None}, {"message": {"a": 1}}, {"message": "x" * 10_000}]
)
def test_request__error_of_any_type__is_a_refusal_on_one_short_line(error: Any) -> None:
    with running_endpoint(answer=lambda _: Reply({"error": error})) as endpoint:
        with pytest.raises(RpcError) as refusal:
            Rpc(endpoint.url).request("eth_chainId")
        assert len(str(refusal.value)) < 400 and str(refusal.value).isprintable()


def test_request__error_with_line_breaks_and_escapes__is_shown_without_them() -> None:
    with running_endpoint(answer=lambda _: refused(1, "a\nb\x1b[2Jc")) as endpoint:
        with pytest.raises(RpcError) as refusal:
            Rpc(endpoint.url).request("eth_chainId")
        assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"<html>Sign in to the hospital network</html>"), "does not speak JSON-RPC"),
        (Reply(b"\x1f\x8bjunk", headers={"Content-Encoding": "gzip"}), "does not speak JSON-RPC"),
        (Reply(gzip.compress(b"<html>"), headers={"Content-Encoding": "gzip"}), "does not speak JSON-RPC"),
        (Reply({"jsonrpc": "2.0"}), "does not speak JSON-RPC"),
        (Reply(b"", 302, {"Location": "http://portal.example"}), "answered HTTP 302"),
        (Reply(b"forbidden", 403), "answered HTTP 403"),
        (Reply(b"", 503), "answered HTTP 503"),
        (Reply({"id": 77, "result": "0x1"}), "answered another question"),
        (Reply({"id": None, "result": "0x1"}), "answered another question"),
    ],
)
def test_request__answer_that_is_none__has_one_cause_that_names_the_endpoint(reply: Reply, said: str) -> None:
    with running_endpoint(answer=lambda _: reply) as endpoint:
        with pytest.raises(ChainUnavailable, match=said) as failure:
            Rpc(endpoint.url).request("eth_chainId")
        assert endpoint.url in str(failure.value)


def test_request__id_given_back_as_a_text__is_the_question_s() -> None:
    with running_endpoint(answer=lambda q: result("0x1", id=str(q["id"]))) as endpoint:
        assert Rpc(endpoint.url).request("eth_chainId") == "0x1"


@pytest.mark.parametrize("odd", ODD)
def test_number__of_another_form__is_refused_and_shown_in_short(odd: Any) -> None:
    with answering("eth_getBalance", result(odd)) as endpoint:
        with pytest.raises(
            ChainUnavailable, match=r"answered eth_getBalance with .* where a number belongs"
        ) as failure:
            Connection([endpoint.url], DEPLOYMENT).balance("0x" + "11" * 20)
        assert endpoint.url in str(failure.value)
        assert len(str(failure.value)) < 250 and str(failure.value).isprintable()


@pytest.mark.parametrize("odd", ODD)
def test_chain_id__of_another_form__is_refused(odd: Any) -> None:
    with answering("eth_chainId", result(odd)) as endpoint, pytest.raises(ChainUnavailable, match="eth_chainId with"):
        Connection([endpoint.url], DEPLOYMENT).head()


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd is not None])
@pytest.mark.parametrize("field", ["number", "hash", "timestamp"])
def test_block__odd_in_one_member__is_refused_by_that_members_name(odd: Any, field: str) -> None:
    with (
        answering("eth_getBlockByNumber", result({**BLOCK, field: odd})) as endpoint,
        pytest.raises(ChainUnavailable, match=f"`{field}`"),
    ):
        Connection([endpoint.url], DEPLOYMENT).head()


def test_block__after_the_year_9999__is_refused() -> None:
    with (
        answering("eth_getBlockByNumber", result({**BLOCK, "timestamp": "0x" + "f" * 64})) as endpoint,
        pytest.raises(ChainUnavailable, match="seconds since 1970"),
    ):
        Connection([endpoint.url], DEPLOYMENT).head()


@pytest.mark.parametrize("odd", [value for value in ODD if value not in ("0x",)])
def test_call__result_that_is_no_bytes__is_refused(odd: Any) -> None:
    with answering("eth_call", result(odd)) as endpoint, pytest.raises(ChainUnavailable, match="where bytes belong"):
        Connection([endpoint.url], DEPLOYMENT).call("RoundManager", "currentRound", 1)


@pytest.mark.parametrize("field", sorted(LOG))
@pytest.mark.parametrize("odd", [None, "zz", 5, [7]])
def test_logs__odd_in_one_member__are_refused_by_that_members_name(field: str, odd: Any) -> None:
    with (
        answering("eth_getLogs", result([{**LOG, field: odd}])) as endpoint,
        pytest.raises(ChainUnavailable, match=f"`{field}`"),
    ):
        Connection([endpoint.url], DEPLOYMENT).events("RoundManager", "RoundFinalised")


@pytest.mark.parametrize("odd", [None, {}, "0x", [None], [[]]])
def test_logs__that_are_none__are_refused(odd: Any) -> None:
    with answering("eth_getLogs", result(odd)) as endpoint, pytest.raises(ChainUnavailable, match="eth_getLogs with"):
        Connection([endpoint.url], DEPLOYMENT).events("RoundManager", "RoundFinalised")


def test_odd_answer__second_endpoint_is_sound__is_asked_there() -> None:
    with (
        answering("eth_getBalance", result(None)) as odd,
        answering("eth_getBalance", result("0x5")) as sound,
    ):
        assert Connection([odd.url, sound.url], DEPLOYMENT).balance("0x" + "11" * 20) == 5


@pytest.mark.parametrize(
    "reply", [result(None), refused(-32601, "the method eth_maxPriorityFeePerGas does not exist"), refused(None, None)]
)
def test_fees__no_suggestion_of_a_tip__offers_the_usual_one(reply: Reply) -> None:
    with answering("eth_maxPriorityFeePerGas", reply) as endpoint:
        assert suggest(Connection([endpoint.url], DEPLOYMENT)) == Fees(14 + 10**9, 10**9)


def test_fees__odd_tip_or_no_base_fee__says_what_is_odd() -> None:
    with (
        answering("eth_maxPriorityFeePerGas", result("many")) as endpoint,
        pytest.raises(ChainUnavailable, match="eth_maxPriorityFeePerGas with 'many'"),
    ):
        suggest(Connection([endpoint.url], DEPLOYMENT))
    bare = {name: value for name, value in BLOCK.items() if name != "baseFeePerGas"}
    with (
        answering("eth_getBlockByNumber", result(bare)) as endpoint,
        pytest.raises(ChainUnavailable, match=r"null where a number belongs .`baseFeePerGas`"),
    ):
        suggest(Connection([endpoint.url], DEPLOYMENT))


def test_proxy__in_the_environment__does_not_swallow_an_endpoint_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    with running_endpoint(answer=empty_chain) as endpoint:
        assert isinstance(Connection([endpoint.url], DEPLOYMENT).head(), BlockRef)


def test_proxy__that_does_not_answer__is_named_as_the_cause_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ChainUnavailable, match=f"by the proxy http://127.0.0.1:{port}") as failure:
        Rpc("http://rpc.example/accesskey").request("eth_chainId")
    assert "secret" not in str(failure.value) and "accesskey" not in str(failure.value)
