# SPDX-License-Identifier: Apache-2.0
"""Keys that consent, keys that take over, and whom money goes to when its owner names somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.chain.wallet import create_keyfile, keyfile_address
from node.plan import TrainingPlan
from tests.support.network import PASSPHRASE, Network, Run

UNIT = 10**18
COLD = "0x52908400098527886E0F7030069857D2E4169EE7"
NOBODY = "0x" + "00" * 20
OWNER_DELAY = 3 * 24 * 3600
FINALISE = 1


@pytest.fixture
def keys(home: Path) -> tuple[Path, Path]:
    """The owner's keyfile in the node's folder, and an operator's on another machine."""
    create_keyfile(home / "owner.json", PASSPHRASE, work_factor=2)
    elsewhere = home.parent / "node" / "operator.json"
    create_keyfile(elsewhere, PASSPHRASE, work_factor=2)
    return home / "owner.json", elsewhere


def pass_time(network: Network, seconds: int) -> None:
    network.anvil.pass_time(seconds)
    network.anvil.request("evm_mine")


# The operator's consent


def test_register__operator_on_another_machine__takes_the_signature_made_there(
    run: Run, offline: Run, network: Network, keys: tuple[Path, Path]
) -> None:
    owner, operator = keys
    address = network.fund(owner)
    alone = run("hospital", "register", "--name", "St. Anna", "--operator", keyfile_address(operator))
    assert alone.code == 2 and f"hospital operator-signature --owner {address}" in alone.err
    there = ("--home", operator.parent, "--rpc", "http://127.0.0.1:1")
    signed = offline(*there, "hospital", "operator-signature", "--owner", address, "--json").value
    assert signed["owner"] == address and signed["operator"] == keyfile_address(operator)
    given = ("--operator", signed["operator"], "--operator-signature", signed["signature"])
    number = run("hospital", "register", "--name", "St. Anna", *given, "--json").value["hospital"]
    assert run("hospital", "show", number, "--json").value["operator"] == signed["operator"]


def test_register__signature_for_another_owner_or_none_at_all__is_refused_before_anything_is_sent(
    run: Run, network: Network, keys: tuple[Path, Path]
) -> None:
    owner, operator = keys
    network.fund(owner)
    stolen = run("--home", operator.parent, "hospital", "operator-signature", "--owner", COLD, "--json").value
    for signature in (stolen["signature"], "0x" + "11" * 65, "0x12"):
        given = ("--operator", stolen["operator"], "--operator-signature", signature)
        ended = run("hospital", "register", "--name", "St. Anna", *given)
        assert ended.code == 2 and "signature" in ended.err
    assert network.reader().hospital_id_of(keyfile_address(owner)) == 0


# Another owner


def test_owner__proposed_and_accepted_after_the_delay__is_the_one_who_owns(
    run: Run, network: Network, registered: int, tmp_path: Path
) -> None:
    create_keyfile(tmp_path / "heir.json", PASSPHRASE, work_factor=2)
    heir = network.fund(tmp_path / "heir.json")
    assert run("hospital", "owner", "propose", heir).code == 0
    assert run("hospital", "show", "--json").value["proposed_owner"] == heir
    accept = ("hospital", "owner", "accept", registered, "--keyfile", tmp_path / "heir.json", "--json")
    assert run(*accept).error["revert"] == "HospitalRegistryTooEarly"
    pass_time(network, OWNER_DELAY)
    accepted = run(*accept).value
    assert accepted["owner"] == heir and network.reader().hospital_id_of(heir) == registered
    assert "owns no hospital" in run("stake", "withdraw", "1").err, "the one before"


def test_owner__taken_back__cannot_accept(run: Run, network: Network, registered: int) -> None:
    assert run("hospital", "owner", "propose", COLD).code == 0
    assert run("hospital", "owner", "propose", "none", "--json").value["proposed"] is None
    assert run("hospital", "show", "--json").value["proposed_owner"] is None
    assert network.reader().proposed_owner(registered) == (NOBODY, 0)


