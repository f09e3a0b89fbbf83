# SPDX-License-Identifier: Apache-2.0
"""The way around the pages, and nothing else."""

from pathlib import Path

import streamlit as st

# A named icon would be fetched from elsewhere.
st.set_page_config(page_title="Consilium", page_icon=str(Path(__file__).parent / "icon.svg"), layout="wide")
st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page("views/plan.py", title="Plan", icon=":material/description:"),
        st.Page("views/rounds.py", title="Rounds", icon=":material/sync:"),
        st.Page("views/hospitals.py", title="Hospitals", icon=":material/local_hospital:"),
        st.Page("views/model.py", title="Model", icon=":material/bar_chart:"),
        st.Page("views/money.py", title="Money", icon=":material/payments:"),
        st.Page("views/audit.py", title="Audit", icon=":material/verified:"),
    ]
).run()
