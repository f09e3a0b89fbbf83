# SPDX-License-Identifier: Apache-2.0
"""The transcript of a set-up: who contributed to a circuit's keys, and the digest of every step.

Reading one checks that it agrees with itself; `node.proofs.setup` checks it against the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from node.errors import ProofError, SetupInvalid
from node.proofs.verifying_key import VerifyingKey, refuse_forgeable, verifying_key_digest
from node.proofs.zkey import Beacon

FORMAT = "setup-transcript/1"
RECEIPT = "setup-contribution/1"
#: snarkjs keeps no more of a name.
NAME_BYTES = 64
_SHA256, _BLAKE2B = 64, 128


@dataclass(frozen=True)
class SetupStep:
    """One step: SHA-256 (hex) of the proving key before and after it, and the contribution's BLAKE2b-512."""

    name: str
    hash: str
    before: str
    after: str


@dataclass(frozen=True)
class Transcript:
    """A finished set-up of one circuit.

    `r1cs` and `initial` (the key without contributions) are SHA-256, `powers` (the powers-of-tau file) and
    `circuit_hash` BLAKE2b-512, all in hex. `steps` are the contributions, oldest first; the beacon follows.
    """

    circuit: str
    constraints: int
    r1cs: str
    powers: str
    circuit_hash: str
    initial: str
    steps: tuple[SetupStep, ...]
    beacon_step: SetupStep
    beacon: Beacon
    verifying_key: VerifyingKey

    @property
    def final(self) -> str:
        """SHA-256 (hex) of the finished proving key."""
        return self.beacon_step.after

    @property
    def verifying_key_digest(self) -> str:
        """SHA-256 (hex) of the verifying key, as circuits and deployments list it."""
        return verifying_key_digest(self.verifying_key)

    def to_json(self) -> str:
        """The transcript as `read_transcript` reads it."""
        content = {"consilium": FORMAT, **asdict(self), "verifying_key_digest": self.verifying_key_digest}
        return json.dumps(content, indent=2) + "\n"

    def check(self) -> None:
        """Raise SetupInvalid where steps do not follow each other, or ProofError where the key can be forged."""
        before = self.initial
        for step in (*self.steps, self.beacon_step):
            if step.before != before:
                raise SetupInvalid(
                    f"the transcript of {self.circuit} is broken before the step of {step.name}: "
                    f"it began from {step.before[:16]}…, and the step before left {before[:16]}…"
                )
            before = step.after
        names = [step.name for step in self.steps]
        if not names or len({*names, self.beacon_step.name}) != len(names) + 1:
            raise SetupInvalid(f"the transcript of {self.circuit} needs contributors, each with a name of its own")
        refuse_forgeable(self.verifying_key)


def read_transcript(path: Path) -> Transcript:
    """Read and check a transcript; SetupInvalid where it is none, or does not agree with itself."""
    content = read_json(path, FORMAT)
    try:
        transcript = Transcript(
            circuit=text(content, "circuit"),
            constraints=int(content["constraints"]),
            r1cs=digest(content, "r1cs"),
            powers=digest(content, "powers", _BLAKE2B),
            circuit_hash=digest(content, "circuit_hash", _BLAKE2B),
            initial=digest(content, "initial"),
            steps=tuple(read_step(step) for step in content["steps"]),
            beacon_step=read_step(content["beacon_step"]),
            beacon=Beacon(
                text(content["beacon"], "value", "[0-9a-f]{2,510}"), int(content["beacon"]["iterations_exponent"])
            ),
            verifying_key=dict(content["verifying_key"]),
        )
        listed = digest(content, "verifying_key_digest")
    except (KeyError, TypeError, ValueError) as error:
        raise SetupInvalid(f"{path} is no transcript of a set-up: {error}") from None
    if transcript.verifying_key_digest != listed:
        raise SetupInvalid(f"{path}: the verifying key in it does not have the digest that it states")
    try:
        transcript.check()
    except SetupInvalid as error:
        raise SetupInvalid(f"{path}: {error}") from None
    except ProofError as error:
        raise SetupInvalid(f"{path}: {error}") from None
    return transcript


def read_receipt(path: Path) -> SetupStep:
    """Read what a contributor keeps of its contribution; SetupInvalid where it is none."""
    content = read_json(path, RECEIPT)
    try:
        return read_step(content)
    except (KeyError, TypeError, ValueError):
        raise SetupInvalid(f"{path} is damaged: ask the contributor for it again") from None


def read_json(path: Path, form: str) -> Mapping[str, Any]:
    """Read one of a set-up's files; SetupInvalid where it is none or of another form."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupInvalid(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise SetupInvalid(f"{path} is not JSON") from None
    if not isinstance(content, dict) or content.get("consilium") != form:
        raise SetupInvalid(f"{path} is no {form} file")
    return content


def read_step(content: Mapping[str, Any]) -> SetupStep:
    """A step from its JSON; ValueError, KeyError or TypeError where it is none."""
    return SetupStep(
        name=text(content, "name"),
        hash=digest(content, "hash", _BLAKE2B),
        before=digest(content, "before"),
        after=digest(content, "after"),
    )


def digest(content: Mapping[str, Any], name: str, length: int = _SHA256) -> str:
    """A lower-case hex value of so many digits; ValueError where it is none."""
    return text(content, name, f"[0-9a-f]{{{length}}}")


def text(content: Mapping[str, Any], name: str, pattern: str = r"[^\x00-\x1f\x7f]+") -> str:
    """A string that the whole pattern matches; ValueError where it does not."""
    value = content[name]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"`{name}` is not what it must be")
    return value
