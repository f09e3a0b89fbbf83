# SPDX-License-Identifier: Apache-2.0
"""A configuration is read as it was written, and a wrong one says what is wrong."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import pytest

from node.config import NodeConfig, StorageConfig, load_config
from node.config_file import save_config
from node.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    home = tmp_path.resolve()
    return NodeConfig(
        home=home,
        rpc_urls=("http://127.0.0.1:8545", "https://rpc.example/key"),
        deployment=home / "deployment.json",
        operator_keyfile=home / "operator.json",
        owner_keyfile=home / "owner.json",
        data=home.parent / 'odd "name" ü.csv',
        artefacts=home / "circuits",
    )


def test_config__written_and_read__is_the_same(config: NodeConfig) -> None:
    path = save_config(config)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_config(config.home) == config


def test_config__every_choice_changed__is_the_same(config: NodeConfig) -> None:
    changed = dataclasses.replace(
        config,
        owner_keyfile=None,
        websocket_url="ws://127.0.0.1:8545",
        storage=StorageConfig(
            "ipfs", "::", 8080, "/ip4/10.0.0.1/tcp/5001/http", "https://h.example:8443/c", True, config.home / "t"
        ),
        prover="rapidsnark",
        rapidsnark=config.home / "bin" / "prover",
        spending_cap_wei=7,
        owner_spending_cap_wei=9,
        studies=(1, 3),
        peers=(2, 5),
    )
    save_config(changed)
    assert load_config(config.home) == changed


def test_transcripts__litter_of_a_system_among_them__is_none(config: NodeConfig) -> None:
    config.transcripts_folder.mkdir()
    for name in ("one.json", "._one.json", ".DS_Store", "~$one.json"):
        (config.transcripts_folder / name).touch()
    assert config.transcripts == (config.transcripts_folder / "one.json",)


def test_config__paths_below_home__are_written_short(config: NodeConfig) -> None:
    text = save_config(config).read_text()
    assert 'operator = "operator.json"' in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("spending_cap_wei", "spending_cap", r"chain\.spending_cap is unknown; known here: deployment"),
        ("[chain]", "[chains]", r"chains is unknown"),
        ("[data]\npath", "[data]\nfile", r"data\.file is unknown"),
        ('"native"\n', '"magic"\n', r'proofs\.prover must be "native", "snarkjs" or "rapidsnark"'),
        ("prover = ", "rapidsnark = 1\nprover = ", r"proofs\.rapidsnark must be a path"),
        ('backend = "local"', 'backend = "cloud"', r"storage\.backend must be"),
        ("gateway_port = 0", "gateway_port = 70000", r"storage\.gateway_port"),
        ("gateway_port = 0", "gateway_port = true", r"storage\.gateway_port"),
        (
            'gateway_host = "127.0.0.1"',
            'gateway_host = "http://a"',
            r"gateway_host must be an address or a name",
        ),
        ('gateway_host = "127.0.0.1"', "gateway_host = 1", r"gateway_host must be an address or a name"),
        ("gateway_port = 0", "ipfs_token_file = 1\ngateway_port = 0", r"storage\.ipfs_token_file must be a path"),
        ("gateway_port = 0", 'advertise = "ftp://a"\ngateway_port = 0', r"storage\.advertise: 'ftp://a' is not the"),
        ("gateway_port = 0", "advertise = 1\ngateway_port = 0", r"storage\.advertise: .* is not the address"),
        ("private_gateways = false", "private_gateways = 0", r"storage\.private_gateways must be true or false"),
        ('follow = "all"', "follow = [0]", r"studies\.follow"),
        ('follow = "all"', "follow = 1", r"studies\.follow"),
        ('peers = "all"', "peers = [0]", r"studies\.peers"),
        ('peers = "all"', 'peers = ["St. Anna"]', r"studies\.peers"),
        ('"http://127.0.0.1:8545"', '"ws://127.0.0.1:8545"', r"chain\.rpc_urls: every entry"),
        ('"http://127.0.0.1:8545"', '""', r"chain\.rpc_urls: every entry"),
        ('operator = "operator.json"', 'operator = ""', r"keys\.operator must be a path"),
        ("[keys]", "[keys", r"cannot be read"),
    ],
)
def test_config__one_value_wrong__names_it(config: NodeConfig, old: str, new: str, said: str) -> None:
    path = save_config(config)
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said):
        load_config(config.home)


def test_config__missing__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="consilium node init"):
        load_config(tmp_path)


def test_config__control_character__is_refused(config: NodeConfig) -> None:
    with pytest.raises(ConfigError, match="control character"):
        save_config(dataclasses.replace(config, data=config.home / "a\nb"))
