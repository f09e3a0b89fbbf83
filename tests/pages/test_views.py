# SPDX-License-Identifier: Apache-2.0
"""Every page on a finished study with a failed round in it."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from app.services.words import STEP
from node.types import CeremonyStep
from tests.pages.conftest import OpenPage, checked, prose
from tests.support.local_suite import NAMES, Played

PAGES = ("overview", "plan", "rounds", "hospitals", "model", "money", "audit")


def words(page: AppTest) -> str:
    """All text of a page."""
    kinds = (page.title, page.header, page.subheader, page.markdown, page.caption, page.error, page.warning)
    return "\n".join([*(str(item.value) for kind in kinds for item in kind), *prose(page)])


@pytest.mark.parametrize("name", PAGES)
def test_page__of_a_finished_study__shows_no_error(played_study: Played, open_page: OpenPage, name: str) -> None:
    page = open_page(played_study, name)
    assert not page.exception
    assert not page.error
    assert len(page.title) == 1


def test_overview__shows_figures_with_their_units(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study)
    assert page.title[0].value == "Study 1"
    assert prose(page)[0].startswith("Benign or malignant?Can four measurements of cell nuclei")
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures == {
        "Hospitals": "3",
        "Rounds finalised": "2 of 3",
        "Rows used": "19 rows",
        "Proofs accepted": "10 proofs",
        "Rewards earned": "200 CSL",
    }
    assert "63 of 63 checks ok" in words(page)


def test_overview__says_why_a_round_failed(played_study: Played, open_page: OpenPage) -> None:
    (failed,) = (item.value for item in open_page(played_study).warning if "Round 2" in item.value)
    assert "Only 2 hospitals submitted" in failed and "fewer than 3" in failed


def test_overview__warns_of_development_keys(played_study: Played, open_page: OpenPage) -> None:
    assert any("Development keys" in item.value for item in open_page(played_study).warning)


def test_plan__says_in_words_what_is_trained_and_who_can_read_what(played_study: Played, open_page: OpenPage) -> None:
    text = words(open_page(played_study, "plan"))
    for part in (
        "4 features",
        "learning rate 0.5, 2 epochs a round, batches of 4 rows",
        "at least 3 hospitals",
        "any 2 hospitals that pool their key shares can read every single update",
        "From one starting model one set of hospitals is opened, ever",
        "told an update to 13 % after five rounds",
        "is suspended, and the study ends if it is not opened 10 minutes after its set was fixed",
        "no differential privacy",
        "100 CSL for each round that is finalised",
        "up to 20 CSL to whoever moves the study on",
        "An absence costs 1 CSL, in one batch of rounds at most 3 CSL",
        "Each hospital locks a bond of 40 CSL",
    ):
        assert part in text


def test_plan__shows_the_documents_cid_to_copy(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "plan")
    assert sum(bool(re.fullmatch("bafkrei[a-z2-7]{52}", item.value)) for item in page.code) == 1


def test_rounds__show_participants_cids_and_what_was_checked(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "rounds")
    overview, updates, shares = (item.value for item in page.dataframe)
    assert list(overview["State"]) == ["finalised", "failed", "finalised"]
    assert list(updates["Hospital"]) == list(NAMES)
    assert list(overview["Opened"]) == ["by CKKS", "–", "by pads, since CKKS did not"]
    assert set(updates["Payload"]) == {"293.0 KiB"}
    assert all(cid.startswith("bafybei") for cid in updates["Payload CID"])
    assert list(shares["Opening"]) == ["pads", "pads"] and shares["Where it is"][0] == "on the chain"
    assert "Nobody can tell whose ciphertext or share was wrong or missing" in words(page)
    assert len(checked(page)) == 12 and all(result == "✓ ok" for result, _, _ in checked(page))


def test_rounds__on_a_failed_one__say_why(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "rounds")
    page.button_group[0].set_value(2).run()
    assert not page.exception
    assert page.header[0].value == "Round 2: failed"
    assert "Only 2 hospitals submitted" in page.error[0].value
    assert any("No opening share was posted." in item.value for item in page.caption)


def test_hospitals__show_what_each_committed_and_earned(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "hospitals")
    table = page.dataframe[0].value
    assert list(table["Rows"]) == [8, 6, 5] and set(table["Sampled"]) == {"no: all rows"}
    assert list(table["Earned"]) == ["≈ 84.21 CSL", "≈ 63.16 CSL", "≈ 52.63 CSL"]
    assert page.selectbox[0].options == list(NAMES)
    assert list(table["Fined"]) == ["0 CSL", "0 CSL", "1 CSL"] and set(table["In the study"]) == {"yes"}
    ceremony = page.dataframe[1].value
    assert list(ceremony.columns) == ["Hospital", *STEP.values(), "Outcome"]
    assert set(ceremony["Outcome"]) == {"takes part"} and set(ceremony[STEP[CeremonyStep.HOLD]]) == {"3 of 3"}
    page.selectbox[0].set_value(page.selectbox[0].options[2]).run()
    assert f"0x{1002:064x}" in [item.value for item in page.code]


def test_model__shows_type_optimiser_and_every_weight(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "model")
    text = words(page)
    assert "Logistic regression" in text and "Mini-batch gradient descent" in text
    table = page.dataframe[0].value
    assert list(table["Feature"]) == ["radius", "texture", "smoothness", "concavity", "(bias)"]
    assert list(table["Integer on which the root rests"]) == [12_500, -71_000, 22_000, 90_000, -6_500]
    assert table["Weight"][3] == pytest.approx(90_000 / 65_536)
    assert table["Change in this round"][3] == pytest.approx(13_000 / 65_536)
    assert "hash to the root" in page.success[0].value


def test_model__at_the_start__has_no_change(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "model")
    page.button_group[0].set_value(0).run()
    assert not page.exception
    assert "Change in this round" not in page.dataframe[0].value.columns


def test_money__shows_what_came_in_and_where_it_is(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "money")
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Paid in"] == "320 CSL"
    assert figures["Taken by hospitals"] == "≈ 84.21 CSL"
    assert figures["Earned by services"] == "2.25 CSL"
    assert figures["Still in the pool"] == "≈ 233.54 CSL"
    assert figures["Held"] == "119 CSL" and figures["Fined for absence"] == "1 CSL"
    assert len(checked(page)) == 11


def test_audit__lists_every_check_and_what_is_not_proved(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "audit")
    assert len(checked(page)) == 63
    assert "honest medicine" in words(page)
