# SPDX-License-Identifier: Apache-2.0
"""What listens on this machine is asked without a proxy; for others the environment's holds, and is not given away."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from node.web import is_loopback, open_session, proxy_of, shown

HERE = (
    "http://127.0.0.1:8545", "http://127.9.9.9", "http://localhost:5001/api", "http://LocalHost.", "http://[::1]:8545",
    "http://[::ffff:127.0.0.1]", "ws://node.localhost:1",
)  # fmt: skip
ELSEWHERE = (
    "http://rpc.example", "http://127.0.0.1.example", "http://localhost.example", "http://10.0.0.1", "http://[::2]",
    "http://[::", "nonsense", "",
)  # fmt: skip


@pytest.fixture
def answering() -> Iterator[str]:
    """A server on this machine, whose answer is its own address as it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.path.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("url", HERE)
def test_loopback__this_machine__is_known(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_loopback__other_machine__is_not_taken_for_this_one(url: str) -> None:
    assert not is_loopback(url)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_session__proxy_in_the_environment__reaches_this_machine_without_it(
    monkeypatch: pytest.MonkeyPatch, answering: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert open_session(answering).get(f"{answering}/here", timeout=5).text == "/here"
    assert proxy_of(answering) is None


def test_session__proxy_in_the_environment__serves_other_machines(
    monkeypatch: pytest.MonkeyPatch, answering: str
) -> None:
    monkeypatch.setenv("http_proxy", answering.replace("http://", "http://user:secret@"))
    monkeypatch.delenv("no_proxy", raising=False)
    # A proxy is asked for the whole address.
    assert open_session("http://rpc.example").get("http://rpc.example/x", timeout=5).text == "http://rpc.example/x"
    assert proxy_of("http://rpc.example/key") == answering


def test_session__certificates_of_ones_own__hold_on_this_machine_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/own/certificates.pem")
    url = "https://localhost:8545"
    settings = open_session(url).merge_environment_settings(url, {}, False, None, None)
    assert settings["verify"] == "/own/certificates.pem" and not settings["proxies"]


def test_shown__user_part_and_path__are_left_out() -> None:
    assert shown("https://user:word@rpc.example:8443/v3/accesskey?x=1") == "https://rpc.example:8443"
    assert shown("http://[::1]:8545/key") == "http://[::1]:8545"
    assert shown("http://[") == "(malformed address)"
