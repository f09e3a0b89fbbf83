# SPDX-License-Identifier: Apache-2.0
"""Compiles Solidity text that is not part of the project, for tests of what must be refused."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType

from scripts import solc


def compile_text(source: str, contract: str) -> ContractContainer:
    """The contract of that name in `source`, ready to be deployed."""
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {"Text.sol": {"content": source}},
        "settings": {
            "evmVersion": "cancun",
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }
    done = subprocess.run(
        [str(solc.prepare()), "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout)["contracts"]["Text.sol"][contract]
    return ContractContainer(
        ContractType(
            contractName=contract,
            abi=made["abi"],
            deploymentBytecode={"bytecode": "0x" + made["evm"]["bytecode"]["object"]},
            runtimeBytecode={"bytecode": "0x" + made["evm"]["deployedBytecode"]["object"]},
        )
    )
