# SPDX-License-Identifier: Apache-2.0
"""What deployed code must be, from the committed `node/bytecode.json`: no compiler is needed.

Code is compared without the compiler's metadata, which is never run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from node.errors import ConfigError

BYTECODE = Path(__file__).with_name("bytecode.json")
_WORD = 32
_PUSH0, _PUSH2 = 0x5F, 0x61
#: The longest metadata that the compiler appends, with its length.
_METADATA_BYTES = 128


@dataclass(frozen=True)
class ContractCode:
    """Runtime code of one contract: its bytes before the metadata, and where its immutables lie in them."""

    name: str
    length: int
    sha256: str
    immutables: Mapping[str, tuple[int, ...]]

    def read(self, code: bytes) -> dict[str, int] | None:
        """The immutables in deployed code, as numbers; None where it is other code, or they contradict each other."""
        plain = _before_metadata(code, self.length)
        if plain is None:
            return None
        masked, values = bytearray(plain), {}
        for name, places in self.immutables.items():
            found = {plain[place : place + _WORD] for place in places}
            if len(found) != 1:
                return None
            values[name] = int.from_bytes(found.pop(), "big")
            for place in places:
                masked[place : place + _WORD] = bytes(_WORD)
        return values if hashlib.sha256(masked).hexdigest() == self.sha256 else None


def suite_code() -> dict[str, ContractCode]:
    """The contracts of the suite, by name."""
    return _codes("contracts")


def created_code() -> dict[str, ContractCode]:
    """Contracts that one of the suite makes for itself, by the immutable that says where."""
    return _codes("created")


def is_verifier_of(code: bytes, key: Mapping[str, Any]) -> bool:
    """Whether deployed code is the verifier that snarkjs and the compiler make of this verifying key."""
    wanted = verifier_code(key)
    return _before_metadata(code, len(wanted)) == wanted


def key_in(code: bytes) -> dict[str, int] | None:
    """The numbers of the verifying key in a deployed verifier, by their names; None where it is no verifier of ours."""
    for template in _content()["verifiers"].values():
        numbers = _numbers_in(code, template)
        if numbers is not None and _before_metadata(code, len(_fill(template, numbers))) == _fill(template, numbers):
            return numbers
    return None


def verifier_code(key: Mapping[str, Any]) -> bytes:
    """The runtime code of a verifying key's verifier (a Groth16 key over BN254 in snarkjs' JSON).

    Raises `ConfigError` for what is no key, or has a number of public signals that no circuit of ours has.
    """
    signals = key.get("nPublic")
    template = _content()["verifiers"].get(str(signals))
    if template is None:
        raise ConfigError(f"No verifier has {signals} public signals: is this the key of one of our circuits?")
    return _fill(template, _constants(key))


def _codes(section: str) -> dict[str, ContractCode]:
    return {
        name: ContractCode(
            name=name,
            length=entry["length"],
            sha256=entry["sha256"],
            immutables={key: tuple(places) for key, places in entry["immutables"].items()},
        )
        for name, entry in _content()[section].items()
    }


def _fill(template: list[str], constants: Mapping[str, int]) -> bytes:
    """A template's code with these constants: `=NAME` pushes one, `>N` the place of a label, `:N` is that label."""
    code = bytearray()
    labels: dict[str, int] = {}
    pushed: list[tuple[int, str]] = []
    for part in template:
        kind, name = part[0], part[1:]
        if kind == "=":
            code += _push(constants[name])
        elif kind == ">":
            pushed.append((len(code) + 1, name))
            code += bytes([_PUSH2, 0, 0])
        elif kind == ":":
            labels[name] = len(code)
        else:
            code += bytes.fromhex(part)
    for place, name in pushed:
        code[place : place + 2] = labels[name].to_bytes(2, "big")
    return bytes(code)


def _numbers_in(code: bytes, template: list[str]) -> dict[str, int] | None:
    """What code pushes where a template has constants; None where it pushes nothing there."""
    numbers: dict[str, int] = {}
    at = 0
    for part in template:
        if part[0] == "=":
            size = code[at] - _PUSH0 if at < len(code) else -1
            if not 0 <= size <= _WORD:
                return None
            numbers[part[1:]] = int.from_bytes(code[at + 1 : at + 1 + size], "big")
            at += 1 + size
        elif part[0] == ">":
            at += 3
        elif part[0] != ":":
            at += len(part) // 2
    return numbers


def _constants(key: Mapping[str, Any]) -> dict[str, int]:
    """A key's numbers by their names in the verifier; Solidity takes the parts of an Fq2 value the other way round."""
    try:
        values = {"alphax": key["vk_alpha_1"][0], "alphay": key["vk_alpha_1"][1]}
        for point in ("beta", "gamma", "delta"):
            x, y = key[f"vk_{point}_2"][:2]
            values |= {f"{point}x1": x[1], f"{point}x2": x[0], f"{point}y1": y[1], f"{point}y2": y[0]}
        for number in range(key["nPublic"] + 1):
            base = key["IC"][number]
            values |= {f"IC{number}x": base[0], f"IC{number}y": base[1]}
        numbers = {name: int(value) for name, value in values.items()}
    except (KeyError, IndexError, TypeError, ValueError):
        raise ConfigError("This is no Groth16 verifying key: numbers are missing in it.") from None
    if not all(0 <= number < 1 << 256 for number in numbers.values()):
        raise ConfigError("This is no Groth16 verifying key: numbers in it are too large.")
    return numbers


def _push(value: int) -> bytes:
    """The shortest instruction that pushes a number."""
    plain = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([_PUSH0 + len(plain)]) + plain


def _before_metadata(code: bytes, length: int) -> bytes | None:
    """The first `length` bytes, where nothing but metadata follows."""
    rest = len(code) - length
    if not 2 <= rest <= _METADATA_BYTES or int.from_bytes(code[-2:], "big") != rest - 2:
        return None
    return code[:length]


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(BYTECODE.read_text())
    return content