# Where money goes


def test_stake_withdraw__to_another_address__is_paid_there(run: Run, network: Network, registered: int) -> None:
    assert run("stake", "deposit", "100").code == 0
    early = run("stake", "withdraw", "40", "--to", COLD)
    assert early.code == 2 and "without an amount" in early.err
    assert run("stake", "withdraw", "40").code == 0
    pass_time(network, 604_801)
    before = network.reader().token_balance(COLD)
    paid = run("stake", "withdraw", "--to", COLD, "--json").value
    assert (paid["to"], paid["amount"]) == (COLD, str(40 * UNIT))
    assert network.reader().token_balance(COLD) - before == 40 * UNIT


def test_refund__to_another_address__is_the_sponsors_word(
    run: Run, network: Network, registered: int, plan: Path
) -> None:
    council = ("--keyfile", network.council)
    study = run("study", "publish", plan, "--fund", *council, "--json").value["study"]
    pass_time(network, int(TrainingPlan.parse(plan.read_bytes()).phases.enrol))
    refused = run("study", "refund", study, "--to", COLD, "--json").error
    assert refused["revert"] == "RewardPoolWrongRecipient"
    before = network.reader().token_balance(COLD)
    paid = run("study", "refund", study, "--to", COLD, *council, "--json").value
    assert network.reader().token_balance(COLD) - before == int(paid["amount"]) > 0


def test_study_leave__while_enrolment_is_open__is_the_owners_and_frees_the_bond(
    run: Run, network: Network, registered: int, plan: Path, home: Path
) -> None:
    operator = keyfile_address(home / "operator.json")
    assert run("stake", "deposit", "120").code == 0
    study = run("study", "publish", plan, "--fund", "--keyfile", network.council, "--json").value["study"]
    network.act(operator, "StudyRegistry", "enrol", study, 77, 8, bytes(32), b"\x01" * 32)
    refused = run("study", "leave", study, "--keyfile", home / "operator.json", "--json").error
    assert refused["revert"] == "StudyRegistryNotOwner"
    left = run("study", "leave", study, "--json").value
    assert (left["hospital"], left["last_round"]) == (registered, None)
    shown = run("stake", "show", "--json").value
    assert (shown["available"], shown["lockable"]) == (str(120 * UNIT),) * 2


# Services


def test_services__of_owner_and_node__are_told_and_collected_by_the_key_that_earned_them(
    run: Run, network: Network, registered: int, plan: Path, home: Path
) -> None:
    study = run("study", "publish", plan, "--fund", "--keyfile", network.council, "--json").value["study"]
    owner, operator = (keyfile_address(home / f"{role}.json") for role in ("owner", "operator"))
    fee = int(TrainingPlan.parse(plan.read_bytes()).money.service_fee)
    rounds = network.reader().address("RoundManager")
    network.anvil.give_ether(rounds)
    for account in (owner, operator):
        network.act(rounds, "RewardPool", "credit", study, account, FINALISE)
    assert run("stake", "show", "--json").value["services"] == {owner: str(fee), operator: str(fee)}
    assert run("wallet", "show", "--json").value["services"] == str(fee)
    before = network.reader().token_balance(owner)
    told = run("claim", study)
    assert told.code == 0 and f"The node's key {operator} earned" in told.err
    assert network.reader().token_balance(owner) - before == fee
    nothing = run("claim", study)
    assert nothing.code == 2 and "claim with --keyfile of it" in nothing.err
    collected = run("claim", study, "--keyfile", home / "operator.json", "--to", COLD, "--json").value
    assert collected["services"] == str(fee) and collected["rounds"] == []
    assert set(run("stake", "show", "--json").value["services"].values()) == {0}


def test_claim__to_and_payout_at_once__is_refused(run: Run, registered: int) -> None:
    ended = run("claim", "1", "--to", COLD, "--payout", COLD)
    assert ended.code == 2 and "name one" in ended.err
