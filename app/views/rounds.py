# SPDX-License-Identifier: Apache-2.0
"""The rounds: who did what, which proofs were accepted, what was opened, and what came out."""

import streamlit as st

from app.components.frame import open_checks, open_study
from app.components.parts import chart, check_table, figures, identifier, sentences, stored_file, table
from app.services import charts, tables
from app.services import format as fmt
from app.services.course import failure, opening
from app.services.words import PHASE
from node.types import FailureReason, Phase

view = open_study()

st.title("Rounds")
if not view.rounds:
    st.info("No round has begun. Rounds start once the key ceremony is complete.")
    st.stop()
table(tables.rounds(view), "", alt="One line for each round")
chart(charts.participation(view), "Which hospital's update was included in which round")

numbers = [item.number for item in view.rounds]
chosen = st.segmented_control(
    "Round", numbers, default=numbers[-1], required=True, format_func=lambda number: f"Round {number}"
)
item = view.rounds[numbers.index(chosen or numbers[-1])]

st.header(f"Round {item.number}: {PHASE[item.phase]}")
if item.phase is Phase.FAILED:
    st.error(failure(item, view.plan), icon=":material/warning:")
    if item.failure is not FailureReason.UNOPENED:
        st.caption("The next round starts from the same weights, with new keys and without those that were missing.")
elif item.deadline:
    st.caption(f"This phase ends by {fmt.time(item.deadline)} at the latest.")
volume = sum(entry.file.size for entry in item.submissions)
figures(
    (
        ("Updates submitted", f"{len(item.submissions)} of {len(item.participants)}"),
        ("Updates in the sum", f"{len(item.included)} updates"),
        ("Rows in the sum", f"{item.sum_rows:,} rows"),
        ("Proofs accepted", f"{tables.proofs(item)} proofs"),
        ("Payloads", fmt.size(volume)),
    )
)

st.subheader("Checked again")
check_table(check for check in open_checks(view) if check.subject == f"Round {item.number}")

st.subheader("Updates")
st.caption("Each came with a proof of training, which the contract verified in the same transaction.")
table(tables.updates(view, item), "No update was submitted.", alt="The updates of the round")
if item.submissions:
    entry = st.selectbox(
        "Details of the update of",
        item.submissions,
        format_func=lambda entry: view.name_of(entry.hospital_id),
        key=f"update-{item.number}",
    )
    left, right = st.columns(2, gap="large")
    with left:
        stored_file("Payload CID", entry.file)
        identifier("Proof accepted in transaction", entry.act.tx_hash, f"block {entry.act.block_number:,}")
    with right:
        identifier("Commitment to the update, x", fmt.field_hex(entry.commitment[0]))
        identifier("Commitment to the update, y", fmt.field_hex(entry.commitment[1]))

st.subheader("Opening")
sentences(opening(view, item))
table(tables.shares(view, item), "No opening share was posted.", alt="The opening shares of the round")
if item.accusations:
    st.caption("Who accuses whom of a lie")
    table(tables.accusations(view, item), "", alt="Accusations in the round")
if item.included:
    left, right = st.columns(2, gap="large")
    with left:
        identifier("Sum of the commitments, x", fmt.field_hex(item.sum_commitment[0]))
    with right:
        identifier("Sum of the commitments, y", fmt.field_hex(item.sum_commitment[1]))

st.subheader("Model")
left, right = st.columns(2, gap="large")
with left:
    identifier("Root of the weights before", fmt.field_hex(item.root_before))
    if item.root_after:
        identifier("Root of the weights after", fmt.field_hex(item.root_after))
with right:
    if item.finalised:
        note = fmt.time(item.finalised.timestamp)
        identifier("Finalised, with its aggregation proof, in transaction", item.finalised.tx_hash, note)
    for file in item.model_files:
        stored_file("Model file CID", file)
