# SPDX-License-Identifier: Apache-2.0
"""A round of a proved study with a privacy budget: shortened updates and noise, with real proofs of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import DataError, StudyError, WitnessRefused
from node.learning import bounded, fixed_point, privacy, shortening
from node.learning.shortening import WHOLE
from node.plan import NEIGHBOURS, HeadPlan, Privacy, TrainingPlan
from node.proofs.commitments import weights_root
from node.steps.enrolment import check_plan, check_rules
from node.steps.head_records import HeadRecords
from node.steps.submission import submit_update
from node.steps.trained import Trained
from node.types import Phase
from tests.support.fake_chain import FakeChain
from tests.support.plans import private_plan, small_plan
from tests.support.steps import Party, brief, finalised, finish_round, make_running, reach_phase


@pytest.fixture
def plan() -> HeadPlan:
    return private_plan()


@pytest.fixture
def cast(plan: HeadPlan, tmp_path: Path) -> tuple[FakeChain, list[Party]]:
    chain, parties = make_running(tmp_path, plan=brief(plan))
    return chain, [party.proving for party in parties]


def learned(records: HeadRecords, plan: HeadPlan) -> list[int]:
    """The clipped update before anything shortens it."""
    local = fixed_point.train(
        plan.model.initial, records.table, records.labels,
        capacity=8, batch_size=4, epochs=plan.training.epochs, learning_rate=plan.training.learning_rate,
    )  # fmt: skip
    return fixed_point.update(plan.model.initial, local, records.rows, 26)


def test_round__of_three_hospitals__ends_with_the_model_of_the_noisy_sum(
    cast: tuple[FakeChain, list[Party]], plan: HeadPlan
) -> None:
    chain, parties = cast
    reach_phase(chain, parties, Phase.OPEN)
    made = [party.trained() for party in parties]
    for party, one in zip(parties, made, strict=True):
        assert any(one.noise) and max(map(abs, one.noise)) <= plan.privacy.noise_bound
        assert bounded.squared_norm(one.update) <= plan.training.update_bound
        assert list(one.update) == shortening.shorten(learned(party.records, plan), one.shortening)
    assert min(one.shortening for one in made) < WHOLE, "at least one update must be too long"
    finish_round(chain, parties)
    total = [sum(column) for column in zip(*(one.values for one in made), strict=True)]
    expected = fixed_point.aggregate(plan.model.initial, total, chain.books.rounds[1].sum_rows)
    assert finalised(parties) == [[1, weights_root(expected)]]


def test_submit__again__sends_the_same_update_and_noise(cast: tuple[FakeChain, list[Party]]) -> None:
    chain, parties = cast
    submit_update(parties[0].context, 1, chain.books.rounds[1])
    first = parties[0].trained()
    chain.books.change_round(1, submitted_bitmap=0)
    submit_update(parties[0].context, 1, chain.books.rounds[1])
    assert parties[0].trained() == first
    one, two = parties[0].ledger.named("submit_update")
    assert one == two


@pytest.mark.parametrize("change", ["shorter", "longer", "more noise"])
def test_submit__other_than_the_plan_says__cannot_be_proved(
    cast: tuple[FakeChain, list[Party]], plan: HeadPlan, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    chain, parties = cast
    party = parties[0]
    honest = party.records.train(plan.model.initial, round=1, seed="")
    free = learned(party.records, plan)
    factor = honest.shortening + {"shorter": -500, "longer": 500, "more noise": 0}[change]
    noise = (plan.privacy.noise_bound + 1, *honest.noise[1:]) if change == "more noise" else honest.noise
    other = Trained(tuple(shortening.shorten(free, factor)), noise, factor)
    monkeypatch.setattr(HeadRecords, "train", lambda *_, **__: other)
    with pytest.raises(WitnessRefused):
        submit_update(party.context, 1, chain.books.rounds[1])
    assert party.ledger.sent == []


def test_train__privacy_or_none__draws_noise_only_where_the_plan_says(
    cast: tuple[FakeChain, list[Party]], plan: HeadPlan
) -> None:
    records = cast[1][0].records
    one, two = (records.train(plan.model.initial, round=1, seed="") for _ in range(2))
    assert (one.update, one.shortening) == (two.update, two.shortening) and one.noise != two.noise
    plain = replace(records, plan=small_plan()).train(plan.model.initial, round=1, seed="")
    assert plain == Trained(tuple(learned(records, plan)), (0,) * 5, WHOLE)
    assert Trained.from_bytes(one.to_bytes()) == one


def test_check_plan__private_head__agrees_with_the_chain(cast: tuple[FakeChain, list[Party]], plan: HeadPlan) -> None:
    chain, _ = cast
    assert check_plan(chain, chain.study_record, brief(plan).canonical()) == brief(plan)  # type: ignore[arg-type]
    assert TrainingPlan.parse(plan.canonical()) == plan
    terms = replace(chain.study_record.plan, update_bound=plan.training.update_bound + 1)
    with pytest.raises(StudyError, match="bound of an update"):
        check_plan(chain, replace(chain.study_record, plan=terms), brief(plan).canonical())  # type: ignore[arg-type]


def test_check_rules__head_that_understates_what_a_round_costs__is_refused(plan: HeadPlan) -> None:
    check_rules(plan)
    with pytest.raises(StudyError, match=r"privacy.cost is below"):
        check_rules(replace(plan, privacy=replace(plan.privacy, cost=plan.privacy.cost - 1)))
    longer = replace(plan, training=replace(plan.training, update_bound=plan.training.update_bound + 1))
    with pytest.raises(StudyError, match=r"privacy.cost is below"):
        check_rules(longer)
    with pytest.raises(StudyError, match=r"privacy.noise_bound is below"):
        check_rules(replace(plan, privacy=replace(plan.privacy, noise_bound=13_856)))


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("training", {"update_bound": 0}, "training.update_bound is 0 exactly where"),
        ("training", {"update_bound": ((1 << 25) - 14_000) ** 2}, "do not fit quantisation.value_bits"),
        ("privacy", {"noise_bound": (1 << 25) - 30_000}, "do not fit quantisation.value_bits"),
        ("privacy", {"level": "none"}, "privacy.neighbours is not, as the level says"),
        ("privacy", {"level": "patient", "neighbours": NEIGHBOURS["patient"]}, "privacy.level is not none or hospital"),
        ("privacy", {"cost": 0}, "privacy.cost is 0 exactly where"),
    ],
)
def test_head_plan__privacy_that_cannot_be__is_refused_by_the_key(
    plan: HeadPlan, part: str, change: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        replace(plan, **{part: replace(getattr(plan, part), **change)})


def test_head_plan__epsilon_of_8_over_five_rounds_of_five_full_hospitals__fits_26_bits(plan: HeadPlan) -> None:
    """192 rows whose average may move the model by a quarter: an update of 31 coordinates, in units of 2^-16."""
    training = replace(plan.training, update_bound=(192 << 14) ** 2)
    hidden = privacy.calibrated(training, 8.0, plan.privacy.delta, parameters=31, rounds=5, hospitals=4)
    people = replace(plan.participation, minimum=5)
    made = replace(plan, training=training, participation=people, privacy=hidden)
    check_rules(made)
    drawn = privacy.noise(hidden.noise_variance, 31, hidden.noise_bound)
    assert 0 < max(map(abs, drawn)) <= hidden.noise_bound and TrainingPlan.parse(made.canonical()) == made


def test_head_plan__update_and_noise_that_just_fit__is_taken(plan: HeadPlan) -> None:
    longest = ((1 << 25) - 14_000) ** 2 - 1
    assert replace(plan, training=replace(plan.training, update_bound=longest)).training.update_bound == longest
    with pytest.raises(DataError, match=r"training.update_bound is 0 exactly where"):
        replace(plan, privacy=Privacy(budget=0))
