# SPDX-License-Identifier: Apache-2.0
"""Pictures of the study; colours are told apart by lightness too, and every axis has its unit."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from app.services import format as fmt
from app.services import money_tables, tables
from node.audit.views import StudyView

UP, DOWN, MUTED = "#0B6E6E", "#C2541B", "#B9C7C9"
_PARTS = {
    tables.INCLUDED: UP,
    tables.WAITING: "#7FB5B5",
    tables.LEFT_OUT: DOWN,
    tables.UNUSED: "#93A3A6",
    tables.ABSENT: "#E3E9EA",
}
_HOSPITALS = ["#0B6E6E", "#E0A030", "#6A7FC1", "#B3547A", "#5B8C3A", "#8A6D3B", "#3FA7D6", "#7A5195"]
# Room for axes and legends, which count towards a chart's height.
_FRAME = 140
Chart = Any


def participation(view: StudyView) -> Chart:
    """Rounds across, hospitals down, colour for what each did."""
    frame = tables.participation(view)
    shown = [part for part in _PARTS if part in set(frame["part"])]
    base = alt.Chart(frame).encode(
        x=alt.X("round:O", title="Round", axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("hospital:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
    )
    cells = base.mark_rect(stroke="white", strokeWidth=3, cornerRadius=4).encode(
        color=alt.Color(
            "part:N",
            title=None,
            scale=alt.Scale(domain=shown, range=[_PARTS[part] for part in shown]),
            legend=alt.Legend(orient="bottom", labelLimit=300, columns=2),
        ),
        tooltip=[
            alt.Tooltip("hospital:N", title="Hospital"),
            alt.Tooltip("round:O", title="Round"),
            alt.Tooltip("part:N", title="Part"),
        ],
    )
    return cells.properties(height=_FRAME + 20 + 34 * len(view.hospitals))


def weights(table: pd.DataFrame, *, most: int | None = None, of_features: bool = True) -> Chart:
    """Weights as bars, the largest first; `most` keeps only that many.

    Where they are not `of_features`, a weight alone says nothing of the score.
    """
    frame = table.assign(
        size=table["Weight"].abs(), sign=table["Weight"].map(lambda w: "raises" if w >= 0 else "lowers")
    )
    frame = frame.sort_values("size", ascending=False)
    if most is not None:
        frame = frame.head(most)
    return (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("Weight:Q", title="Weight (per standard deviation of the feature)" if of_features else "Weight"),
            y=alt.Y("Feature:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
            color=alt.Color(
                "sign:N",
                title="A larger value …",
                scale=alt.Scale(domain=["raises", "lowers"], range=[UP, DOWN]),
                legend=alt.Legend(orient="bottom", labelExpr="datum.label + ' the score'") if of_features else None,
            ),
            tooltip=[alt.Tooltip("Feature:N"), alt.Tooltip("Weight:Q", format="+.5f")],
        )
        .properties(height=_FRAME + 20 * len(frame))
    )


def changes(view: StudyView) -> Chart:
    """How far each round moved the weights."""
    return (
        alt.Chart(tables.changes(view))
        .mark_bar(color=UP, cornerRadiusEnd=2)
        .encode(
            x=alt.X("round:O", title="Round", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("change:Q", title="Change of the weights (L2 norm)"),
            tooltip=[alt.Tooltip("round:O", title="Round"), alt.Tooltip("change:Q", title="L2 norm", format=".5f")],
        )
        .properties(height=260)
    )


def paths(frame: pd.DataFrame) -> Chart:
    """Each weight from round to round, one line a feature."""
    chosen = alt.selection_point(fields=["feature"], on="pointerover", nearest=True, empty=False)
    base = alt.Chart(frame).encode(
        x=alt.X("round:O", title="After round (0: the start)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("weight:Q", title="Weight"),
        detail="feature:N",
        tooltip=[
            alt.Tooltip("feature:N", title="Feature"),
            alt.Tooltip("round:O", title="After round"),
            alt.Tooltip("weight:Q", title="Weight", format="+.5f"),
        ],
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        color=alt.condition(chosen, alt.value(DOWN), alt.value(UP)),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.45)),
    )
    points = base.mark_circle(size=80).encode(opacity=alt.value(0)).add_params(chosen)
    return (lines + points).properties(height=260)


def money_flow(view: StudyView) -> Chart:
    """Where the money that was paid in is now, as one bar."""
    money, network = view.money, view.network
    everything = [
        ("taken by hospitals", money.paid_out, UP),
        ("earned, not yet taken", money.owed, "#7FB5B5"),
        ("earned by services", money.service_from_budget, "#E0A030"),
        ("given back to the sponsor", money.refunded, "#6A7FC1"),
        ("not earned, in the pool", money.left - money.owed, MUTED),
    ]
    parts = [part for part in everything if part[1]]
    frame = pd.DataFrame(
        {
            "part": name,
            "tokens": fmt.token_number(amount, network),
            "amount": fmt.tokens(amount, network),
            "order": order,
        }
        for order, (name, amount, _) in enumerate(parts)
    )
    return (
        alt.Chart(frame)
        .mark_bar(cornerRadius=3)
        .encode(
            x=alt.X(
                "tokens:Q",
                title=f"Paid in ({network.token_symbol})",
                stack="zero",
                scale=alt.Scale(nice=False),
                axis=alt.Axis(tickCount=6),
            ),
            color=alt.Color(
                "part:N",
                title=None,
                scale=alt.Scale(domain=[name for name, _, _ in parts], range=[colour for *_, colour in parts]),
                legend=alt.Legend(orient="bottom", columns=2, labelLimit=300),
            ),
            order="order:Q",
            tooltip=[alt.Tooltip("part:N", title="Part"), alt.Tooltip("amount:N", title="Amount")],
        )
        .properties(height=_FRAME + 40)
    )


def rewards(view: StudyView) -> Chart:
    """What each hospital earned, round on round."""
    names = [hospital.name for hospital in view.hospitals]
    return (
        alt.Chart(money_tables.rewards(view))
        .mark_bar()
        .encode(
            x=alt.X("round:O", title="Round", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("tokens:Q", title=f"Earned ({view.network.token_symbol})"),
            color=alt.Color(
                "hospital:N",
                title=None,
                sort=names,
                scale=alt.Scale(domain=names, range=[_HOSPITALS[i % len(_HOSPITALS)] for i in range(len(names))]),
                legend=alt.Legend(orient="bottom", columns=1, labelLimit=300),
            ),
            tooltip=[
                alt.Tooltip("hospital:N", title="Hospital"),
                alt.Tooltip("round:O", title="Round"),
                alt.Tooltip("amount:N", title="Earned"),
            ],
        )
        .properties(height=300)
    )
