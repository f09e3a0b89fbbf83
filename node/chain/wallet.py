# SPDX-License-Identifier: Apache-2.0
"""A key that signs transactions, kept in a v3 keyfile (Web3 Secret Storage) with mode 0600."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3

from node.chain.keyfile import read_keyfile
from node.errors import ConfigError, UsageError
from node.files import make_private_folder, refuse_if_shared, write_private
from node.types import Address

WORK_FACTOR = 2**18
"""scrypt's n: 256 MiB and about a second for every opening."""
LIGHT_WORK_FACTOR = 2**12
"""For keys of local test networks only, where a demonstration opens many at once."""


class Wallet:
    """An unlocked key. It never shows in a representation, a log or an error."""

    def __init__(self, private_key: bytes) -> None:
        self._account = Account.from_key(private_key)
        self.address: Address = str(self._account.address)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> str:
        raise TypeError("A wallet is not to be copied or stored: load it from its keyfile.")

    @classmethod
    def load(cls, path: Path, passphrase: str) -> Wallet:
        """Unlock a keyfile; raises `ConfigError` on a wrong passphrase or a file that is none."""
        record = read_keyfile(path)
        refuse_if_shared(path)
        try:
            # Some write a key's leading zeros, some do not.
            wallet = cls(bytes(Account.decrypt(record, passphrase)).rjust(32, b"\0"))
        except ValueError:
            raise ConfigError(f"The passphrase does not open {path}.") from None
        if record.get("address", wallet.address) != wallet.address:
            raise ConfigError(f"{path} says that it is of {record['address']}, and holds the key of {wallet.address}.")
        return wallet

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[str, bytes]:
        """Sign a transaction; returns its hash (0x…) and the raw bytes to send."""
        signed = self._account.sign_transaction(dict(transaction))
        return "0x" + bytes(signed.hash).hex(), bytes(signed.raw_transaction)

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """Sign typed data (EIP-712): 65 bytes r, s, v, the same for the same data (RFC 6979)."""
        return bytes(self._account.sign_typed_data(full_message=dict(message)).signature)


def create_keyfile(path: Path, passphrase: str, *, work_factor: int = WORK_FACTOR) -> Address:
    """Make a new key and write its keyfile; returns its address.

    Raises `UsageError` when the file exists (a key is never overwritten) or the passphrase is empty.
    """
    return _write(path, bytes(Account.create().key), passphrase, work_factor)


def import_key(path: Path, private_key: bytes, passphrase: str, *, work_factor: int = WORK_FACTOR) -> Address:
    """Write the keyfile of an existing key of 32 bytes, as `create_keyfile` does."""
    if len(private_key) != 32:
        raise UsageError("A private key has 32 bytes.")
    return _write(path, private_key, passphrase, work_factor)


def checked_address(text: str) -> Address:
    """An address as typed by a person, checksummed; raises `UsageError` where it is none or mistyped."""
    digits = text.removeprefix("0x")
    plain = digits in (digits.lower(), digits.upper())
    if not Web3.is_address(text) or not (plain or Web3.is_checksum_address(text)):
        raise UsageError(f"{text!r} is no address: 0x and 40 hex digits, with a right checksum if mixed case.")
    return str(Web3.to_checksum_address(text))


def keyfile_address(path: Path) -> Address:
    """The address a keyfile says it is of, without unlocking it; raises `ConfigError`."""
    address = named_address(path)
    if address is None:
        raise ConfigError(
            f'{path} does not name its address, which only its passphrase tells: add "address": "0x…" to the file.'
        )
    return address


def named_address(path: Path) -> Address | None:
    """As `keyfile_address`, or None where the keyfile leaves it out; raises `ConfigError`."""
    return read_keyfile(path).get("address")


def _write(path: Path, private_key: bytes, passphrase: str, work_factor: int) -> Address:
    if not passphrase:
        raise UsageError("A keyfile needs a passphrase that is not empty.")
    if path.exists():
        raise UsageError(f"{path} exists already and is left as it is: name another file.")
    make_private_folder(path.parent)
    record = Account.encrypt(private_key, passphrase, kdf="scrypt", iterations=work_factor)
    write_private(path, json.dumps(record).encode())
    return keyfile_address(path)
