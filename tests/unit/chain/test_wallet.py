# SPDX-License-Identifier: Apache-2.0
"""Keyfiles: private, standard, and silent about what they hold."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
from eth_account import Account

from node.chain.wallet import Wallet, create_keyfile, import_key, keyfile_address
from node.errors import ConfigError, UsageError

PASSPHRASE = "correct horse"


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    path = tmp_path / "owner.json"
    create_keyfile(path, PASSPHRASE, work_factor=2)
    return path


def test_create__keyfile__is_private_and_opens_with_its_passphrase(keyfile: Path) -> None:
    assert stat.S_IMODE(keyfile.stat().st_mode) == 0o600
    assert Wallet.load(keyfile, PASSPHRASE).address == keyfile_address(keyfile)


def test_create__keyfile__is_standard(keyfile: Path) -> None:
    record = json.loads(keyfile.read_text())
    assert record["version"] == 3 and record["crypto"]["kdf"] == "scrypt"
    assert Account.from_key(Account.decrypt(record, PASSPHRASE)).address == keyfile_address(keyfile)


def test_create__file_exists__is_left_as_it_is(keyfile: Path) -> None:
    before = keyfile.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        create_keyfile(keyfile, PASSPHRASE, work_factor=2)
    assert keyfile.read_bytes() == before


def test_create__empty_passphrase__is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not empty"):
        create_keyfile(tmp_path / "a.json", "", work_factor=2)


def test_load__wrong_passphrase__says_so_without_it(keyfile: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        Wallet.load(keyfile, "wrong battery")
    assert "does not open" in str(refused.value) and "battery" not in str(refused.value)


def test_load__readable_by_others__is_refused(keyfile: Path) -> None:
    keyfile.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Wallet.load(keyfile, PASSPHRASE)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 3, "crypto": {}}', "\x00\xff"])
def test_load__not_a_keyfile__says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="keyfile"):
        Wallet.load(path, PASSPHRASE)


def test_load__missing__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="consilium wallet new"):
        Wallet.load(tmp_path / "none.json", PASSPHRASE)


def test_wallet__shown_or_copied__never_gives_its_key(tmp_path: Path) -> None:
    key = bytes(range(1, 33))
    import_key(tmp_path / "k.json", key, PASSPHRASE, work_factor=2)
    wallet = Wallet.load(tmp_path / "k.json", PASSPHRASE)
    assert key.hex() not in repr(wallet) + str(wallet)
    with pytest.raises(TypeError):
        pickle.dumps(wallet)
