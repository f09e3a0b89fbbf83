# SPDX-License-Identifier: Apache-2.0
"""A study of images by real nodes: every update bounded by a proof, with noise, until the privacy budget is spent.

Synthetic images and the network of twelve parameters: nothing here is about accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from node.learning.model_file import read_model
from node.plan import NetworkPlan
from node.plan_training import ClippedStep
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.plans import private, tiny_network_plan
from tests.support.small_study import BOND, REWARD, SERVICE_BUDGET, UNIT, study_plan
from tests.support.xrays import write_npz

PLANNED, AFFORDED = 3, 2


def plan() -> NetworkPlan:
    """Three rounds, of which the privacy budget pays for two."""
    timed = study_plan("Images", 3, rounds=PLANNED)
    made = replace(
        tiny_network_plan(),
        encryption=timed.encryption,
        participation=timed.participation,
        phases=timed.phases,
        money=timed.money,
    )
    return private(made, rounds=AFFORDED, local=ClippedStep(clip="0.5", reach=400))


@dataclass(frozen=True)
class Story:
    """The study after its end."""

    consortium: Consortium
    study: int
    members: list[Member]
    money: Mapping[str, int]


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Iterator[Story]:
    members = consortium.members[:3]
    for member in members:
        images = write_npz(member.home / "images.npz", train=10 + member.number, val=2, test=2)
        consortium.use_data(member, images)
    study = consortium.open_planned(members, plan())
    for member in members:
        consortium.start(member)
    # A spent budget ends it before the plan's last round, and the nodes say so by their exit codes.
    consortium.wait_for_end(study, members, without=members)
    yield Story(consortium, study, members, consortium.settle(study, members))
    for member in members:
        consortium.use_data(member, member.table)


def test_study__privacy_budget_for_two_rounds__is_completed_after_them(story: Story) -> None:
    reader = story.consortium.reader
    assert reader.study_state(story.study) is StudyState.COMPLETED
    states = [reader.round_state(story.study, number) for number in range(1, AFFORDED + 1)]
    assert [state.closed_as for state in states] == [Phase.FINALISED] * AFFORDED
    assert reader.current_round(story.study) == AFFORDED


def test_round__hospitals_with_different_numbers_of_images__count_the_same(story: Story) -> None:
    state = story.consortium.reader.round_state(story.study, 1)
    assert state.included_bitmap == 0b111 and state.sum_rows == 3
    assert {event.arguments["rows"] for event in story.consortium.events("UpdateSubmitted", story.study)} == {1}


def test_money__of_the_round_that_was_not_held__goes_back_to_the_sponsor(story: Story) -> None:
    money = story.money
    assert money["funded"] == PLANNED * REWARD + SERVICE_BUDGET
    assert money["claimed"] == AFFORDED * REWARD
    assert money["refunded"] == REWARD + SERVICE_BUDGET - money["services"]
    assert money["bonds_released"] == 3 * BOND * UNIT


def test_secrets__of_closed_rounds__are_erased(story: Story) -> None:
    for member in story.members:
        kept = [name for name in member.secret_names if f"study-{story.study}/round" in name]
        assert kept == []


def test_model__exported_and_evaluated__is_the_one_on_chain(story: Story) -> None:
    member, out = story.members[0], story.consortium.folder / "images-model.npz"
    ended = story.consortium.command(
        member.home, "model", "export", "--study", story.study, "--round", AFFORDED, "-o", out
    )
    assert ended.code == 0, ended.err
    model = read_model(out)
    assert model.root == story.consortium.reader.round_state(story.study, AFFORDED).root_after
    assert model.takes_images and len(model.weights) == 12
    scored = story.consortium.command(
        member.home, "model", "evaluate", out, "--data", member.home / "images.npz", "--split", "train", "--json"
    )
    assert scored.code == 0, scored.err
    assert 0 <= scored.value["auc"] <= 1


def test_card__of_a_round__tells_data_proofs_privacy_and_quality(story: Story) -> None:
    member, out = story.members[0], story.consortium.folder / "card"
    ended = story.consortium.command(
        member.home, "model", "card", "--study", story.study, "--data", member.home / "images.npz", "-o", out
    )
    assert ended.code == 0, ended.err
    card = json.loads(out.with_name("card.json").read_text())
    assert card["round"] == AFFORDED and card["model"]["parameters"] == 12
    assert [part["included"] for part in card["data"]] == [True] * 3
    assert {part["rows"] for part in card["data"]} == {None}
    assert len(card["proofs"]) == 4 and all(len(proof["sha256"]) == 64 for proof in card["proofs"])
    assert card["privacy"]["spent_rho"] == card["privacy"]["budget_rho"]
    assert card["privacy"]["epsilon"] == pytest.approx(8, rel=1e-3) and card["privacy"]["delta"] == "0.00001"
    assert card["privacy"]["level"] == "patient" and card["privacy"]["neighbours"] == "one record there or not"
    assert card["quality"]["split"] == "test" and 0 <= card["quality"]["figures"]["auc"] <= 1
    text = out.with_name("card.md").read_text()
    assert "development keys" in text and card["proofs"][0]["sha256"] in text and "Patient level" in text
