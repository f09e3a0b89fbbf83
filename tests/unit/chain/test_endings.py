# SPDX-License-Identifier: Apache-2.0
"""Why a study ended and who was missing, as the real contracts let it be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from node.chain.client import ChainReader
from node.chain.endings import Ending, Result, ending, hospital_name
from node.chain.records import to_struct
from node.cli.publishing import plan_terms
from node.group.pedersen import hash_to_curve
from tests.support.chain import running_anvil
from tests.support.local_suite import NAMES
from tests.support.played_study import Stage

MODEL = (9_000, -52_000, 31_000, 77_000, -4_000)


class Theatre:
    """A stage on which studies with plans of their own are played one after the other."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.reader: ChainReader = stage.played().reader()
        # A bond for each study.
        for hospital in (1, 2, 3):
            stage.send(stage.sponsor, "ConsiliumToken", "approve", stage.contracts["StakeVault"], 10**21)
            stage.send(stage.sponsor, "StakeVault", "deposit", hospital, 10**21)

    def publish(self, *, rounds: int = 2, unopened_rounds: int = 2) -> int:
        """A funded study in which nobody is enrolled."""
        plan = self.stage.plan
        self.stage.plan = replace(
            plan,
            title=f"Study {self.reader.study_count() + 1}",
            participation=replace(plan.participation, rounds=rounds, batch_rounds=rounds),
            money=replace(plan.money, unopened_rounds=unopened_rounds),
        )
        return self.stage.publish()

    def publish_terms(self, **changes: Any) -> int:
        """A study that nobody has funded, with numbers of the contract's changed."""
        terms = to_struct(plan_terms(self.stage.plan, self.reader.deployment)) | changes
        self.stage.send(self.stage.sponsor, "StudyRegistry", "publish", terms)
        return self.reader.study_count()

    def fund(self, study: int) -> None:
        """Escrow what the study needs."""
        needed, sponsor = self.reader.required_funding(study), self.stage.sponsor
        self.stage.send(sponsor, "ConsiliumToken", "approve", self.stage.contracts["RewardPool"], needed)
        self.stage.send(sponsor, "RewardPool", "fund", study, needed)

    def run(self, **plan: int) -> int:
        """A study in round 1."""
        study = self.publish(**plan)
        self.stage.enrol(study)
        self.stage.hold_ceremony(study)
        return study

    def end(self, study: int) -> Ending:
        """How it ended."""
        found = ending(self.reader, study)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("endings")
    with running_anvil(folder) as anvil:
        yield Theatre(Stage(anvil, folder))


def test_ending__study_that_goes_on__is_none(theatre: Theatre) -> None:
    study = theatre.publish()
    assert ending(theatre.reader, study) is None
    theatre.stage.enrol(study)
    assert ending(theatre.reader, study, 1) is None


def test_ending__every_round_finalised__is_completed_without_a_reason(theatre: Theatre) -> None:
    study = theatre.run(rounds=1)
    theatre.stage.play_round(study, 1, MODEL)
    end = theatre.end(study)
    assert end == Ending(study, Result.COMPLETED, "", (), 1, 1) and end.completed
    assert end.told(str) == "completed; 1 of 1 rounds finalised"


def test_ending__one_round_of_two_failed__is_completed_and_counts_it(theatre: Theatre) -> None:
    study = theatre.run(rounds=2)
    theatre.stage.fail_round(study, 1)
    theatre.stage.hold_ceremony(study, 2)
    theatre.stage.play_round(study, 2, MODEL)
    assert theatre.end(study).told(str) == "completed; 1 of 2 rounds finalised"


def test_ending__rewards_never_escrowed__is_the_sponsors_doing(theatre: Theatre) -> None:
    study = theatre.publish_terms()
    theatre.stage.anvil.warp(theatre.stage.plan.phases.enrol + 1)
    end = theatre.end(study)
    assert (end.result, end.missing, end.finalised) == (Result.CANCELLED, (), 0) and not end.completed
    assert "sponsor had not escrowed rewards and services" in end.reason


def test_ending__nobody_enrolled__says_how_many_it_needed(theatre: Theatre) -> None:
    study = theatre.publish()
    theatre.stage.anvil.warp(theatre.stage.plan.phases.enrol + 1)
    assert theatre.end(study).told(str) == (
        "cancelled: too few hospitals enrolled, 0 of at least 3; 0 of 2 rounds finalised"
    )


def test_ending__keys_missing__names_ceremonies_step_and_hospital(theatre: Theatre) -> None:
    study, stage = theatre.publish(), theatre.stage
    stage.enrol(study)
    for ceremony in (1, 2):
        keys = (*hash_to_curve(f"key {ceremony}"), bytes([ceremony]) * 32)
        for place, operator in enumerate(stage.operators[:2]):
            stage.send(operator, "KeyCeremony", "postKeys", study, ceremony, *keys, stage.salt(place))
        stage.anvil.warp(stage.plan.phases.ceremony_step + 1)
        stage.send(stage.sponsor, "KeyCeremony", "moveOn", study)
    end = theatre.end(study)
    assert (end.result, end.missing, end.lied) == (Result.CANCELLED, (3,), ())
    assert (
        "key ceremony 1 failed at its step key, since fewer hospitals than the plan's minimum were left" in end.reason
    )
    assert "key ceremony 2 failed at its step key" in end.reason
    named = end.told(lambda number: f"hospital {hospital_name(theatre.reader, number)}")
    assert f"missing: hospital 3 ({NAMES[2]}); 0 of 2 rounds" in named


