# SPDX-License-Identifier: Apache-2.0
"""Sentences and tables as HTML: whatever they say is text, so that nothing in them is taken for markup.

Streamlit's own elements read Markdown, with pictures, links, badges and formulas. Titles, names, errors and all else
that strangers write reach the page by these functions, by cells of a data frame, or by a selection's options.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

from node.audit.basics import Check, Verdict
from node.words import plain


@dataclass(frozen=True)
class Line:
    """A sentence with its first words in bold."""

    lead: str
    text: str


_SIGN = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.UNREACHABLE: "?", Verdict.PENDING: "…"}
_COLOURS = {
    Verdict.PASSED: ("#E6F4EA", "#137333"),
    Verdict.FAILED: ("#FCE8E6", "#B3261E"),
    Verdict.UNREACHABLE: ("#FDF0DC", "#8A4B00"),
    Verdict.PENDING: ("#ECEFF0", "#4A5A5E"),
}
# Long words, such as a digest or somebody's endless name, break instead of widening the page.
_WRAP = "overflow-wrap:anywhere"
_CELL = f"padding:.3rem .9rem .3rem 0;border-bottom:1px solid #D5DEDF;vertical-align:top;text-align:left;{_WRAP}"


def text(value: str) -> str:
    """A text in HTML, or in an attribute of it."""
    return html.escape(plain(value))


def paragraph(item: str | Line) -> str:
    """A sentence."""
    return f'<p style="margin:0;{_WRAP}">{_line(item)}</p>'


def heading(value: str) -> str:
    """A text that stands out; no heading of the page, which only the page itself writes."""
    return f'<p style="margin:0 0 .4rem;font-size:1.6rem;font-weight:600;line-height:1.3;{_WRAP}">{text(value)}</p>'


def items(lines: Iterable[str | Line]) -> str:
    """Sentences as a list."""
    return f'<ul style="margin:0;{_WRAP}">{"".join(f"<li>{_line(item)}</li>" for item in lines)}</ul>'


def checks(found: Iterable[Check]) -> str:
    """Checks with their results."""
    head = "".join(
        f'<th scope="col" style="{_CELL};font-weight:400;opacity:.7;width:{width}">{name}</th>'
        for name, width in (("Result", "11rem"), ("Statement", "45%"), ("What was compared", "auto"))
    )
    rows = "".join(
        f"<tr>{_cell(_badge(check.verdict))}{_cell(text(check.statement))}{_cell(text(check.detail))}</tr>"
        for check in found
    )
    style = "border-collapse:collapse;font-size:.875rem;width:100%"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _line(item: str | Line) -> str:
    return text(item) if isinstance(item, str) else f"<strong>{text(item.lead)}:</strong> {text(item.text)}"


def _cell(content: str) -> str:
    return f'<td style="{_CELL}">{content}</td>'


def _badge(verdict: Verdict) -> str:
    back, front = _COLOURS[verdict]
    style = f"background:{back};color:{front};border-radius:.3rem;padding:.05rem .45rem;white-space:nowrap"
    return f'<span style="{style}">{_SIGN[verdict]} {text(verdict.value)}</span>'
