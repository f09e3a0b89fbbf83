# SPDX-License-Identifier: Apache-2.0
"""The command line against the real contracts: from registration to money taken back."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from node.chain.client import ChainReader
from node.chain.studies import salt_commitment
from node.chain.wallet import create_keyfile, keyfile_address
from node.plan import TrainingPlan
from node.words import format_span
from tests.support.network import PASSPHRASE, Network, Run

UNIT = 10**18


def test_hospital__registered_and_admitted__is_listed(run: Run, registered: int) -> None:
    shown = run("hospital", "show", "--json").value
    assert shown["id"] == registered and shown["standing"] == "admitted" and shown["name"] == "St. Anna"
    assert registered in [row["id"] for row in run("council", "list", "--json").value]
    assert "St. Anna" in run("council", "list").out


def test_hospital__registered_twice__returns_the_first_receipt(run: Run, registered: int) -> None:
    assert run("hospital", "register", "--name", "St. Anna", "--json").value["hospital"] == registered


def test_hospital__registered_again_under_another_name__is_refused(run: Run, registered: int) -> None:
    ended = run("hospital", "register", "--name", "St. Bertha")
    assert ended.code == 2 and f"hospital {registered} already: St. Anna" in ended.err


@pytest.mark.parametrize("name", ["St.\x1b[31m Anna", "St.\nAnna", "St.\u202eAnna", "  "])
def test_hospital__name_that_cannot_be_printed__is_refused(run: Run, home: Path, name: str) -> None:
    for role in ("owner", "operator"):
        create_keyfile(home / f"{role}.json", PASSPHRASE, work_factor=2)
    ended = run("hospital", "register", "--name", name)
    assert ended.code == 2 and "can be printed" in ended.err


def test_hospital_endpoint__owner_or_operator__changes_it_on_chain_and_takes_it_back(
    run: Run, registered: int, home: Path
) -> None:
    url = "https://blocks.hospital.example/consilium"
    assert run("hospital", "endpoint", url, "--json").value["endpoint"] == url
    assert run("hospital", "show", "--json").value["endpoint"] == url
    operator = ("--keyfile", home / "operator.json")
    assert run("hospital", "endpoint", "http://127.0.0.1:8080", *operator).code == 0
    assert run("hospital", "show", "--json").value["endpoint"] == "http://127.0.0.1:8080"
    assert "has no gateway now" in run("hospital", "endpoint", "").out
    assert run("hospital", "show", "--json").value["endpoint"] == ""


def test_hospital_endpoint__no_address_or_a_stranger_s_key__is_refused(
    run: Run, network: Network, registered: int
) -> None:
    for url in ("hospital.example", "https://user:word@hospital.example", "https://hospital.example/" + "a" * 300):
        ended = run("hospital", "endpoint", url)
        assert ended.code == 2 and "address of a gateway" in ended.err
        assert run("hospital", "register", "--name", "St. Anna", "--endpoint", url).code == 2
    council = ("--keyfile", network.council, "--hospital", registered, "--json")
    stranger = run("hospital", "endpoint", "https://evil.example", *council).error
    assert stranger["revert"] == "HospitalRegistryNotOwnerOrOperator"


def test_hospital_endpoint__other_than_the_node_s_configuration__is_refused_before_the_node_undoes_it(
    run: Run, registered: int, tmp_path: Path
) -> None:
    (tmp_path / "records.csv").write_text("a\n")
    advertised = "https://one.hospital.example"
    assert run("node", "init", "--data", "records.csv", "--advertise", advertised).code == 0
    ended = run("hospital", "endpoint", "https://two.hospital.example")
    assert ended.code == 2 and advertised in ended.err and "config.toml" in ended.err
    assert run("hospital", "endpoint", advertised).code == 0


def test_council__stranger_admits__is_refused_by_name(run: Run, registered: int) -> None:
    error = run("council", "suspend", registered, "--json").error
    assert error["error"] == "ContractReverted" and error["revert"] == "AccessControlUnauthorizedAccount"
    assert error["exit_code"] == 4 and error["call"] == "HospitalRegistry.suspend"


def test_council__suspends_and_admits_again__both_count(run: Run, network: Network, registered: int) -> None:
    council = ("--keyfile", network.council)
    for command, standing in (("suspend", "suspended"), ("admit", "admitted"), ("suspend", "suspended")):
        assert run("council", command, registered, *council).code == 0
        assert run("hospital", "show", registered, "--json").value["standing"] == standing


def test_stake__deposited_asked_back_and_paid(run: Run, network: Network, registered: int) -> None:
    assert run("stake", "deposit", "120.5", "--json").value["amount"] == str(1205 * UNIT // 10)
    assert run("stake", "deposit", "120.5").code == 0
    assert run("stake", "show", "--json").value["available"] == str(241 * UNIT)
    assert run("stake", "withdraw", "200").code == 0
    early = run("stake", "withdraw", "--json").error
    assert early["revert"] == "StakeVaultStillUnbonding"
    network.anvil.pass_time(604_801)
    network.anvil.request("evm_mine")
    assert run("stake", "withdraw", "--json").value["amount"] == str(200 * UNIT)
    shown = run("stake", "show").out
    assert "41 " in shown
    assert run("wallet", "show", "--json").value["tokens"] == str((500 - 41) * UNIT)


def test_stake__given_back_by_a_study_without_a_round__can_be_locked_again_at_once(
    run: Run, network: Network, registered: int, plan: Path, home: Path
) -> None:
    """A study that nobody else enrols in locks a bond of 100 tokens, ends, and gives it back."""
    operator, council = keyfile_address(home / "operator.json"), ("--keyfile", network.council)
    assert run("stake", "deposit", "120").code == 0
    study = run("study", "publish", plan, "--fund", *council, "--json").value["study"]
    network.act(operator, "StudyRegistry", "enrol", study, 77, 8, bytes(32), salt_commitment(bytes(32)))
    shown = run("stake", "show", "--json").value
    assert (shown["available"], shown["lockable"]) == (str(20 * UNIT), str(20 * UNIT))
    network.anvil.pass_time(int(TrainingPlan.parse(plan.read_bytes()).phases.enrol))
    network.act(operator, "StudyRegistry", "releaseBond", study, registered)
    shown = run("stake", "show", "--json").value
    assert (shown["available"], shown["lockable"]) == (str(120 * UNIT), str(120 * UNIT))


def test_stake__within_reach_of_evidence__is_shown_with_what_an_enrolment_can_lock_and_from_when(
    run: Run, network: Network, registered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("stake", "deposit", "120").code == 0
    rest_from = network.reader().head().timestamp + 7 * 24 * 3600
    monkeypatch.setattr(ChainReader, "lockable_bond", lambda *_: 20 * UNIT)
    monkeypatch.setattr(ChainReader, "bond_cools_until", lambda *_: rest_from)
    shown, told = run("stake", "show", "--json").value, run("stake", "show").out
    assert (shown["lockable"], shown["lockable_rest_from"]) == (str(20 * UNIT), rest_from)
    assert re.search(r"lockable +20 \w+, 100 \w+ more from 20\d\d-", told)


def test_stake__more_than_there_is__is_refused_with_the_amounts(run: Run, registered: int) -> None:
    error = run("stake", "withdraw", "1", "--json").error
    assert error["revert"] == "StakeVaultInsufficient" and error["values"]["available"] == 0


def test_stake__no_hospital_of_ones_own__says_how_to_get_one(run: Run, home: Path) -> None:
    create_keyfile(home / "owner.json", PASSPHRASE, work_factor=2)
    ended = run("stake", "deposit", "1")
    assert ended.code == 2 and "consilium hospital register" in ended.err


def test_hospital__unknown__has_no_bond_to_show(run: Run) -> None:
    assert run("stake", "show", "999", "--json").error["revert"] == "HospitalRegistryUnknownHospital"


def test_amount__of_zero__is_refused(run: Run, network: Network, registered: int) -> None:
    for command in (("stake", "deposit", "0"), ("wallet", "send", "0x" + "11" * 20, "0.0")):
        ended = run(*command)
        assert ended.code == 2 and "zero" in ended.err


def test_study__published_and_funded__opens(run: Run, network: Network, plan: Path) -> None:
    council = ("--keyfile", network.council)
    number = run("study", "publish", plan, *council, "--json").value["study"]
    assert run("study", "show", number, "--json").value["state"] == "published"
    assert run("study", "fund", number, *council).code == 0
    shown = run("study", "show", number, "--json").value
    assert shown["state"] == "enrolling" and shown["funded"] == shown["needed"] and shown["history"] == []
    assert shown["waits_for"].startswith("hospitals to enrol")
    full = run("study", "fund", number, *council)
    assert full.code == 2 and "funded in full" in full.err
    again = run("study", "publish", plan, "--fund", *council, "--json").value
    assert again["study"] == number + 1 and len(again["transactions"]) == 2
    assert [row["id"] for row in run("study", "list", "--json").value][-2:] == [number, number + 1]
    early = run("study", "refund", number, *council, "--json").error
    assert early["exit_code"] == 4


def test_study__ended_without_hospitals__says_so_where_it_is_shown_and_listed(
    run: Run, network: Network, plan: Path
) -> None:
    number = run("study", "publish", plan, "--fund", "--keyfile", network.council, "--json").value["study"]
    assert run("study", "show", number, "--json").value["outcome"] is None
    kept = network.anvil.request("evm_snapshot")
    network.anvil.pass_time(json.loads(plan.read_text())["phases"]["enrol"])
    network.anvil.request("evm_mine")
    try:
        told = "cancelled: too few hospitals enrolled, 0 of at least 3; 0 of 2 rounds finalised"
        assert run("study", "show", number, "--json").value["outcome"] == told
        listed = {row["id"]: row["outcome"] for row in run("study", "list", "--json").value}
        assert listed[number] == told
    finally:
        network.anvil.request("evm_revert", kept)


def test_study__machines_clock_a_year_wrong__counts_what_is_left_by_the_chain(
    run: Run, network: Network, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = run("study", "publish", plan, "--fund", "--keyfile", network.council, "--json").value["study"]
    end, now = network.reader().enrolment_end(number), time.time
    for wrong in (366 * 86_400, -366 * 86_400):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: now() + wrong)
        shown = run("study", "show", number, "--json").value["waits_for"]
        left = end - network.reader().head().timestamp
        assert shown in {f"hospitals to enrol ({format_span(left - late)} left)" for late in range(61)}


def test_study__changed_document__is_refused_before_anything_is_sent(run: Run, network: Network, plan: Path) -> None:
    plan.write_bytes(plan.read_bytes().replace(b'"epochs":', b'"epochs": '))
    ended = run("study", "publish", plan, "--keyfile", network.council)
    assert ended.code == 3


@pytest.mark.parametrize(
    ("there", "instead", "named"),
    [
        (b'"batch_size":32', b'"batch_size":16', "training.batch_size is not 32, as training_192x30 has it: it is 16"),
        (
            b'"rows_maximum":192',
            b'"rows_maximum":160',
            "training.rows_maximum is not 192, as training_192x30 has it: it is 160",
        ),
        (b'"epochs":4', b'"epochs":5', "training.epochs is above 4, the most that training_192x30 proves: it is 5"),
        (
            b'"value_bits":26',
            b'"value_bits":27',
            "quantisation.value_bits is not 26, as training_192x30 has it: it is 27",
        ),
    ],
)
def test_study__plan_its_circuits_do_not_prove__is_refused_before_anything_is_sent(
    run: Run, network: Network, plan: Path, there: bytes, instead: bytes, named: str
) -> None:
    plan.write_bytes(plan.read_bytes().replace(there, instead))
    ended = run("study", "publish", plan, "--keyfile", network.council)
    assert ended.code == 3 and named in ended.err


@pytest.mark.parametrize("command", ["show", "fund"])
def test_study__unknown__is_refused_by_name(run: Run, command: str) -> None:
    assert run("study", command, 999, "--json").error["revert"] == "StudyRegistryUnknownStudy"


def test_claim__nothing_earned__says_so(run: Run, network: Network, registered: int, plan: Path) -> None:
    study = run("study", "publish", plan, "--fund", "--keyfile", network.council, "--json").value["study"]
    ended = run("claim", study)
    assert ended.code == 2 and "nothing to claim" in ended.err


def test_wallet_send__mistyped_address__is_refused(run: Run, network: Network) -> None:
    ended = run("wallet", "send", "0x70997970C51812dc3A010C7d01b50e0d17dc79c8", "1", "--keyfile", network.council)
    assert ended.code == 2 and "checksum" in ended.err


def test_node_status__beside_the_chain__shows_keys_and_studies(
    run: Run, registered: int, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "records.csv").write_text("a\n")
    assert run("node", "init", "--data", "records.csv").code == 0
    value = run("node", "status", "--json").value
    assert value["hospital"] == registered and value["running"] is False and value["studies"] == {}
    shown = run("node", "status").out
    assert "admitted" in shown and "wei" not in shown and " ether" in shown
