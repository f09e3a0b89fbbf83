# SPDX-License-Identifier: Apache-2.0
"""The money: what the sponsor paid in, who earned what, where the bonds are."""

import streamlit as st

from app.components.frame import open_checks, open_study
from app.components.parts import chart, check_table, figures, table
from app.services import charts
from app.services import format as fmt
from app.services import money_tables as tables

view = open_study()
money, network = view.money, view.network

st.title("Money")
flows = (
    ("Paid in", money.paid_in),
    ("Earned by hospitals", money.earned),
    ("Taken by hospitals", money.paid_out),
    ("Earned by services", money.service_spent),
    ("Back to the sponsor", money.refunded),
    ("Still in the pool", money.left),
)
for three in (flows[:3], flows[3:]):
    figures((label, fmt.tokens(amount, network)) for label, amount in three)
if money.pool_record < money.required:
    short = fmt.tokens(money.required - money.pool_record, network)
    st.warning(f"Not funded in full: {short} are missing. Hospitals cannot enrol before.", icon=":material/warning:")
if money.paid_in:
    chart(charts.money_flow(view), "Where the money that was paid in is now")

st.subheader("Added up again")
check_table(check for check in open_checks(view) if check.subject == "Money")

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Rewards by round")
    if tables.rewards(view).empty:
        st.caption("Nothing is earned yet.")
    else:
        chart(charts.rewards(view), "What each hospital earned in each round")
with right:
    st.subheader("Bonds")
    bonds = (
        ("Locked", money.locked),
        ("Given back", money.released),
        ("Cut for lies", money.slashed),
        ("Fined for absence", money.fined),
        ("Charged for ceremonies", money.charged),
        ("Held", money.held),
    )
    for three in (bonds[:3], bonds[3:]):
        figures((label, fmt.tokens(amount, network)) for label, amount in three)
    table(tables.slashes(view), "No bond was cut for a lie.", alt="Cuts of bonds")
    if money.pots:
        st.caption("Whose cut bonds and charges are")
        table(tables.pots(view), "", alt="Parts of cut bonds and charges")
    if money.fines:
        st.caption("Fines for absence: they pay for services, and what is left of them in the end is nobody's")
        table(tables.fines(view), "", alt="Fines for absence")

st.subheader("Payments")
st.caption("Into the pool")
table(tables.payments(view, money.payments, "sponsor"), "Nothing was paid in.", alt="Payments into the pool")
st.caption("Rewards taken")
table(tables.payments(view, money.claims, ""), "No reward was taken yet.", alt="Rewards that hospitals took")
if money.services:
    st.caption("Earned by moving the study on")
    table(tables.services(view), "", alt="Services")
if money.refunds:
    st.caption("Given back")
    table(tables.payments(view, money.refunds, "sponsor"), "", alt="Payments back to the sponsor")
