# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: each item under a wrapping key of its own, which is overwritten to erase the item.

Layout of the folder: `store.json` (how the passphrase becomes the store's key), `NAME.item` (the secret under
its wrapping key) and `NAME.key` (the wrapping key under the store's key). Losing `NAME.key` loses the item.
Ciphers: ChaCha20-Poly1305 (RFC 8439), fresh random keys per item; scrypt (RFC 7914) once per store.
"""

from __future__ import annotations

import json
import re
import secrets
from contextlib import AbstractContextManager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.errors import ConfigError, SecretUnavailable
from node.files import erase, locked, make_private_folder, refuse_if_shared, sync_folder, write_private

WORK_FACTOR = 2**17
"""scrypt's n for a new store: 128 MiB and about half a second."""
_VERSION = 1
_NONCE = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHECK = b"consilium/secret-store/1"


def checked_passphrase(text: str, source: str) -> str:
    """A passphrase as it is; raises `ConfigError`, naming its source, where it is empty or not UTF-8.

    Keys are derived from its bytes in UTF-8, and an environment may hold others.
    """
    if not text:
        raise ConfigError(f"{source} is empty: a passphrase must not be.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{source} is not UTF-8, as a passphrase has to be: set it anew in that encoding.") from None
    return text


class SecretStore:
    """A folder of encrypted items, each written once and erased for good.

    Names are slash-separated words ("study-1/ceremony-1/round-2"), so that one `erase_all` closes a round.
    Raises `ConfigError` where the passphrase or the folder is not this store's.
    """

    def __init__(self, folder: Path, passphrase: str, *, work_factor: int = WORK_FACTOR) -> None:
        if not passphrase:
            raise ConfigError("The secret store needs a passphrase: set CONSILIUM_PASSPHRASE.")
        make_private_folder(folder)
        self._folder = folder
        header = folder / "store.json"
        with self._writing():
            # A crash between writing and renaming leaves a copy of a key under a temporary name.
            for leftover in folder.rglob(".*"):
                erase(leftover)
            if header.exists():
                self._master = _open_header(header, passphrase)
            elif any(folder.rglob("*.key")):
                raise ConfigError(f"{header} is missing although {folder} holds items: restore it from a backup.")
            else:
                self._master = _create_header(header, passphrase, work_factor)

    def __repr__(self) -> str:
        return f"SecretStore({str(self._folder)!r})"

    def put(self, name: str, content: bytes) -> None:
        """Store an item durably; storing the same bytes again does nothing.

        Raises `SecretUnavailable` when the name already holds other bytes: a secret is written once.
        """
        item, key_file = self._paths(name)
        with self._writing():
            if key_file.exists():
                if self.get(name) != content:
                    raise SecretUnavailable(f"The secret {name} is already stored with another content.")
                return
            make_private_folder(item.parent)
            wrapping_key = ChaCha20Poly1305.generate_key()
            # The key file goes last: an item exists exactly when its key does.
            write_private(item, _seal(wrapping_key, content, name))
            write_private(key_file, _seal(self._master, wrapping_key, name))

    def get(self, name: str) -> bytes:
        """Return an item; raises `SecretUnavailable` when it was erased, never stored or damaged."""
        item, key_file = self._paths(name)
        if not key_file.exists() or not item.exists():
            raise SecretUnavailable(f"The secret {name} is not in the store: it was erased or never made.")
        refuse_if_shared(key_file)
        try:
            return _open(_open(self._master, key_file.read_bytes(), name), item.read_bytes(), name)
        except (InvalidTag, ValueError):
            raise SecretUnavailable(f"The secret {name} is damaged and cannot be read.") from None

    def has(self, name: str) -> bool:
        """Tell whether an item is stored."""
        item, key_file = self._paths(name)
        return key_file.exists() and item.exists()

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """The stored names that equal `prefix` or lie below it, in order."""
        found = (
            str(path.relative_to(self._folder).with_name(path.name.removesuffix(".key")))
            for path in self._folder.rglob("*.key")
            if not path.name.startswith(".")
        )
        return tuple(sorted(name for name in found if _below(name, prefix)))

    def erase(self, name: str) -> None:
        """Overwrite and remove an item's wrapping key, then remove the item; repeating it does nothing."""
        item, key_file = self._paths(name)
        erase(key_file)
        if item.exists():
            item.unlink()
            sync_folder(item.parent)

    def erase_all(self, prefix: str) -> int:
        """Erase every item at or below `prefix`; returns how many there were."""
        if not prefix:
            raise ConfigError("Name what to erase: an empty prefix would erase the whole store.")
        names = self.names(prefix)
        for name in names:
            self.erase(name)
        return len(names)

    def _writing(self) -> AbstractContextManager[None]:
        """One process at a time: what looks like a leftover is not what another is writing just now."""
        return locked(self._folder / "lock")

    def _paths(self, name: str) -> tuple[Path, Path]:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name for a secret: use words of letters, digits, '.', '_', '-'.")
        base = self._folder / name
        return base.with_name(base.name + ".item"), base.with_name(base.name + ".key")


def _below(name: str, prefix: str) -> bool:
    return not prefix or name == prefix or name.startswith(prefix.rstrip("/") + "/")


def _seal(key: bytes, content: bytes, name: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, content, name.encode())


def _open(key: bytes, sealed: bytes, name: str) -> bytes:
    return ChaCha20Poly1305(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())


def _derive(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=work_factor, r=8, p=1).derive(passphrase.encode())


def _create_header(header: Path, passphrase: str, work_factor: int) -> bytes:
    salt = secrets.token_bytes(32)
    master = _derive(passphrase, salt, work_factor)
    record = {
        "consilium": "secrets",
        "version": _VERSION,
        "kdf": "scrypt",
        "salt": salt.hex(),
        "n": work_factor,
        "check": _seal(master, _CHECK, "store.json").hex(),
    }
    write_private(header, json.dumps(record, indent=1).encode())
    return master


def _open_header(header: Path, passphrase: str) -> bytes:
    refuse_if_shared(header)
    try:
        record = json.loads(header.read_bytes())
        if record["consilium"] != "secrets" or record["version"] != _VERSION or record["kdf"] != "scrypt":
            raise ValueError
        salt, work_factor, check = (
            bytes.fromhex(record["salt"]),
            int(record["n"]),
            bytes.fromhex(record["check"]),
        )
        if not 2 <= work_factor <= 2**22 or work_factor & (work_factor - 1):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{header} is not a secret store of this version: restore it from a backup.") from None
    master = _derive(passphrase, salt, work_factor)
    try:
        _open(master, check, "store.json")
    except (InvalidTag, ValueError):
        raise ConfigError(f"The passphrase does not open the secret store at {header.parent}.") from None
    return master
