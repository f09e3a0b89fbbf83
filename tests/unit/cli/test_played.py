# SPDX-License-Identifier: Apache-2.0
"""Commands on a study that was played to its end: what it is about, and what is earned in many rounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.wallet import import_key
from node.cli import claiming
from node.cli.claiming import CLAIM_ROUNDS_MOST, named_rounds
from node.cli.plans import in_words, short_title
from node.storage.gateway import Gateway
from node.storage.local import LocalStore
from tests.support.chain import development_key, running_anvil
from tests.support.local_suite import UNIT, Played
from tests.support.network import PASSPHRASE, Run
from tests.support.plans import small_plan
from tests.support.played_study import play_study

#: What a transaction may use (EIP-7825).
GAS_MOST = 1 << 24


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A finished study, of whose rewards the second and the third hospital have taken nothing."""
    folder = tmp_path_factory.mktemp("played")
    with running_anvil(folder) as anvil:
        yield play_study(anvil, folder)


@pytest.fixture
def command(played: Played, offline: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on its network."""
    monkeypatch.setenv("CONSILIUM_RPC", played.anvil.url)
    monkeypatch.setenv("CONSILIUM_DEPLOYMENT", str(played.deployment))
    return offline


def owner(folder: Path, hospital: int) -> Path:
    """The keyfile of a hospital's owner, who is one of anvil's accounts."""
    import_key(folder / "owner.json", development_key(hospital), PASSPHRASE, work_factor=2)
    return folder / "owner.json"


def test_claim__more_rounds_than_one_transaction_holds__takes_several_and_tells_of_all(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "CLAIM_ROUNDS_MOST", 1)
    key = ("--keyfile", owner(tmp_path, 2))
    value = command("claim", "1", *key, "--json").value
    assert value["rounds"] == [1, 3]
    # Two claims, and the bond.
    assert len(value["transactions"]) == 3 and len({one["hash"] for one in value["transactions"]}) == 3
    assert 0 < int(value["paid"]) <= 200 * UNIT
    again = command("claim", "1", *key)
    assert again.code == 2 and "nothing to claim" in again.err


def test_claim__as_many_rounds_as_it_takes_at_once__fit_into_a_transaction(
    command: Run, played: Played, tmp_path: Path
) -> None:
    ended = command("claim", "1", "--keyfile", owner(tmp_path, 3), "--json").value
    two = ended["transactions"][0]["gas"]
    reader = played.reader()
    one = reader.events("RewardPool", "RewardClaimed", 0, reader.head().number)
    gas = {event.arguments["hospitalId"]: event.tx_hash for event in one}
    single = int(played.anvil.request("eth_getTransactionReceipt", gas[2])["gasUsed"], 16)
    assert CLAIM_ROUNDS_MOST * (two - single) < GAS_MOST * 3 / 4


def test_claim__rounds_in_words__are_put_as_runs() -> None:
    assert named_rounds([3]) == "round 3"
    assert named_rounds([1, 2]) == "rounds 1, 2"
    assert named_rounds([1, 2, 3, 4, 6, 8, 9, 10]) == "rounds 1 to 4, 6, 8 to 10"


def test_study__plan_not_at_hand__is_said_with_what_to_ask_for(command: Run, played: Played) -> None:
    assert "(plan not at hand)" in command("study", "list").out
    assert command("study", "list", "--json").value[0]["title"] is None
    shown = command("study", "show", "1").out
    assert "not at hand: ask the sponsor for baf" in shown and "100 CSL for all hospitals together" in shown
    assert command("study", "show", "1", "--json").value["question"] is None


def test_study__plan_with_an_enrolled_hospital__is_read_from_its_gateway(
    command: Run, played: Played, tmp_path: Path
) -> None:
    gateway = Gateway(LocalStore(played.store))
    try:
        assert command("hospital", "endpoint", gateway.url, "--keyfile", owner(tmp_path, 1)).code == 0
        listed = command("study", "list", "--json").value[0]
        assert listed["title"] == "Benign or malignant?" and listed["reward_per_round"] == str(100 * UNIT)
        assert "100 CSL" in command("study", "list").out
        shown = command("study", "show", "1").out
        value = command("study", "show", "1", "--json").value
    finally:
        gateway.close()
    assert value["columns"] == ["radius", "texture", "smoothness", "concavity"]
    assert value["label"].keys() == {"name", "positive", "negative"} and value["question"] in shown
    assert "4: “radius”, “texture”, “smoothness”, “concavity”" in shown and "(positive)" in shown


def test_study__plan_in_a_file__is_shown_only_where_it_is_the_one_on_chain(
    command: Run, played: Played, tmp_path: Path
) -> None:
    terms = played.reader().study(1).plan
    file = tmp_path / "plan.json"
    file.write_bytes(LocalStore(played.store).get(terms.document_digest, terms.document_size))
    assert "Benign or malignant?" in command("study", "show", "1", "--plan", file).out
    file.write_bytes(small_plan().canonical())
    ended = command("study", "show", "1", "--plan", file)
    assert ended.code == 3 and "not the plan of study 1" in ended.err


def test_study__words_of_a_sponsor_who_wants_attention__are_cut_and_in_quotes(played: Played) -> None:
    plan = small_plan()
    loud = replace(
        plan,
        title="A" * 200,
        model=replace(plan.model, label=replace(plan.model.label, name="ill (positive), and paid in full")),
    )
    study = played.reader().study(1)
    assert len(short_title(loud)) == 60 and short_title(loud).endswith("…")
    assert in_words(loud, study)["label"].startswith("“ill (positive), and paid in full”: “")


def test_refusal__amounts_and_times_of_a_contract__are_in_tokens_and_dates(command: Run, tmp_path: Path) -> None:
    key = ("--keyfile", owner(tmp_path, 1))
    ended = command("stake", "withdraw", "7000.5", *key)
    assert ended.code == 4 and "and needs 7,000.5 CSL" in ended.err and "7000500000" not in ended.err
    assert ended.err.rstrip().endswith("[StakeVaultInsufficient]")
    assert command("stake", "withdraw", "10", *key).code == 0
    early = command("stake", "withdraw", *key)
    assert early.code == 4 and "(in 7 d" in early.err and "1970" not in early.err
    error = command("stake", "withdraw", *key, "--json").error
    assert error["values"]["hospitalId"] == 1 and isinstance(error["values"]["availableAt"], int)


def test_hints__repeat_the_options_that_the_command_was_given(command: Run, offline: Run, tmp_path: Path) -> None:
    key = owner(tmp_path, 8)
    ended = command("--home", tmp_path / "st anna", "stake", "deposit", "1", "--keyfile", key)
    named = f"consilium --home '{tmp_path}/st anna' --keyfile {key} hospital register"
    assert ended.code == 2 and f"`{named}`" in ended.err
    missing = command("--home", tmp_path / "none", "wallet", "show", "--json").error
    assert f"`consilium --home {tmp_path}/none wallet new`" in missing["message"]
    # What variables of the environment say, they say to the next command too.
    assert "--rpc" not in ended.err and "--deployment" not in ended.err
