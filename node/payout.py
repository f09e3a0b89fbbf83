# SPDX-License-Identifier: Apache-2.0
"""Where rewards go, known to nobody before they are claimed: an address behind a hash, and the salt that hides it.

Source of the commitment: `StudyRegistry.enrol`, SHA-256(payout address, 20 bytes ‖ salt, 32 bytes).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from node.errors import SecretUnavailable, UsageError
from node.secrets import SecretStore
from node.types import Address

SALT_BYTES = 32


@dataclass(frozen=True)
class Payout:
    """An address to pay and its salt; nobody may see the salt before the claim."""

    address: Address
    salt: bytes = field(repr=False)

    @property
    def commitment(self) -> bytes:
        """What a hospital gives at enrolment: 32 bytes."""
        return hashlib.sha256(bytes.fromhex(self.address.removeprefix("0x")) + self.salt).digest()


class Payouts:
    """The payouts that a node committed to, by study, in a secret store of their own.

    Apart from a study's other secrets: those are erased at its end, and a running node does not open these.
    """

    def __init__(self, folder: Path, passphrase: str) -> None:
        self._store = SecretStore(folder, passphrase)

    def keep(self, study: int, address: Address) -> Payout:
        """The study's payout to this address, made where there is none; raises `UsageError` for another address."""
        if not self._store.has(_name(study)):
            made = {"address": address, "salt": secrets.token_bytes(SALT_BYTES).hex()}
            self._store.put(_name(study), json.dumps(made).encode())
        return self.of(study, address)

    def of(self, study: int, address: Address) -> Payout:
        """The study's payout; raises `UsageError` where it is to another address, or there is none."""
        try:
            kept = json.loads(self._store.get(_name(study)))
        except SecretUnavailable:
            raise UsageError(
                f"This node committed to no payout in study {study}: `consilium enrol --payout` does. What was earned "
                "is the owner's; claim it without --payout."
            ) from None
        if kept["address"] != address:
            raise UsageError(f"In study {study} this node committed to a payout to {kept['address']}, no other.")
        return Payout(kept["address"], bytes.fromhex(kept["salt"]))

    def forget(self, study: int) -> None:
        """Erase a payout that the chain did not take."""
        self._store.erase(_name(study))


def _name(study: int) -> str:
    return f"study-{study}"
