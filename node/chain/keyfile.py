# SPDX-License-Identifier: Apache-2.0
"""Keyfiles as wallets write them: version 3 of the Web3 Secret Storage, with what some leave out or write otherwise.

Names of fields come with capitals (`Crypto`), numbers as text, hexadecimal in either case and with or without 0x;
`address`, `id`, `version` and what has only one value may be missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from web3 import Web3

from node.errors import ConfigError

_HEX = re.compile(r"(?:0x)?((?:[0-9a-f]{2})+)", re.IGNORECASE)
_CIPHER, _PRF, _KEY_LENGTH = "aes-128-ctr", "hmac-sha256", 32
_NUMBERS = {"scrypt": ("n", "r", "p"), "pbkdf2": ("c",)}


def read_keyfile(path: Path) -> dict[str, Any]:
    """A keyfile's record in the standard's own words, with `address` (checksummed) where the file names it.

    Raises `ConfigError` saying what is missing or not understood; no secret is in it.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"No keyfile at {path}: make one with `consilium wallet new`.") from None
    except (OSError, ValueError, RecursionError):
        raise ConfigError(f"{path} cannot be read as a keyfile.") from None
    return _Reader(path, record).standard()


class _Reader:
    """Takes a record apart; every refusal names the file and the field."""

    def __init__(self, path: Path, record: object) -> None:
        self._path = path
        self._record = record

    def standard(self) -> dict[str, Any]:
        if not isinstance(self._record, dict):
            raise ConfigError(f"{self._path} is not a v3 keyfile.")
        record = _lower(self._record)
        crypto = self._section(record, "crypto")
        version = self._number(record, "version", 3)
        if version != 3:
            raise ConfigError(f"{self._path} is a keyfile of version {version}, and version 3 is needed.")
        kdf = self._one_of(crypto, "kdf", tuple(_NUMBERS))
        given = self._section(crypto, "kdfparams")
        parameters: dict[str, Any] = {name: self._number(given, name) for name in _NUMBERS[kdf]}
        parameters |= {"dklen": self._number(given, "dklen", _KEY_LENGTH), "salt": self._hex(given, "salt")}
        if kdf == "pbkdf2":
            parameters["prf"] = self._one_of(given, "prf", (_PRF,), _PRF)
        standard: dict[str, Any] = {
            "version": version,
            "crypto": {
                "cipher": self._one_of(crypto, "cipher", (_CIPHER,), _CIPHER),
                "cipherparams": {"iv": self._hex(self._section(crypto, "cipherparams"), "iv")},
                "ciphertext": self._hex(crypto, "ciphertext"),
                "kdf": kdf,
                "kdfparams": parameters,
                "mac": self._hex(crypto, "mac"),
            },
        }
        # An empty one is written by wallets that keep it to themselves.
        if record.get("address"):
            digits = self._hex(record, "address")
            if len(digits) != 40:
                raise self._refused("address", "is no address")
            standard["address"] = str(Web3.to_checksum_address("0x" + digits))
        return standard

    def _section(self, section: Mapping[str, Any], name: str) -> dict[str, Any]:
        value = section.get(name)
        if not isinstance(value, dict):
            raise self._refused(name, "is missing")
        return value

    def _number(self, section: Mapping[str, Any], name: str, default: int | None = None) -> int:
        value = section.get(name, default)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value.strip(), re.ASCII):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._refused(name, "is missing" if value is None else "is no number above 0")
        return value

    def _hex(self, section: Mapping[str, Any], name: str) -> str:
        value = section.get(name)
        found = _HEX.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise self._refused(name, "is missing" if value is None else "is not hexadecimal")
        return found[1].lower()

    def _one_of(self, section: Mapping[str, Any], name: str, known: tuple[str, ...], default: str | None = None) -> str:
        value = section.get(name, default)
        if not isinstance(value, str) or value.lower() not in known:
            raise self._refused(name, "is missing" if value is None else f"is not {' or '.join(known)}")
        return value.lower()

    def _refused(self, name: str, problem: str) -> ConfigError:
        return ConfigError(f"{self._path} is not a v3 keyfile: its {name!r} {problem}.")


def _lower(value: Any) -> Any:
    return {str(key).lower(): _lower(item) for key, item in value.items()} if isinstance(value, dict) else value
