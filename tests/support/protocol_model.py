# SPDX-License-Identifier: Apache-2.0
"""The contracts' rules of a ceremony and a round, and hospitals' storage, in memory and without money or clocks.

What a contract refuses raises `Refused`. A step or window is over when the play says so; everything else (who may do
what, what counts, who is convicted) is as `IKeyCeremony`, `IRoundManager`, `IOpenings` and `ICourt` have it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import combinations

from node.crypto import PostedComplaint, PostedKeys
from node.crypto.pads import Complaint
from node.group.babyjubjub import COFACTOR, IDENTITY, Point, add, is_on_curve, multiply


class Refused(Exception):
    """A contract's refusal."""


class Storage:
    """Files by digest, each served by some hospitals to all or to those they choose, from a moment that they choose."""

    def __init__(self) -> None:
        self._served: dict[bytes, list[tuple[bytes, frozenset[int] | None, int]]] = {}
        self.moment = 0

    def serve(self, data: bytes, to: Collection[int] | None = None, since: int = 0) -> bytes:
        """Returns the digest; `to`: None serves everybody."""
        digest = hashlib.sha256(data).digest()
        entry = (data, None if to is None else frozenset(to), since)
        if entry not in self._served.setdefault(digest, []):
            self._served[digest].append(entry)
        return digest

    def fetch(self, reader: int, digest: bytes) -> bytes | None:
        """The bytes, where somebody serves them to this reader now."""
        for data, to, since in self._served.get(digest, []):
            if since <= self.moment and (to is None or reader in to):
                return data
        return None


@dataclass
class CeremonyModel:
    """`KeyCeremony` for one ceremony, by hospital number; `enrolled` in index order."""

    enrolled: tuple[int, ...]
    threshold: int
    minimum: int
    keys: dict[int, PostedKeys] = field(default_factory=dict)
    keys_hash: bytes = bytes(32)
    dealings: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    holdings: dict[int, frozenset[int]] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()
    lacking: dict[int, frozenset[int]] = field(default_factory=dict)
    complaints: dict[tuple[int, int], PostedComplaint] = field(default_factory=dict)
    acknowledged: dict[int, tuple[bytes, int]] = field(default_factory=dict)

    def post_keys(self, sender: int, keys: PostedKeys) -> None:
        _require(sender in self.enrolled and sender not in self.keys)
        _require(is_on_curve(keys.pad) and multiply(COFACTOR, keys.pad) != IDENTITY and any(keys.box))
        self.keys[sender] = keys
        words = (self.enrolled.index(sender), keys.pad.x, keys.pad.y)
        packed = b"".join(word.to_bytes(32, "big") for word in words) + keys.box
        self.keys_hash = hashlib.sha256(self.keys_hash + packed).digest()

    @property
    def dealt(self) -> tuple[int, ...]:
        """Whom shares are dealt to, in index order."""
        return tuple(number for number in self.enrolled if number in self.keys)

    def post_dealing(self, sender: int, keys_hash: bytes, digest: bytes, size: int) -> None:
        _require(sender in self.keys and sender not in self.dealings and keys_hash == self.keys_hash)
        self.dealings[sender] = (digest, size)

    def post_holding(self, sender: int, held: Iterable[int]) -> None:
        _require(sender in self.dealings and sender not in self.holdings and set(held) <= set(self.dealings))
        self.holdings[sender] = frozenset(held)

    def end_of_hold(self) -> None:
        counts = Counter(dealer for held in self.holdings.values() for dealer in held)
        self.counted = frozenset(dealer for dealer, count in counts.items() if count >= self.threshold)

    def name_lacking(self, sender: int, lacking: Iterable[int]) -> None:
        _require(sender in self.counted and sender not in self.lacking and set(lacking) <= self.counted)
        self.lacking[sender] = frozenset(lacking)

    def complain(self, sender: int, dealer: int, number: int, complaint: Complaint) -> None:
        _require(sender in self.counted and dealer in self.counted and (sender, dealer) not in self.complaints)
        self.complaints[sender, dealer] = PostedComplaint(sender, dealer, number, complaint)

    def end_of_complain(self) -> None:
        counts = Counter(dealer for lacking in self.lacking.values() for dealer in lacking)
        self.counted -= {dealer for dealer, count in counts.items() if count >= self.threshold}

    def acknowledge(self, sender: int, digest: bytes, guilty: int) -> None:
        _require(sender in self.counted and sender not in self.acknowledged)
        self.acknowledged[sender] = (digest, guilty)

    def completed(self) -> tuple[frozenset[int], frozenset[int]] | None:
        """Who is left for the batch, and the guilty; None where no transcript counts, or two do.

        With fewer than the minimum left there is no batch, and the ceremony starts anew.
        """
        counts = Counter(self.acknowledged.values())
        agreed = [pair for pair, count in counts.items() if count >= self.threshold]
        if len(agreed) != 1:
            return None
        guilty = frozenset(number for index, number in enumerate(self.enrolled) if agreed[0][1] >> index & 1)
        members = {number for number, pair in self.acknowledged.items() if pair == agreed[0]}
        participants = frozenset(members & self.counted) - guilty
        return participants, guilty


