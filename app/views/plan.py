# SPDX-License-Identifier: Apache-2.0
"""The plan in words, and the document itself."""

import streamlit as st

from app.components.frame import open_study
from app.components.parts import identifier, problem, sentences, stored_file, table
from app.services import format as fmt
from app.services import tables, words
from node.plan import HeadPlan

view = open_study()
plan = view.plan
document = plan.document

st.title("The plan")
if document is None:
    problem("The plan document cannot be read.", plan.problem)
    st.markdown("The contract holds these numbers of it:")
else:
    for title, items in (
        ("What is asked", words.question(document)),
        ("How a hospital trains", words.training(document)),
        ("Who can read what", words.protection(document)),
        ("Rounds and deadlines", words.schedule(document)),
    ):
        st.subheader(title)
        sentences(items)
st.subheader("Money")
sentences(words.money(view))

st.subheader("On the chain")
left, right = st.columns(2, gap="large")
with left:
    stored_file("Plan document CID", plan.file)
    identifier("Root of the starting weights", fmt.field_hex(plan.terms.initial_root))
    identifier("Plan root (the proved hyper-parameters)", fmt.field_hex(plan.root))
    identifier("Published in transaction", view.published.tx_hash, fmt.time(view.published.timestamp))
    identifier("Sponsor", view.sponsor)
with right:
    for circuit, what in ((plan.training, "Training"), (plan.aggregation, "Aggregation")):
        identifier(f"{what} circuit", circuit.name)
        identifier(f"{what} circuit: verifier", circuit.verifier)
        identifier(f"{what} circuit: digest of the verifying key", "0x" + circuit.verifying_key_digest.hex())
if document:
    if isinstance(document, HeadPlan):
        with st.expander(f"Scaling constants of the {len(document.model.features)} features"):
            table(tables.scaling(document), "", alt="Mean and standard deviation of each feature")
    st.download_button(
        "The plan document as published (JSON)",
        document.canonical(),
        file_name=f"plan-{view.study_id}.json",
        mime="application/json",
        icon=":material/download:",
    )
