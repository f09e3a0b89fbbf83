# SPDX-License-Identifier: Apache-2.0
"""Deployment records: complete ones are read, others say what they lack."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from node.chain.deployment import CONTRACTS, load_deployment
from node.errors import ConfigError

ADDRESS = "0x" + "ab" * 20
RECORD: dict[str, Any] = {
    "chain_id": 31337,
    "start_block": 4,
    "development_keys": True,
    "contracts": {name: ADDRESS for name in CONTRACTS},
    "circuits": {"training_8x4": {"id": 1, "verifier": ADDRESS, "verifying_key_digest": "0x" + "cd" * 32}},
}


def written(folder: Path, record: Any) -> Path:
    path = folder / "deployment.json"
    path.write_text(json.dumps(record))
    return path


def test_load__complete_record__is_read_with_checksummed_addresses(tmp_path: Path) -> None:
    deployment = load_deployment(written(tmp_path, RECORD))
    assert deployment.contracts["RewardPool"].lower() == ADDRESS and deployment.contracts["RewardPool"] != ADDRESS
    assert deployment.circuits["training_8x4"].id == 1


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("chain_id",), "31337", "chain_id"),
        (("start_block",), -1, "start_block"),
        (("development_keys",), 1, "development_keys"),
        (("contracts", "RewardPool"), None, "contracts.RewardPool"),
        (("contracts", "RewardPool"), "0x12", "contracts.RewardPool"),
        (("circuits",), [], "circuits"),
        (("circuits", "training_8x4", "verifier"), "x", "verifier"),
        (("circuits", "training_8x4", "verifying_key_digest"), "0x12", "verifying_key_digest"),
    ],
)
def test_load__one_part_wrong__names_it(tmp_path: Path, path: tuple[str, ...], value: Any, named: str) -> None:
    record = copy.deepcopy(RECORD)
    part = record
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ConfigError, match=named):
        load_deployment(written(tmp_path, record))


def test_load__missing_or_broken_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No deployment record"):
        load_deployment(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_deployment(tmp_path / "bad.json")
