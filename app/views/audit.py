# SPDX-License-Identifier: Apache-2.0
"""Every check with its result, and what no check can tell."""

import streamlit as st

from app.components.frame import open_checks, open_study
from app.components.parts import check_table, identifier, sentences, summary_of, verdict
from app.services import format as fmt
from app.services.html import Line
from app.services.words import NOT_PROVED
from node.audit.basics import Verdict

view = open_study()
checks = open_checks(view)

st.title("Audit")
st.markdown(
    "Everything below was computed again from the chain and the stored files when this page was opened; none of it "
    "is taken from the hospitals' word."
)
verdict(*summary_of(checks))
failed = [check for check in checks if check.verdict is Verdict.FAILED]
if failed:
    st.error("What is on the chain or in the files is not what it should be:", icon=":material/cancel:")
    sentences(Line(check.subject, f"{check.statement}: failed. {check.detail}") for check in failed)

for subject in dict.fromkeys(check.subject for check in checks):
    st.subheader(subject)
    check_table(check for check in checks if check.subject == subject)

st.subheader("What is not proved")
sentences(NOT_PROVED)

st.subheader("Where to look for yourself")
st.caption(
    f"Chain {view.network.chain_id}, block {view.network.head.number:,} of {fmt.time(view.network.head.timestamp)}"
)
left, right = st.columns(2, gap="large")
for place, (name, address) in enumerate(view.network.contracts.items()):
    with left if place % 2 == 0 else right:
        identifier(name, address)
