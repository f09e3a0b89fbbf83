# SPDX-License-Identifier: Apache-2.0
"""Compiles a verifier that is not in `contracts/`: that of keys from a set-up."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType

from scripts import solc
from scripts.bytecode import compiler_settings


def compile_verifier(source: str, contract: str) -> ContractContainer:
    """The contract of that name in `source`, compiled as the project's are, ready to be deployed."""
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {f"{contract}.sol": {"content": source}},
        "settings": {
            **compiler_settings(),
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }
    done = subprocess.run(
        [str(solc.prepare()), "--standard-json"], input=json.dumps(request), capture_output=True, text=True, check=True
    )
    made = json.loads(done.stdout)["contracts"][f"{contract}.sol"][contract]
    return ContractContainer(
        ContractType(
            contractName=contract,
            abi=made["abi"],
            deploymentBytecode={"bytecode": "0x" + made["evm"]["bytecode"]["object"]},
            runtimeBytecode={"bytecode": "0x" + made["evm"]["deployedBytecode"]["object"]},
        )
    )
