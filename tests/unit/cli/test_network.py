# SPDX-License-Identifier: Apache-2.0
"""`consilium network check`: a deployment of this checkout passes, and every difference is named."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.audit.basics import Verdict
from node.audit.network import WIRING, Expected, check_network
from node.bytecode import suite_code, verifier_code
from node.chain.client import ChainReader
from node.cli.network import load_parameters
from node.errors import ConfigError
from node.proofs.artefacts import DEFAULT_CACHE, find_artefacts
from node.proofs.verifying_key import load_verifying_key
from tests.support.network import Network, Run

SEPOLIA = 11155111


@pytest.fixture(autouse=True)
def restored(network: Network) -> Iterator[None]:
    """The chain as it was before the test."""
    snapshot = network.anvil.request("evm_snapshot")
    yield
    network.anvil.request("evm_revert", snapshot)


@pytest.fixture
def failed(network: Network) -> Callable[..., dict[tuple[str, str], str]]:
    """What does not pass: details by subject and statement."""

    def run(reader: ChainReader | None = None, **changes: Any) -> dict[tuple[str, str], str]:
        expected = Expected(load_parameters("local", 1337), (), DEFAULT_CACHE)
        checks = check_network(reader or network.reader(), dataclasses.replace(expected, **changes))
        return {(c.subject, c.statement): c.detail for c in checks if c.verdict is not Verdict.PASSED}

    return run


def at(network: Network, contract: str) -> str:
    return network.reader().deployment.contracts[contract]


def test_check__deployment_of_this_checkout__passes(run: Run) -> None:
    checks = run("network", "check", "--json").value
    assert {check["verdict"] for check in checks} == {"ok"}
    about = {check["about"] for check in checks}
    assert about >= {*suite_code(), "training_192x30", "training_64x30", "aggregation_31"}
    readable = run("network", "check")
    assert readable.code == 0 and "has the repository's code" in readable.out
    assert f"All {len(checks)} checks passed" in readable.err


def test_check__code_changed__is_named_and_ends_with_eight(run: Run, network: Network) -> None:
    address = at(network, "RoundManager")
    code = network.anvil.request("eth_getCode", address, "latest")
    network.anvil.request(
        "anvil_setCode", address, code[:2002] + ("00" if code[2002:2004] != "00" else "01") + code[2004:]
    )
    ended = run("network", "check", "--json")
    assert ended.code == 8
    wrong = [check["about"] for check in json.loads(ended.out) if check["verdict"] != "ok"]
    assert wrong == ["RoundManager"]


def test_check__helper_of_a_contract_changed__is_named(network: Network, failed: Callable[..., Any]) -> None:
    reader = network.reader()
    registry = reader.code(reader.address("StudyRegistry"))
    values = suite_code()["StudyRegistry"].read(registry)
    assert values is not None
    helper = f"0x{values['_CHECKER']:040x}"
    code = reader.code(helper)
    network.anvil.request("anvil_setCode", helper, "0x" + (code[:200] + bytes([code[200] ^ 1]) + code[201:]).hex())
    assert failed().keys() == {("StudyRegistry", "made its helper from the repository's code")}


def test_check__signatures_for_another_domain__is_named(network: Network, failed: Callable[..., Any]) -> None:
    reader = network.reader()
    code = bytearray(reader.code(reader.address("Openings")))
    for place in suite_code()["Openings"].immutables["_cachedDomainSeparator"]:
        code[place : place + 32] = bytes(32)
    network.anvil.request("anvil_setCode", reader.address("Openings"), "0x" + code.hex())
    assert failed().keys() == {("Openings", "asks for the signatures that nodes make")}


def test_check__metadata_alone_differs__passes(network: Network, failed: Callable[..., Any]) -> None:
    address = at(network, "RewardPool")
    code = network.anvil.request("eth_getCode", address, "latest")
    network.anvil.request("anvil_setCode", address, code[:-60] + "00" * 10 + code[-40:])
    assert failed() == {}


def test_check__wired_to_another_contract__is_named(network: Network, failed: Callable[..., Any]) -> None:
    deployment = network.reader().deployment
    other = {**deployment.contracts, "StakeVault": deployment.contracts["RewardPool"]}
    reader = ChainReader([network.anvil.url], dataclasses.replace(deployment, contracts=other))
    wrong = failed(reader)
    assert ("StakeVault", "has the repository's code") in wrong
    assert ("StudyRegistry", "knows the StakeVault") in wrong and ("RoundManager", "knows the StakeVault") in wrong


@pytest.mark.parametrize(
    ("parameter", "subject"),
    [("unbonding_delay", "StakeVault"), ("phase_margin", "StudyRegistry"), ("admin_delay", "HospitalRegistry")],
)
def test_check__other_parameters__are_named(failed: Callable[..., Any], parameter: str, subject: str) -> None:
    wrong = failed(parameters={**load_parameters("local", 1337), parameter: 12345})
    assert [about for about, _ in wrong] == [subject]
    assert all("the parameters say 12345" in detail for detail in wrong.values())


def test_check__another_council__is_named(failed: Callable[..., Any]) -> None:
    wrong = failed(parameters={**load_parameters("local", 1337), "council": "0x" + "11" * 20})
    assert ("HospitalRegistry", "is the council's") in wrong and (
        "HospitalRegistry",
        "has the council as admin",
    ) in wrong


def test_check__forgeable_verifier__is_named(network: Network, failed: Callable[..., Any]) -> None:
    key = dict(load_verifying_key(find_artefacts("aggregation_31").verifying_key))
    key["vk_delta_2"] = key["vk_gamma_2"]
    verifier = network.reader().deployment.circuits["aggregation_31"].verifier
    network.anvil.request("anvil_setCode", verifier, "0x" + (verifier_code(key) + b"\xa0\0\x01").hex())
    assert failed().keys() == {
        ("aggregation_31", "has a key with γ ≠ δ"),
        ("aggregation_31", "is verified under that key"),
    }


def test_check__contract_that_is_no_verifier__is_named(network: Network, failed: Callable[..., Any]) -> None:
    verifier = network.reader().deployment.circuits["training_64x30"].verifier
    network.anvil.request("anvil_setCode", verifier, "0x600160005260206000f3")
    wrong = failed()
    assert "no verifier of ours" in wrong["training_64x30", "has a key with γ ≠ δ"]
    assert ("training_64x30", "is verified under that key") in wrong


def test_check__development_keys_on_a_public_chain__are_named(network: Network, failed: Callable[..., Any]) -> None:
    network.anvil.request("anvil_setChainId", SEPOLIA)
    try:
        deployment = dataclasses.replace(network.reader().deployment, chain_id=SEPOLIA)
        wrong = failed(ChainReader([network.anvil.url], deployment))
    finally:
        network.anvil.request("anvil_setChainId", 1337)
    assert {about for about, _ in wrong} == {"training_192x30", "training_64x30", "aggregation_31"}
    assert all("everybody can forge" in detail for detail in wrong.values())


def test_check__listing_and_record_differ__is_named(network: Network, failed: Callable[..., Any]) -> None:
    deployment = network.reader().deployment
    swapped = {
        **deployment.circuits,
        "training_64x30": deployment.circuits["training_192x30"],
        "unheard_of": deployment.circuits["aggregation_31"],
    }
    wrong = failed(ChainReader([network.anvil.url], dataclasses.replace(deployment, circuits=swapped)))
    statement = "is listed as the record says"
    assert wrong.keys() == {("training_64x30", statement), ("unheard_of", statement)}


def test_check__record_claims_other_keys__is_named(network: Network, failed: Callable[..., Any]) -> None:
    deployment = dataclasses.replace(network.reader().deployment, development_keys=False)
    wrong = failed(ChainReader([network.anvil.url], deployment))
    assert {statement for _, statement in wrong} == {"has the kind of key that the record says"}


def test_check__circuits_not_built_here__are_not_called_right(failed: Callable[..., Any], tmp_path: Path) -> None:
    wrong = failed(cache=tmp_path)
    assert len(wrong) == 3 and all("make setup" in detail for detail in wrong.values())


def test_wiring_and_parameters__cover_every_immutable() -> None:
    local = load_parameters("local", 1337)
    for name, code in suite_code().items():
        for immutable in code.immutables:
            known = immutable.startswith("_") or immutable in WIRING or immutable.lower() in local
            assert known, f"node/audit/network.py does not know what {name}.{immutable} must be"


def test_load_parameters__by_chain_or_name__or_says_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_parameters(None, 31337) == load_parameters("local", 0)
    assert load_parameters(None, SEPOLIA)["chain_ids"] == [SEPOLIA]
    for wanted in ((None, 1), ("nowhere", 1337)):
        with pytest.raises(ConfigError, match="there is: local, sepolia"):
            load_parameters(*wanted)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"chain_ids": [5], "block_time": 7}))
    # The package has a command of the module's name.
    monkeypatch.setattr(sys.modules["node.cli.network"], "PARAMETERS", tmp_path)
    assert load_parameters("mine", 1)["block_time"] == 7
