# SPDX-License-Identifier: Apache-2.0
"""An update as it is kept from training to proof: a repeated step must send the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from node.learning.shortening import WHOLE

Vector = tuple[int, ...]


@dataclass(frozen=True)
class Trained:
    """P integers that were learned, and the noise that is added to them before all else (all 0 without privacy).

    `shortening`: the factor that made a head's update as short as the plan wants it; a network's proof names none.
    """

    update: Vector = field(repr=False)
    noise: Vector = field(repr=False)
    shortening: int = field(default=WHOLE, repr=False)

    @property
    def values(self) -> Vector:
        """What is committed to and encrypted."""
        return tuple(u + e for u, e in zip(self.update, self.noise, strict=True))

    def to_bytes(self) -> bytes:
        """For the secret store."""
        return json.dumps({"update": self.update, "noise": self.noise, "shortening": self.shortening}).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Trained:
        """From the secret store."""
        value = json.loads(content)
        return cls(tuple(value["update"]), tuple(value["noise"]), value["shortening"])
