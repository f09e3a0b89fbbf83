# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a running study, by the commands on the real contracts; and how it is shown to stand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.operators import consent
from node.chain.studies import salt_commitment
from node.chain.wallet import import_key
from tests.support.chain import development_key, running_anvil
from tests.support.local_suite import UNIT
from tests.support.network import PASSPHRASE, Run
from tests.support.played_study import Stage

FINE = UNIT


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("membership")
    with running_anvil(folder) as anvil:
        yield Stage(anvil, folder)


@pytest.fixture
def command(stage: Stage, offline: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CONSILIUM_RPC", stage.anvil.url)
    monkeypatch.setenv("CONSILIUM_DEPLOYMENT", str(stage.deployment))
    return offline


def running(stage: Stage, *, joining: str = "closed", rounds: int = 3, batch_rounds: int = 3) -> int:
    """A study in round 1."""
    number = stage.played().reader().study_count() + 1
    people = replace(stage.plan.participation, joining=joining, maximum=4, rounds=rounds, batch_rounds=batch_rounds)
    stage.plan = replace(stage.plan, title=f"Study {number}", participation=people)
    study = stage.publish()
    stage.enrol(study)
    stage.anvil.warp(stage.plan.phases.enrol + 1)
    stage.hold_ceremony(study)
    return study


def key(folder: Path, account: int) -> tuple[str, Path]:
    """The option that signs with one of anvil's accounts: 1 to 3 own, 4 to 6 operate the hospitals."""
    file = folder / f"account-{account}-{time.monotonic_ns()}.json"
    import_key(file, development_key(account), PASSPHRASE, work_factor=2)
    return "--keyfile", file


def test_rotate__asked_for_again_too_soon__tells_the_price_and_wants_it_agreed_to(
    stage: Stage, command: Run, tmp_path: Path
) -> None:
    study = running(stage, rounds=9, batch_rounds=9)
    owner = key(tmp_path, 1)
    first = command("keys", "rotate", study, *owner, "--json").value
    assert (first["last_round"], first["charged"]) == (1, 0)
    stage.play_round(study, 1, (1, 2, 3, 4, 5))
    stage.hold_ceremony(study, 2)
    refused = command("keys", "rotate", study, *owner)
    assert refused.code == 2 and "5 CSL of the bond, for the other hospitals" in refused.err and "--yes" in refused.err
    assert stage.played().reader().batch_of(study, 2).last_round == 9
    paid = command("keys", "rotate", study, *owner, "--yes", "--json").value
    assert (paid["last_round"], paid["charged"]) == (2, str(5 * FINE))
    # For another hospital the first one is free.
    stage.play_round(study, 2, (2, 3, 4, 5, 6))
    stage.hold_ceremony(study, 3)
    assert command("keys", "rotate", study, *key(tmp_path, 2), "--json").value["charged"] == 0


def newcomer(stage: Stage) -> int:
    """A fourth hospital, admitted and with a bond."""
    owner, operator = stage.accounts[7:9]
    reader = stage.played().reader()
    if number := reader.hospital_id_of(owner):
        return number
    agreed = stage.sign(operator, consent(reader.deployment, owner, operator))
    stage.send(owner, "HospitalRegistry", "register", operator, agreed, "Newcomer", "")
    number = reader.hospital_id_of(owner)
    stage.send(stage.sponsor, "HospitalRegistry", "admit", number)
    stage.send(stage.sponsor, "ConsiliumToken", "approve", stage.contracts["StakeVault"], 100 * UNIT)
    stage.send(stage.sponsor, "StakeVault", "deposit", number, 100 * UNIT)
    return number


def test_approve__study_that_takes_newcomers__counts_until_it_can_enrol(
    stage: Stage, command: Run, tmp_path: Path
) -> None:
    study, number = running(stage, joining="approved"), newcomer(stage)
    first = command("study", "approve", study, number, *key(tmp_path, 4), "--json").value
    assert (first["approvals"], first["needed"]) == (1, 2)
    again = command("study", "approve", study, number, *key(tmp_path, 4))
    assert again.code == 4 and "Hospital 1 has approved of hospital 4 already" in again.err
    place = (study, 4000, 6, bytes(32), salt_commitment(bytes(32)))
    with pytest.raises(AssertionError, match="enrol reverted"):
        stage.send(stage.accounts[8], "StudyRegistry", "enrol", *place)
    second = command("study", "approve", study, number, *key(tmp_path, 5))
    assert second.code == 0 and "(Newcomer) is approved of" in second.out and "it can enrol now" in second.out
    stage.send(stage.accounts[8], "StudyRegistry", "enrol", *place)
    reader = stage.played().reader()
    # The batch ends with the round that goes on, and the newcomer is asked for keys then.
    assert reader.batch_of(study, 1).last_round == 1 and reader.next_due(study) == 0b1111


def test_approve__by_an_owner__is_refused(stage: Stage, command: Run, tmp_path: Path) -> None:
    study, number = running(stage, joining="approved"), newcomer(stage)
    refused = command("study", "approve", study, number, *key(tmp_path, 1))
    assert refused.code == 4 and "[StudyRegistryNot" in refused.err


def test_approve__closed_study__is_refused_in_a_sentence(stage: Stage, command: Run, tmp_path: Path) -> None:
    study = running(stage)
    refused = command("study", "approve", study, newcomer(stage), *key(tmp_path, 4))
    assert refused.code == 4 and "takes no newcomers: its plan says so" in refused.err


def test_leave__running_study_without_a_privacy_budget__warns_of_what_it_shows(
    stage: Stage, command: Run, tmp_path: Path
) -> None:
    study = running(stage)
    left = command("study", "leave", study, *key(tmp_path, 1))
    assert left.code == 0 and "after round 1" in left.out
    assert "shows its own update approximately to everybody" in left.err


def test_leave__by_the_operator__is_refused(stage: Stage, command: Run, tmp_path: Path) -> None:
    study = running(stage)
    refused = command("study", "leave", study, *key(tmp_path, 4))
    assert refused.code == 4 and "Only the owner of hospital 1" in refused.err


def test_show__running_study__says_who_takes_part_and_how_many_may_fall_away(stage: Stage, command: Run) -> None:
    study = running(stage)
    shown = command("study", "show", study, "--json").value
    assert shown["batch"] == {
        "ceremony": 1,
        "first_round": 1,
        "last_round": 3,
        "participants": [1, 2, 3],
        "dealt": [1, 2, 3],
        "with_ckks": True,
    }
    assert (shown["survives"], shown["joining"], shown["suspended_until"]) == (0, "closed", None)
    assert shown["opens"] == "by CKKS, then by pads"
    told = command("study", "show", study).out
    assert "rounds 1 to 3 by ceremony 1: hospitals 1, 2, 3" in told
    assert "0 silent or lying hospitals, with 3 that may submit of at least 3: fewer can stop it" in " ".join(
        told.split()
    )
    row = command("study", "list", "--json").value[-1]
    assert (row["id"], row["survives"], row["joining"], row["opens"]) == (study, 0, "closed", "ckks")


def test_show__suspended_round__says_until_when_and_what_it_waits_for(stage: Stage, command: Run) -> None:
    study = running(stage)
    stage.submit(study, 1)
    stage.include(study, 1)
    assert command("study", "show", study, "--json").value["waits_for"].startswith("hospitals ")
    stage.anvil.warp(stage.plan.phases.open)
    stage.post_pad_shares(study, 1, members=(0,))
    stage.anvil.warp(stage.plan.phases.open)
    shown = command("study", "show", study, "--json").value
    reader = stage.played().reader()
    assert shown["suspended_until"] == reader.round_state(study, 1).included_at + stage.plan.phases.patience
    assert shown["waits_for"].startswith("1 more pad shares of any participants: opening of round 1 by pads")
    assert "suspended until" in command("study", "list", "--json").value[-1]["outcome"]
    assert "then the study ends" in command("study", "show", study).out


def test_show__two_openings_failed_by_ckks__says_that_pads_open_at_once(stage: Stage, command: Run) -> None:
    study = running(stage)
    stage.play_round(study, 1, (11, 2, 3, 4, 5), by_pads=True)
    assert "1 of 2 failures of CKKS" in command("study", "show", study, "--json").value["opens"]
    stage.play_round(study, 2, (12, 2, 3, 4, 5), by_pads=True)
    assert command("study", "show", study, "--json").value["opens"] == "by pads: CKKS has failed 2 times"


def test_show__during_a_ceremony__says_whose_part_is_missing(stage: Stage, command: Run) -> None:
    study = running(stage, rounds=2, batch_rounds=1)
    stage.play_round(study, 1, (21, 2, 3, 4, 5))
    shown = command("study", "show", study, "--json").value
    assert shown["waits_for"].startswith("hospitals 1, 2, 3: step key of key ceremony 2") and shown["batch"] is None