@dataclass
class RoundModel:
    """`RoundManager`, `Openings` and `Court` for one round, by hospital number; `participants` in index order."""

    number: int
    participants: tuple[int, ...]
    threshold: int
    minimum: int
    ckks_first: bool
    submissions: dict[int, tuple[bytes, int, Point]] = field(default_factory=dict)
    attested: dict[int, frozenset[int]] = field(default_factory=dict)
    included: tuple[int, ...] = ()
    shares: dict[int, bytes] = field(default_factory=dict)
    sigmas: dict[int, bytes] = field(default_factory=dict)
    accusations: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    finalised: bool = False

    def submit(self, sender: int, digest: bytes, size: int, commitment: Point) -> None:
        _require(sender in self.participants and sender not in self.submissions and is_on_curve(commitment))
        self.submissions[sender] = (digest, size, commitment)

    def attest(self, sender: int, held: Iterable[int]) -> None:
        _require(sender in self.participants and sender not in self.attested and set(held) <= set(self.submissions))
        self.attested[sender] = frozenset(held)

    def include(self) -> bool:
        """Fixes the set; False where the round fails for too few."""
        counts = Counter(sender for held in self.attested.values() for sender in held)
        chosen = tuple(number for number in self.participants if counts[number] >= self.threshold)
        if len(chosen) < self.minimum:
            return False
        self.included = chosen
        return True

    @property
    def commitment(self) -> Point:
        """The sum of the included commitments."""
        total = IDENTITY
        for sender in self.included:
            total = add(total, self.submissions[sender][2])
        return total

    @property
    def quorum(self) -> tuple[int, ...]:
        """A subset of those who attested, drawn by a hash of the set."""
        attested = [number for number in self.participants if number in self.attested]
        subsets = list(combinations(attested, self.threshold))
        drawn = hashlib.sha256(repr((self.number, self.included)).encode()).digest()
        return subsets[int.from_bytes(drawn, "big") % len(subsets)]

    def post_share(self, sender: int, data: bytes) -> None:
        _require(self.ckks_first and sender in self.quorum and sender not in self.shares and not self.finalised)
        self.shares[sender] = data

    def post_sigma(self, sender: int, data: bytes) -> None:
        """In the pads' windows, while suspended, and in recovery."""
        _require(bool(self.included) and sender in self.participants and sender not in self.sigmas)
        self.sigmas[sender] = data

    def accuse(self, sender: int, charge: str, accused: int) -> None:
        posted = {"payload": self.submissions, "sigma": self.sigmas}[charge]
        _require(sender in self.participants and accused in posted)
        self.accusations.setdefault((charge, accused), set()).add(sender)

    @property
    def convicted(self) -> frozenset[tuple[str, int]]:
        """Whom enough accused, by charge."""
        return frozenset(key for key, accusers in self.accusations.items() if len(accusers) >= self.threshold)


def _require(condition: bool) -> None:
    if not condition:
        raise Refused
