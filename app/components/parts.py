# SPDX-License-Identifier: Apache-2.0
"""Small parts: files with their CID, checks in a line, tables, sentences."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from app.services import format as fmt
from app.services import tables
from app.services.charts import Chart
from node.audit.basics import Check, FileView, Verdict

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
        st.code(text, language=None, wrap_lines=True)


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
    numbers = {
        name: st.column_config.NumberColumn(format="%+.5f")
        for name in frame.columns
        if pd.api.types.is_float_dtype(frame[name])
    }
    st.dataframe(frame, hide_index=True, width="stretch", column_config=numbers, placeholder="–", alt=alt)


def check_table(checks: Iterable[Check]) -> None:
    """Checks with their results, every word to be read."""
    st.table(tables.checks(checks), border="horizontal", hide_index=True)


def figures(items: Iterable[tuple[str, str]]) -> None:
    """A few figures side by side."""
    items = tuple(items)
    for column, (label, value) in zip(st.columns(len(items)), items, strict=True):
        column.metric(label, value, border=True)


def chart(picture: Chart, alt: str) -> None:
    """A chart over the whole width."""
    st.altair_chart(picture, width="stretch", alt=alt)


def sentences(items: Iterable[str]) -> None:
    """Sentences as a list."""
    st.markdown("\n".join(f"- {item}" for item in items))
