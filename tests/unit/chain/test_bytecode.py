# SPDX-License-Identifier: Apache-2.0
"""Deployed code against the committed record: the compiler's own output passes, anything else does not."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
from typing import Any

import pytest

from node import bytecode
from node.bytecode import ContractCode, is_verifier_of, suite_code, verifier_code
from node.errors import ConfigError
from node.proofs.artefacts import ROOT, circuits, find_artefacts
from node.proofs.verifying_key import load_verifying_key
from scripts.bytecode import without_metadata

VERIFIERS = ROOT / "contracts" / "verifiers"
SETTINGS = {"evmVersion": "cancun", "optimizer": {"enabled": True, "runs": 200}}


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    """Verifying keys by the name of their verifier: the committed ones, and some of random numbers."""
    made = {
        circuit.contract_name: load_verifying_key(find_artefacts(name).verifying_key)
        for name, circuit in circuits().items()
        if not circuit.on_demand
    }
    source = random.Random("verifiers")
    for number, bits in enumerate((253, 247, 200, 96)):
        sample = json.loads(json.dumps(made["Aggregation5Verifier" if number % 2 else "Training8x4Verifier"]))

        def changed(value: Any, bits: int = bits) -> Any:
            if isinstance(value, list):
                return [changed(part) for part in value]
            return str(source.getrandbits(bits)) if len(value) > 1 else value

        for name in ("vk_alpha_1", "vk_beta_2", "vk_delta_2", "IC"):
            sample[name] = changed(sample[name])
        made[f"Random{number}Verifier"] = sample
    return made


@pytest.fixture(scope="module")
def compiled(keys: dict[str, Any]) -> dict[str, bytes]:
    """Runtime code of every key's verifier, from the compiler."""
    sources = {}
    for name, key in keys.items():
        template = VERIFIERS / ("Training8x4Verifier.sol" if key["nPublic"] == 7 else "Aggregation5Verifier.sol")
        text = re.sub(r"contract \w+ \{", f"contract {name} {{", template.read_text())
        for constant, value in bytecode._constants(key).items():
            text = re.sub(rf"(uint256 constant {constant}\s*=\s*)\d+", rf"\g<1>{value}", text)
        sources[name] = {"content": text}
    output = {"*": {"*": ["evm.deployedBytecode.object"]}}
    request = {"language": "Solidity", "sources": sources, "settings": {**SETTINGS, "outputSelection": output}}
    command = ["node", str(ROOT / "scripts" / "solc.js"), "--standard-json"]
    ran = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True, timeout=180)
    contracts = json.loads(ran.stdout)["contracts"]
    return {name: bytes.fromhex(contracts[name][name]["evm"]["deployedBytecode"]["object"]) for name in keys}


def test_verifier_code__of_any_key__is_what_the_compiler_makes(
    keys: dict[str, Any], compiled: dict[str, bytes]
) -> None:
    for name, key in keys.items():
        assert verifier_code(key) == without_metadata(compiled[name]), name
        assert is_verifier_of(compiled[name], key)


def test_verifier_code__of_another_key_or_changed__is_not_accepted(
    keys: dict[str, Any], compiled: dict[str, bytes]
) -> None:
    code, key = compiled["Training8x4Verifier"], keys["Training8x4Verifier"]
    assert not is_verifier_of(code, keys["Training64x30Verifier"])
    for place in (0, 100, len(verifier_code(key)) - 1):
        assert not is_verifier_of(code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :], key)
    assert not is_verifier_of(code + b"\0", key) and not is_verifier_of(b"", key)
    assert not is_verifier_of(verifier_code(key) + bytes(500) + (500).to_bytes(2, "big"), key)


def test_verifier_code__key_of_another_kind__is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="3 public signals"):
        verifier_code({**keys["Training8x4Verifier"], "nPublic": 3})
    for change in ({"IC": []}, {"vk_beta_2": 1}, {"vk_alpha_1": ["x", "y"]}, {"vk_alpha_1": [str(1 << 256), "1"]}):
        with pytest.raises(ConfigError, match="no Groth16 verifying key"):
            verifier_code({**keys["Training8x4Verifier"], **change})


def test_suite_code__names_every_contract_and_what_is_wired() -> None:
    suite = suite_code()
    assert {"StakeVault", "StudyRegistry", "RoundManager", "RewardPool", "HospitalRegistry"} <= suite.keys()
    assert {"HOSPITALS", "VAULT", "ROUNDS", "REWARDS", "BLOCK_TIME", "PHASE_MARGIN"} <= suite[
        "StudyRegistry"
    ].immutables.keys()


def test_read__immutables__are_returned_and_contradictions_refused() -> None:
    plain = bytes(range(10)) + bytes(32) + b"\xfe" + bytes(32)
    code = ContractCode("Sample", len(plain), hashlib.sha256(plain).hexdigest(), {"TOKEN": (10, 43)})
    metadata = b"\xa2" + (1).to_bytes(2, "big")
    value = (77).to_bytes(32, "big")
    deployed = plain[:10] + value + b"\xfe" + value + metadata
    assert code.read(deployed) == {"TOKEN": 77}
    assert code.read(plain[:10] + value + b"\xfe" + bytes(32) + metadata) is None
    assert code.read(deployed[:5] + b"\0" + deployed[6:]) is None
    assert code.read(b"") is None and code.read(deployed[:-1]) is None
