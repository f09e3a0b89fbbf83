# SPDX-License-Identifier: Apache-2.0
"""Keyfiles: private, standard, and silent about what they hold."""

from __future__ import annotations

import json
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from node.chain.wallet import Wallet, create_keyfile, import_key, keyfile_address, named_address
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


KEY = bytes(range(1, 33))
ADDRESS = str(Account.from_key(KEY).address)


def made(kdf: str = "scrypt", key: bytes = KEY) -> dict[str, Any]:
    return dict(Account.encrypt(key, PASSPHRASE, kdf=kdf, iterations=2))


def keep(folder: Path, record: object) -> Path:
    path = folder / "foreign.json"
    path.write_text(json.dumps(record))
    path.chmod(0o600)
    return path


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def in_crypto(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return record | {"crypto": record["crypto"] | changes}


def with_parameters(record: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return in_crypto(record, kdfparams=change(record["crypto"]["kdfparams"]))


def upper(record: dict[str, Any]) -> dict[str, Any]:
    crypto = record["crypto"]
    iv = {"iv": "0x" + crypto["cipherparams"]["iv"].upper()}
    return in_crypto(record, mac=crypto["mac"].upper(), ciphertext="0x" + crypto["ciphertext"].upper(), cipherparams=iv)


FOREIGN = {
    "no address": lambda r: without(r, "address"),
    "no id": lambda r: without(r, "id"),
    "no version": lambda r: without(r, "version"),
    "bare": lambda r: without(r, "address", "id", "version"),
    "empty address": lambda r: r | {"address": ""},
    "address of nothing": lambda r: r | {"address": None},
    "address with 0x": lambda r: r | {"address": ADDRESS},
    "address in capitals": lambda r: r | {"address": ADDRESS.removeprefix("0x").upper()},
    "Crypto": lambda r: without(r, "crypto") | {"Crypto": r["crypto"]},
    "Version and Address": lambda r: without(r, "version", "address") | {"Version": "3", "Address": ADDRESS},
    "version as text": lambda r: r | {"version": "3"},
    "hexadecimal in capitals": upper,
    "no cipher": lambda r: r | {"crypto": without(r["crypto"], "cipher")},
    "no length of the key": lambda r: with_parameters(r, lambda p: without(p, "dklen")),
    "numbers as text": lambda r: with_parameters(r, lambda p: {n: str(v) for n, v in p.items()}),
    "what a wallet adds": lambda r: r | {"name": "x", "meta": "{}", "x-ethers": {"client": "ethers.js"}},
}


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
@pytest.mark.parametrize("name", FOREIGN)
def test_load__keyfile_as_another_wallet_writes_it__opens(tmp_path: Path, name: str, kdf: str) -> None:
    path = keep(tmp_path, FOREIGN[name](made(kdf)))
    assert Wallet.load(path, PASSPHRASE).address == ADDRESS
    assert named_address(path) in (ADDRESS, None)


def test_load__pseudo_random_function_left_out__opens(tmp_path: Path) -> None:
    path = keep(tmp_path, with_parameters(made("pbkdf2"), lambda p: without(p, "prf")))
    assert Wallet.load(path, PASSPHRASE).address == ADDRESS


def test_load__with_a_mark_of_the_byte_order__opens(tmp_path: Path) -> None:
    path = keep(tmp_path, made())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Wallet.load(path, PASSPHRASE).address == ADDRESS


def test_keyfile_address__left_out__says_what_to_do(tmp_path: Path) -> None:
    path = keep(tmp_path, without(made(), "address"))
    assert named_address(path) is None
    with pytest.raises(ConfigError, match="does not name its address"):
        keyfile_address(path)


def test_load__address_of_another_key__is_refused(tmp_path: Path) -> None:
    other = str(Account.create().address)
    with pytest.raises(ConfigError, match=f"of {other}, and holds the key of {ADDRESS}"):
        Wallet.load(keep(tmp_path, made() | {"address": other}), PASSPHRASE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: without(r, "crypto"), "'crypto' is missing"),
        (lambda r: r | {"crypto": without(r["crypto"], "mac")}, "'mac' is missing"),
        (lambda r: r | {"crypto": without(r["crypto"], "kdf")}, "'kdf' is missing"),
        (lambda r: r | {"crypto": without(r["crypto"], "ciphertext")}, "'ciphertext' is missing"),
        (lambda r: in_crypto(r, cipherparams={}), "'iv' is missing"),
        (lambda r: in_crypto(r, cipherparams=None), "'cipherparams' is missing"),
        (lambda r: in_crypto(r, mac="zz"), "'mac' is not hexadecimal"),
        (lambda r: in_crypto(r, kdf="argon2"), "'kdf' is not scrypt or pbkdf2"),
        (lambda r: in_crypto(r, cipher="aes-128-cbc"), "'cipher' is not aes-128-ctr"),
        (lambda r: with_parameters(r, lambda p: without(p, "n")), "'n' is missing"),
        (lambda r: with_parameters(r, lambda p: p | {"n": -1}), "'n' is no number above 0"),
        (lambda r: with_parameters(r, lambda p: without(p, "salt")), "'salt' is missing"),
        (lambda r: r | {"version": 1}, "version 1, and version 3 is needed"),
        (lambda r: r | {"address": "0x12"}, "'address' is no address"),
    ],
)
def test_load__a_field_that_is_needed_is_missing__says_which(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        Wallet.load(keep(tmp_path, change(made())), PASSPHRASE)
    assert refused.value.__cause__ is None
