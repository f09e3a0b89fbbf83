# SPDX-License-Identifier: Apache-2.0
"""The hospitals: what each committed to, and the key ceremony that they held."""

import streamlit as st

from app.components.frame import open_study
from app.components.parts import identifier, prose, table
from app.services import format as fmt
from app.services import tables
from app.services.course import ceremony
from app.services.html import Line

view = open_study()

st.title("Hospitals")
table(tables.hospitals(view), "No hospital has enrolled yet.", alt="One line for each enrolled hospital")
if view.hospitals:
    st.subheader("What each committed to")
    st.caption(
        "The data commitment fixes a hospital's rows for the whole study without telling anything about them: it is "
        "a hash over 248 random bits, the number of rows and a tree over the rows. A hospital with more rows than the "
        "circuit takes cuts them into blocks, commits to all of them, and trains on one that the hash of a later block "
        "of the chain and the salts of all hospitals draw: it is sampled."
    )
    # Not tabs, whose labels are Markdown; a selection's options are text.
    hospital = st.selectbox("Hospital", view.hospitals, format_func=lambda item: item.name)
    left, right = st.columns(2, gap="large")
    with left:
        identifier("Data commitment", fmt.field_hex(hospital.data_root), fmt.count(hospital.rows, "row"))
        if hospital.blocks:
            prose(Line("Sampled", f"{hospital.sampled}."))
        identifier("Enrolled in transaction", hospital.enrolled.tx_hash, fmt.time(hospital.enrolled.timestamp))
    with right:
        identifier("Owner (is paid)", hospital.owner)
        identifier("Operator in this study (its node signs with it)", hospital.operator)

st.subheader("Key ceremony")
if not view.ceremonies:
    st.caption("It begins when enrolment ends.")
for run in view.ceremonies:
    prose(Line(f"Ceremony {run.number}", ceremony(view, run)))
    if run.completed:
        identifier("Digest of the transcript", "0x" + run.transcript.hex())
    if run.keys:
        identifier("Hash of the keys, computed from the events", "0x" + run.keys_hash.hex())
    table(tables.ceremony(view, run), "Nothing was posted.", alt="Who did what in the key ceremony")
