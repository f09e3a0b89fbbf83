# SPDX-License-Identifier: Apache-2.0
"""The page where there is nothing to show, or not all of it: a plain sentence, never a traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.services.settings import DEPLOYMENT, RPC, STUDY, read_settings
from node.errors import ConfigError
from node.types import Charge
from tests.pages.conftest import OpenPage, checked
from tests.pages.test_views import PAGES, words
from tests.support.local_suite import NAMES, Played
from tests.support.played_study import Stage


def test_page__without_a_network__says_how_to_name_one(open_page: OpenPage) -> None:
    page = open_page(None)
    assert not page.exception
    assert "make app" in words(page)


def test_page__without_a_study__says_what_makes_one(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.played())
    assert not page.exception
    assert page.title[0].value == "No study yet"
    assert "make demo" in page.info[0].value


def test_page__with_the_chain_away__says_so_and_recovers(stage: Stage, open_page: OpenPage) -> None:
    stage.publish()
    stage.anvil.stop()
    page = open_page(stage.played())
    assert not page.exception
    assert page.title[0].value == "The chain is away"
    assert stage.anvil.url in words(page)
    assert "make app" in words(page)


def test_page__with_another_networks_record__says_so(played_study: Played, open_page: OpenPage, tmp_path: Path) -> None:
    record = json.loads(played_study.deployment.read_text())
    other = tmp_path / "deployment.json"
    other.write_text(json.dumps(record | {"chain_id": 11155111}))
    page = open_page(replace(played_study, deployment=other))
    assert not page.exception
    assert page.title[0].value == "Another network"
    assert "11155111" in words(page)


def test_page__without_a_deployment_record__says_so(played_study: Played, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(replace(played_study, deployment=tmp_path / "none.json"))
    assert not page.exception
    assert page.error and "none.json" in words(page)


@pytest.mark.parametrize("name", PAGES)
def test_page__where_no_file_can_be_reached__shows_the_rest(
    played_study: Played, open_page: OpenPage, name: str
) -> None:
    page = open_page(played_study, name, stores=False)
    assert not page.exception
    assert not page.error


def test_audit__where_no_file_can_be_reached__counts_the_checks_that_could_not_be_made(
    played_study: Played, open_page: OpenPage
) -> None:
    page = open_page(played_study, "audit", stores=False)
    assert "could not be made" in words(page)
    assert any(result == "? content not reachable" for result, _, _ in checked(page))


def test_model__where_its_file_cannot_be_reached__says_where_to_look(played_study: Played, open_page: OpenPage) -> None:
    page = open_page(played_study, "model", stores=False)
    assert any("cannot be shown" in item.value for item in page.warning)


def test_pages__of_a_study_that_is_going_on__show_where_it_stands(stage: Stage, open_page: OpenPage) -> None:
    study = stage.publish()
    for name in PAGES:
        page = open_page(stage.played(), name)
        assert not page.exception and not page.error, name
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.submit(study, 1, members=(0, 1))
    for name in PAGES:
        page = open_page(stage.played(), name)
        assert not page.exception and not page.error, name
    page = open_page(stage.played(), "rounds")
    assert page.header[0].value == "Round 1: hospitals train and submit"
    assert any("This phase ends by" in item.value for item in page.caption)


def test_pages__of_a_study_in_which_one_lied__say_who_and_by_whose_word(stage: Stage, open_page: OpenPage) -> None:
    study = stage.publish()
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.submit(study, 1)
    stage.include(study, 1)
    stage.anvil.warp(stage.plan.phases.open)
    stage.post_pad_shares(study, 1, members=(0, 1, 2))
    for place in (0, 1):
        stage.send(stage.operators[place], "Court", "accuse", study, 1, int(Charge.PAD_SHARE), 0b100)
    for name in PAGES:
        page = open_page(stage.played(), name)
        assert not page.exception and not page.error, name
    overview = open_page(stage.played())
    assert [item.value for item in overview.warning if "lied" in item.value] == ["A hospital lied in round 1."]
    assert f"{NAMES[2]}: a pad share that does not fit the dealings. It lost 10 CSL." in words(overview)
    accusations = open_page(stage.played(), "rounds").dataframe[3].value
    assert list(accusations["Accused"]) == [NAMES[2]] * 2 and list(accusations["By"]) == list(NAMES[:2])
    pots = open_page(stage.played(), "money").dataframe[1].value
    assert list(pots["Belongs to"]) == list(NAMES[:2])
    assert set(pots["Can be taken from"]) == {"a week after the round has closed"}


def test_page__with_two_studies__shows_the_one_that_is_chosen(stage: Stage, open_page: OpenPage) -> None:
    first = stage.publish()
    stage.publish()
    page = open_page(stage.played())
    assert page.sidebar.selectbox[0].value == 2
    page.sidebar.selectbox[0].set_value(first).run()
    assert any("**Study 1**" in item.value for item in page.sidebar.caption)
    page.switch_page("views/plan.py").run()
    assert any("**Study 1**" in item.value for item in page.sidebar.caption)


def test_settings__with_a_study_that_is_no_number__are_refused() -> None:
    with pytest.raises(ConfigError, match="number"):
        read_settings({RPC: "http://127.0.0.1:1", DEPLOYMENT: "x", STUDY: "one"})