def test_ending__a_liar_leaves_too_few__is_told_with_who_lied(theatre: Theatre) -> None:
    study, stage = theatre.publish(), theatre.stage
    stage.enrol(study)
    stage.post_keys(study, 1)
    stage.deal(study, 1)
    stage.hold(study, 1, satisfied=False)
    stage.complain(study, 1, by=0, dealer=2)
    for operator in stage.operators:
        stage.send(operator, "KeyCeremony", "beSatisfied", study, 1)
    stage.acknowledge(study, 1, guilty=0b100)
    end = theatre.end(study)
    assert (end.result, end.lied) == (Result.CANCELLED, (3,)) and "slashed for lies: 3" in end.told(str)
    alone = ending(theatre.reader, study, 3)
    assert alone is not None and alone.result is Result.CANCELLED


def test_ending__two_rounds_in_a_row_without_updates__names_rounds_reason_and_who_was_silent(
    theatre: Theatre,
) -> None:
    study = theatre.run(rounds=3)
    theatre.stage.fail_round(study, 1)
    theatre.stage.hold_ceremony(study, 2)
    theatre.stage.fail_round(study, 2)
    end = theatre.end(study)
    assert (end.result, end.missing, end.finalised, end.planned) == (Result.CANCELLED, (3,), 0, 3)
    assert end.reason == "rounds 1, 2 failed, since fewer hospitals submitted an update than the plan's minimum"


def test_ending__failures_after_a_model__is_ended_early(theatre: Theatre) -> None:
    study = theatre.run(rounds=4)
    theatre.stage.play_round(study, 1, MODEL)
    theatre.stage.fail_round(study, 2)
    theatre.stage.hold_ceremony(study, 2)
    theatre.stage.fail_round(study, 3)
    end = theatre.end(study)
    assert (end.result, end.missing, end.finalised) == (Result.EARLY, (3,), 1)
    assert end.reason.startswith("rounds 2, 3 failed")


def test_ending__completed_on_chain_and_no_round_gave_a_model__is_failed(theatre: Theatre) -> None:
    study = theatre.run(rounds=1, unopened_rounds=2)
    theatre.stage.fail_round(study, 1)
    end = theatre.end(study)
    assert (end.result, end.missing) == (Result.FAILED, (3,)) and not end.completed


def test_ending__nobody_opened_the_sum_in_time__names_who_gave_no_pad_share(theatre: Theatre) -> None:
    study, stage = theatre.run(rounds=2), theatre.stage
    stage.submit(study, 1)
    stage.include(study, 1)
    stage.anvil.warp(stage.plan.phases.open)
    stage.post_pad_shares(study, 1, members=(1,))
    stage.anvil.warp(stage.plan.phases.patience)
    stage.send(stage.sponsor, "RoundManager", "failRound", study, 1)
    end = theatre.end(study)
    assert (end.result, end.missing) == (Result.CANCELLED, (1, 3))
    assert end.reason == (
        "round 1 failed, since fewer hospitals than the threshold gave pad shares within the plan's patience"
    )


def test_ending__too_few_attested__names_who_did_not(theatre: Theatre) -> None:
    study, stage = theatre.run(rounds=3), theatre.stage
    theatre.stage.fail_round(study, 1)
    stage.hold_ceremony(study, 2)
    stage.submit(study, 2)
    stage.send(stage.operators[1], "RoundManager", "attest", study, 2, 0b111)
    stage.anvil.warp(stage.plan.phases.attest + 1)
    stage.send(stage.sponsor, "RoundManager", "includeUpdates", study, 2, [])
    end = theatre.end(study)
    assert (end.result, end.missing) == (Result.CANCELLED, (1, 3))
    assert "attested by enough hospitals" in end.reason


def test_ending__model_that_a_set_was_opened_from__is_ended_early(theatre: Theatre) -> None:
    study, stage = theatre.run(rounds=3), theatre.stage
    stage.play_round(study, 1, stage.plan.model.initial)
    end = theatre.end(study)
    assert (end.result, end.missing, end.finalised) == (Result.EARLY, (), 1)
    assert end.reason == "round 1 came back to a model that an earlier set was opened from"


def test_ending__too_few_left_after_one_left__names_who_left(theatre: Theatre) -> None:
    study, stage = theatre.run(rounds=2), theatre.stage
    stage.send(stage.owners[1], "StudyRegistry", "leaveStudy", study, 2)
    stage.play_round(study, 1, MODEL)
    end = theatre.end(study)
    assert (end.result, end.missing) == (Result.EARLY, ())
    assert end.reason == "too few hospitals are left of at least 3: hospital 2 left"


def test_ending__privacy_budget_for_fewer_rounds__is_ended_early_after_them(theatre: Theatre) -> None:
    study, stage = theatre.publish_terms(rounds=2, batchRounds=2, privacyBudget=1, privacyCost=1), theatre.stage
    theatre.fund(study)
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.play_round(study, 1, MODEL)
    end = theatre.end(study)
    assert (end.result, end.finalised, end.planned) == (Result.EARLY, 1, 2)
    assert end.reason == "its privacy budget is spent after round 1"


def test_name__that_would_steer_a_terminal__is_shown_without_it(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(theatre.reader.hospital(1), name="St.\x1b[2J Anna\n2026 ERROR pay")
    monkeypatch.setattr(ChainReader, "hospital", lambda _self, _number: found)
    assert hospital_name(theatre.reader, 1) == r"1 (St.\x1b[2J Anna\n2026 ERROR pay)"
