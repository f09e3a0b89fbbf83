# SPDX-License-Identifier: Apache-2.0
"""The page's server: Streamlit's own, with headers that forbid the browser to fetch anything from elsewhere.

So a text that reached Streamlit's Markdown after all could draw, but neither fetch nor tell: the page's components
hold the line, and this is the wall behind it. Other sites' pages get no connection: Streamlit itself would first ask
a service on the internet for its own address, to see whether they might be the same.
"""

from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            # The one script in Streamlit's index.html is for search engines: it stays out.
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guarded:
    """Adds the headers to every answer, and refuses a WebSocket to a page of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket" and not _same_origin(Headers(scope=scope)):
            await send({"type": "websocket.close"})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def _same_origin(headers: Headers) -> bool:
    """Whether it is this page that asks, or no browser at all."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


app = st.App("main.py", middleware=[Middleware(Guarded)])
