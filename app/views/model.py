# SPDX-License-Identifier: Apache-2.0
"""The global model: type, optimiser, weights, and how they came about."""

import streamlit as st

from app.components.frame import open_study
from app.components.parts import chart, identifier, problem, prose, stored_file, table
from app.services import charts, tables
from app.services import format as fmt
from app.services.html import Line
from app.services.words import FAMILY, LOSS, optimiser
from node.plan import HeadPlan

view = open_study()
document = view.plan.document

st.title("The global model")
numbers = [model.round_number for model in view.models]
chosen = st.segmented_control(
    "Model",
    numbers,
    default=numbers[-1],
    required=True,
    format_func=lambda number: f"after round {number}" if number else "at the start",
)
place = numbers.index(numbers[-1] if chosen is None else chosen)
model, before = view.models[place], view.models[place - 1] if place else None

if document:
    left, right = st.columns(2, gap="large")
    with left:
        prose(Line("Type", f"{FAMILY[document.model.family]}."), Line("Loss", f"{LOSS[document.model.loss]}."))
    with right:
        label = document.model.label
        result = f"a probability that a case is “{label.positive}” rather than “{label.negative}”."
        prose(optimiser(document), Line("Result", result))
else:
    problem("The plan document cannot be read.", view.plan.problem)

identifier("Root of the weights on chain", fmt.field_hex(model.root))
if model.file:
    stored_file("Model file CID", model.file)

if document is None or model.weights is None:
    problem("The weights cannot be shown.", model.problem)
    st.stop()

frame = tables.weights(document, model, before)
st.success(
    f"These {len(model.weights)} weights hash to the root that the contract holds.", icon=":material/check_circle:"
)
# A head's weights each mean something to a reader; of a network's thousands the largest are enough of a picture.
is_head = isinstance(document, HeadPlan)
st.subheader("Weights" if is_head else "The 30 largest weights")
chart(
    charts.weights(frame, most=None if is_head else 30, of_features=is_head),
    "The weights of the global model, the largest first",
)
moved = tables.changes(view)
if not moved.empty:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Change in each round")
        chart(charts.changes(view), "How far each round moved the weights")
    if is_head:
        with right:
            st.subheader("Each weight from round to round")
            chart(charts.paths(tables.paths(view, document)), "Every weight after every round")
st.subheader("All weights")
st.caption(
    (
        "Weights belong to scaled features, one unit being a standard deviation of the plan; the next-to-last column "
        "is per unit of the feature as measured. "
        if is_head
        else "Parameters are in the network's canonical order, layer by layer. "
    )
    + "The chain holds no test data, so this page shows no accuracy."
)
table(frame, "", alt="All weights of the model")
