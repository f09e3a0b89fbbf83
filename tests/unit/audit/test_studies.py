# SPDX-License-Identifier: Apache-2.0
"""A study as it is read back from a real chain and a real block folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.audit.basics import Verdict
from node.audit.contents import open_contents
from node.audit.reproof import aggregation_signals, training_signals
from node.audit.studies import list_studies, read_study
from node.audit.views import Move, StudyView
from node.cli import main
from node.errors import ChainUnavailable, ContractReverted
from node.types import FailureReason, Phase, StudyState
from node.words import FAILURE
from tests.support.local_suite import ABSENCE_FINE, NAMES, ROWS, SERVICE_BUDGET, SERVICE_FEE, UNIT, Played
from tests.support.played_study import Stage


@pytest.fixture(scope="module")
def view(played_study: Played) -> StudyView:
    return read_study(played_study.reader(), open_contents([played_study.store], []), 1)


def test_list_studies__after_one_was_published__gives_its_state(played_study: Played) -> None:
    (listing,) = list_studies(played_study.reader())
    assert (listing.study_id, listing.state) == (1, StudyState.COMPLETED)


def test_list_studies__before_any_was_published__is_empty(stage: Stage) -> None:
    assert list_studies(stage.played().reader()) == ()


def test_read_study__of_an_unknown_number__is_refused(played_study: Played) -> None:
    with pytest.raises(ContractReverted, match="StudyRegistryUnknownStudy"):
        read_study(played_study.reader(), open_contents([], []), 9)


def test_read_study__gives_plan_people_and_rounds(view: StudyView) -> None:
    assert view.title == "Benign or malignant?"
    assert [item.name for item in view.hospitals] == list(NAMES)
    assert [item.rows for item in view.hospitals] == list(ROWS)
    assert [item.phase for item in view.rounds] == [Phase.FINALISED, Phase.FAILED, Phase.FINALISED]
    assert view.rounds[1].failure is FailureReason.TOO_FEW_SUBMISSIONS
    assert view.rounds[1].included == ()
    assert view.rounds[2].included == (1, 2, 3)
    assert view.rounds[2].sum_rows == sum(ROWS)


def test_read_study__gives_the_model_after_each_finalised_round(view: StudyView) -> None:
    assert [model.round_number for model in view.models] == [0, 1, 3]
    assert view.models[0].weights == (0,) * 5
    assert view.model.weights == (12_500, -71_000, 22_000, 90_000, -6_500)


def test_read_study__gives_the_money_to_the_last_unit(view: StudyView) -> None:
    money = view.money
    assert money.paid_in == money.pool_record == 300 * UNIT + SERVICE_BUDGET
    assert money.earned == 200 * UNIT
    assert money.paid_out == view.hospitals[0].earned == view.hospitals[0].claimed
    # Two rounds were included and finalised, one recorded as failed.
    assert money.served == money.service_spent == 4 * SERVICE_FEE + SERVICE_FEE // 2
    assert money.refundable == 100 * UNIT + SERVICE_BUDGET - money.served
    # The third hospital missed the second round.
    assert [fine.hospital_id for fine in money.fines] == [3]
    assert (money.locked, money.held, money.fines_left) == (120 * UNIT, 120 * UNIT - ABSENCE_FINE, ABSENCE_FINE)


def test_read_study__gives_what_changed_who_takes_part(view: StudyView) -> None:
    (cut,) = view.moves
    assert (cut.what, cut.of) == (Move.CUT_SHORT, (3,))
    assert [item.left or item.excluded for item in view.hospitals] == [False] * 3


def test_read_study__without_its_files__says_which_part_is_missing(played_study: Played, tmp_path: Path) -> None:
    view = read_study(played_study.reader(), open_contents([tmp_path / "nothing"], []), 1)
    assert view.plan.document is None and view.plan.verdict is Verdict.UNREACHABLE
    assert "--store" in view.plan.problem
    assert view.model.weights is None and view.model.verdict is Verdict.UNREACHABLE
    assert len(view.rounds) == 3 and view.money.paid_in == 300 * UNIT + SERVICE_BUDGET


def test_read_study__in_the_middle_of_a_round__shows_what_is_there(stage: Stage) -> None:
    study = stage.publish()
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.submit(study, 1, members=(0,))
    view = read_study(stage.played().reader(), open_contents([stage.store_folder], []), study)
    assert (view.state, view.rounds[0].phase) == (StudyState.RUNNING, Phase.SUBMIT)
    assert len(view.rounds[0].submissions) == 1 and view.rounds[0].quorum == ()
    assert view.model.round_number == 0


def test_read_study__with_the_chain_away__is_unavailable(stage: Stage) -> None:
    reader = stage.played().reader()
    stage.anvil.stop()
    with pytest.raises(ChainUnavailable):
        read_study(reader, open_contents([], []), 1)


def test_public_inputs__put_together_here__are_those_of_the_contract(played_study: Played, view: StudyView) -> None:
    reader, item = played_study.reader(), view.rounds[0]
    submission = item.submissions[1]
    context = reader.training_context(1, 1, submission.hospital_id, submission.file.digest)
    assert training_signals(view, item, submission) == (
        context,
        view.plan.terms.initial_root,
        1001,
        ROWS[1],
        reader.plan_root(1),
        *submission.commitment,
    )
    assert aggregation_signals(view, item)[0] == reader.aggregation_context(1, 1, 0b111)


def test_study_show__round_that_failed__says_why(played_study: Played, capsys: pytest.CaptureFixture[str]) -> None:
    network = ["--rpc", played_study.anvil.url, "--deployment", str(played_study.deployment)]
    assert main(["study", "show", "1", "--json", *network]) == 0
    told = [row["failed_since"] for row in json.loads(capsys.readouterr().out)["history"]]
    assert told == ["", FAILURE[FailureReason.TOO_FEW_SUBMISSIONS], ""]
