# SPDX-License-Identifier: Apache-2.0
"""The study at a glance."""

import streamlit as st

from app.components.frame import open_checks, open_study
from app.components.parts import asked, chart, figures, problem, prose, summary_of, table, verdict
from app.services import charts, history, tables
from app.services import format as fmt
from app.services.course import failure, resilience
from app.services.words import STATE
from node.plan import HeadPlan
from node.types import CircuitKind, Offence, Phase
from node.words import OFFENCE

view = open_study()
checks = open_checks(view)
document = view.plan.document

st.title(f"Study {view.study_id}")
if document:
    asked(document.title, document.question)
else:
    problem("The plan document cannot be read.", view.plan.problem)
with st.container(horizontal=True):
    st.badge(f"Study {STATE[view.state]}", icon=":material/flag:", color="blue")
    verdict(*summary_of(checks))

# In a bounded study every hospital counts as one row, whatever it has.
bounded = view.plan.training.kind is CircuitKind.BOUNDED
rows_used = f"{sum(item.rows for item in view.hospitals):,} rows"
figures(
    (
        ("Hospitals", f"{len(view.hospitals)}"),
        ("Rounds finalised", f"{len(view.finalised)} of {view.plan.terms.rounds}"),
        *([] if bounded else [("Rows used", rows_used)]),
        ("Proofs accepted", f"{sum(tables.proofs(item) for item in view.rounds)} proofs"),
        ("Rewards earned", fmt.tokens(view.money.earned, view.network)),
    )
)

if not view.state.ended:
    prose(resilience(view))
for cut in view.money.slashes:
    where = f"in key ceremony {cut.stage}" if cut.offence is Offence.FALSE_DEALING else f"in round {cut.stage}"
    lost = fmt.tokens(cut.amount, view.network)
    problem(f"A hospital lied {where}.", f"{view.name_of(cut.hospital_id)}: {OFFENCE[cut.offence]}. It lost {lost}.")
for item in view.rounds:
    if item.phase is Phase.FAILED:
        st.warning(f"Round {item.number} failed. {failure(item, view.plan)}", icon=":material/warning:")

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Who took part")
    if view.rounds and view.hospitals:
        chart(charts.participation(view), "Which hospital's update was included in which round")
    else:
        st.caption("No round has begun.")
with right:
    st.subheader("The model now")
    if document and view.model.weights is not None:
        number = view.model.round_number
        total = fmt.count(len(view.model.weights), "weight")
        most = f"the ten largest of {total}" if len(view.model.weights) > 10 else total
        st.caption(f"After round {number}: {most}." if number else f"At the start: {most}.")
        chart(
            charts.weights(
                tables.weights(document, view.model, None), most=10, of_features=isinstance(document, HeadPlan)
            ),
            "The ten largest weights of the global model",
        )
    else:
        problem("Its weights cannot be shown.", view.model.problem)

st.subheader("What happened")
table(history.events(view), "Nothing yet.", alt="Events of the study in their order")
