# SPDX-License-Identifier: Apache-2.0
"""Small parts: files with their CID, checks in a line, tables, sentences.

`identifier`, `verdict`, `figures` and `chart` take labels of the page's own, which Streamlit reads as Markdown;
a stranger's text goes to `prose`, `sentences`, `table`, or into an identifier's value.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from app.services import format as fmt
from app.services import html
from app.services.charts import Chart
from node.audit.basics import Check, FileView, Verdict
from node.words import plain

_BADGE = {
    Verdict.PASSED: (":material/check_circle:", "green"),
    Verdict.FAILED: (":material/cancel:", "red"),
    Verdict.UNREACHABLE: (":material/help:", "orange"),
    Verdict.PENDING: (":material/hourglass_empty:", "gray"),
}


def identifier(label: str, text: str, note: str = "") -> None:
    """A long identifier that a click copies."""
    with st.container(gap=None):
        st.caption(f"{label}{' · ' + note if note else ''}")
        st.code(plain(text), language=None, wrap_lines=True)


def stored_file(label: str, file: FileView) -> None:
    """A file's CID, to copy, with its size."""
    identifier(label, file.cid, fmt.size(file.size))


def verdict(result: Verdict, text: str) -> None:
    """One result as a badge."""
    icon, colour = _BADGE[result]
    st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]


def summary_of(checks: tuple[Check, ...]) -> tuple[Verdict, str]:
    """All checks in one result and a few words."""
    numbers = {kind: sum(check.verdict is kind for check in checks) for kind in Verdict}
    if numbers[Verdict.FAILED]:
        return Verdict.FAILED, f"{numbers[Verdict.FAILED]} of {fmt.count(len(checks), 'check')} failed"
    if numbers[Verdict.UNREACHABLE]:
        open_ones = numbers[Verdict.UNREACHABLE]
        return Verdict.UNREACHABLE, f"{open_ones} of {fmt.count(len(checks), 'check')} could not be made"
    return Verdict.PASSED, f"{numbers[Verdict.PASSED]} of {fmt.count(len(checks), 'check')} ok"


def table(frame: pd.DataFrame, empty: str, *, alt: str) -> None:
    """A table, or a sentence where it has no rows; real numbers get five places."""
    if frame.empty:
        st.caption(empty)
        return
    frame = frame.map(lambda cell: plain(cell) if isinstance(cell, str) else cell)
    numbers = {
        name: st.column_config.NumberColumn(format="%+.5f")
        for name in frame.columns
        if pd.api.types.is_float_dtype(frame[name])
    }
    st.dataframe(frame, hide_index=True, width="stretch", column_config=numbers, placeholder="–", alt=alt)


def check_table(checks: Iterable[Check]) -> None:
    """Checks with their results, every word to be read."""
    st.html(html.checks(checks))


def figures(items: Iterable[tuple[str, str]]) -> None:
    """A few figures side by side."""
    items = tuple(items)
    for column, (label, value) in zip(st.columns(len(items)), items, strict=True):
        column.metric(label, value, border=True)


def chart(picture: Chart, alt: str) -> None:
    """A chart over the whole width."""
    st.altair_chart(picture, width="stretch", alt=alt)


def prose(*paragraphs: str | html.Line) -> None:
    """Sentences, whoever wrote them."""
    st.html("".join(map(html.paragraph, paragraphs)))


def sentences(items: Iterable[str | html.Line]) -> None:
    """Sentences as a list, whoever wrote them."""
    st.html(html.items(items))


def asked(title: str, question: str) -> None:
    """What a sponsor asks, marked as the sponsor's own words."""
    with st.container(border=True):
        st.caption("The sponsor's own words")
        st.html(html.heading(title) + html.paragraph(question))


def problem(sentence: str, detail: str, *, icon: str = ":material/help:") -> None:
    """What is not as it should be, in the page's own words, and below it what somebody else says of it."""
    st.warning(sentence, icon=icon)
    if detail:
        prose(detail)
