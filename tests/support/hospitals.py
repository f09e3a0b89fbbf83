# SPDX-License-Identifier: Apache-2.0
"""An honest hospital of the protocol model: it computes with the real layer, and does what the protocol asks of it.

It keeps nothing but its memory, so it can be restarted at any moment.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from node.crypto import (
    CeremonyContext,
    CeremonyIdentity,
    CeremonyKeys,
    Malformed,
    Objection,
    OpenedSum,
    Payload,
    PostedDealing,
    ReceivedDealing,
    RoundOpening,
    SumOpening,
    UpdateForm,
    dealing_size,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    read_dealing,
    receive_dealing,
    round_opening,
    round_secrets,
)
from node.errors import MalformedPayload, MalformedShare, OpeningFailed, OpeningRefused
from node.group.babyjubjub import ORDER, Point
from node.group.pedersen import commit
from tests.support.protocol_model import CeremonyModel, RoundModel, Storage


@dataclass(frozen=True)
class Setting:
    """What all hospitals read in the plan and on chain before the ceremony begins."""

    identity: CeremonyIdentity
    form: UpdateForm
    threshold: int
    rounds: int
    with_ckks: bool

    def context(self, chain: CeremonyModel) -> CeremonyContext:
        """The ceremony's context once its keys are posted."""
        dealt = chain.dealt
        indices = tuple(chain.enrolled.index(number) for number in dealt)
        ckks = self.form.parameters(len(dealt), self.threshold) if self.with_ckks else None
        return CeremonyContext(
            self.identity, chain.keys_hash, dealt, indices, self.threshold, 1, self.rounds, self.form, ckks
        )  # fmt: skip


@dataclass
class Honest:
    """A hospital that follows the protocol; `memory` is what survives a restart, `made` what a test looks at."""

    number: int
    setting: Setting
    storage: Storage
    memory: dict[Any, Any] = field(default_factory=dict)
    made: list[tuple[Any, ...]] = field(default_factory=list)

    def restarted(self) -> Honest:
        """The same hospital after a crash."""
        return replace(self)

    def act(self, message: str, chain: CeremonyModel | RoundModel) -> None:
        """Does what the protocol asks of it, by the message's name."""
        getattr(self, message)(chain)

    # The ceremony

    def post_keys(self, chain: CeremonyModel) -> None:
        seed = self._once("seed", lambda: hashlib.sha256(repr((self.setting, self.number)).encode()).digest())
        chain.post_keys(self.number, keys_to_post(self.setting.identity, seed))

    def post_dealing(self, chain: CeremonyModel) -> None:
        ctx = self.setting.context(chain)
        file = make_dealing(ctx, self.number, self.memory["seed"], self._keys(chain))
        digest = self.storage.serve(file)
        chain.post_dealing(self.number, chain.keys_hash, digest, len(file))

    def post_holding(self, chain: CeremonyModel) -> None:
        chain.post_holding(self.number, self._fetch_dealings(chain))

    def name_lacking(self, chain: CeremonyModel) -> None:
        lacking = chain.counted - self._fetch_dealings(chain)
        if lacking:
            chain.name_lacking(self.number, lacking)

    def complain(self, chain: CeremonyModel) -> None:
        for dealer in chain.counted & self._fetch_dealings(chain):
            found = self._finding(chain, dealer)
            if isinstance(found, Objection) and (self.number, dealer) not in chain.complaints:
                chain.complain(self.number, dealer, found.round, found.complaint)

    def acknowledge(self, chain: CeremonyModel) -> None:
        """Nothing where it lacks a dealing that counts, or holds a false one that nobody complained of in time."""
        held = self._fetch_dealings(chain)
        if not chain.counted <= held:
            return
        ctx = self.setting.context(chain)
        posted = {
            dealer: PostedDealing(digest, size, dealer in chain.counted, self.memory["files"].get(dealer))
            for dealer, (digest, size) in chain.dealings.items()
        }
        judged = judge_ceremony(ctx, self._keys(chain), posted, list(chain.complaints.values()))
        fair = chain.counted - judged.guilty
        if all(isinstance(self._finding(chain, dealer), ReceivedDealing) for dealer in fair):
            chain.acknowledge(self.number, judged.digest, judged.bitmap)

    def keep_secrets(self, chain: CeremonyModel, participants: frozenset[int]) -> None:
        """Takes out every round's secrets and forgets the seed."""
        ctx = self.setting.context(chain)
        received = {}
        for dealer in participants:
            found = self._finding(chain, dealer)
            assert isinstance(found, ReceivedDealing), f"{self.number} acknowledged the false dealing of {dealer}"
            received[dealer] = found
        for number in ctx.round_numbers:
            secrets = round_secrets(ctx, self.number, self.memory["seed"], received, number)
            self.memory["secrets", number] = secrets
        self.memory["ctx"] = ctx
        self.memory["dealings"] = {
            dealer: read_dealing(ctx, dealer, self.memory["files"][dealer]).pads for dealer in participants
        }
        del self.memory["seed"]

    # A round

    def update(self, number: int) -> tuple[list[int], int]:
        """What it trained, by round: the same again after a restart."""
        draw = random.Random(repr((self.number, number)))
        half = 1 << (self.setting.form.value_bits - 1)
        values = [draw.choice((-half, half - 1, 0, draw.randrange(-half, half)))
                  for _ in range(self.setting.form.coordinates)]  # fmt: skip
        return values, draw.randrange(ORDER)

    def commitment(self, number: int) -> Point:
        """C, which the training proof would prove to be right."""
        values, blinding = self.update(number)
        return commit(self.setting.form.to_scalars(values), blinding)

    def submit(self, chain: RoundModel) -> None:
        payload = self._once(("payload", chain.number), lambda: self._payload(chain))
        digest = self.storage.serve(payload)
        chain.submit(self.number, digest, len(payload), self.commitment(chain.number))

    def attest(self, chain: RoundModel) -> None:
        chain.attest(self.number, self.payloads(chain))

    def see_set(self, chain: RoundModel) -> None:
        """Writes the set down that the chain fixed, whether or not it will open it."""
        self._bind(("set", chain.number), chain.included)

    def post_ckks_share(self, chain: RoundModel) -> None:
        if self.number in chain.quorum:
            share = self.ckks_share(chain, chain.included, chain.quorum)
            if share is not None:
                chain.post_share(self.number, share)

    def ckks_share(self, chain: RoundModel, included: tuple[int, ...], quorum: tuple[int, ...]) -> bytes | None:
        """A share for one set and one quorum a round, ever, both written down first."""
        self._bind(("set", chain.number), included)
        self._bind(("quorum", chain.number), quorum)
        try:
            share = self._rules(chain).first(quorum).share(self.number, self.memory["secrets", chain.number], included)
        except OpeningRefused:
            return None
        self.made.append(("ckks", chain.number, included, quorum, share))
        return share

    def post_sigma(self, chain: RoundModel) -> None:
        if self.number not in chain.sigmas:
            chain.post_sigma(self.number, self.sigma(chain, chain.included))

    def sigma(self, chain: RoundModel, included: tuple[int, ...]) -> bytes:
        """Its share of the pads, for one set a round, ever."""
        self._bind(("set", chain.number), included)
        sigma = self._rules(chain).later().share(self.number, self.memory["secrets", chain.number], included)
        self.made.append(("sigma", chain.number, included, None, sigma))
        return sigma

    def open_by_ckks(self, chain: RoundModel) -> OpenedSum | None:
        return self._opened(chain, lambda rules: rules.first(chain.quorum), chain.shares)

    def open_by_pads(self, chain: RoundModel) -> OpenedSum | None:
        return self._opened(chain, lambda rules: rules.later(), chain.sigmas)

    def accuse(self, chain: RoundModel) -> None:
        self.payloads(chain)
        for sender in self.memory.get(("false payloads", chain.number), ()):
            chain.accuse(self.number, "payload", sender)
        way = self._rules(chain).later()
        for sender, sigma in chain.sigmas.items():
            try:
                way.check_share(sender, chain.included, sigma)
            except MalformedShare:
                chain.accuse(self.number, "sigma", sender)

    def payloads(self, chain: RoundModel) -> dict[int, Payload]:
        """The submitted payloads that it holds and finds right; false ones are kept and served as evidence."""
        rules, good = self._rules(chain), {}
        for sender, (digest, size, commitment) in chain.submissions.items():
            data = self.storage.fetch(self.number, digest)
            if data is None or len(data) != size:
                continue
            self.storage.serve(data)
            try:
                good[sender] = rules.read_payload(sender, data, commitment)
            except MalformedPayload:
                self.memory.setdefault(("false payloads", chain.number), set()).add(sender)
        return good

    # What it knows

    def _rules(self, chain: RoundModel) -> RoundOpening:
        ctx: CeremonyContext = self.memory["ctx"]
        dealings = {dealer: pads[chain.number] for dealer, pads in self.memory["dealings"].items()}
        return round_opening(ctx.round_context(chain.number), dealings, ckks_first=chain.ckks_first)

    def _payload(self, chain: RoundModel) -> bytes:
        values, blinding = self.update(chain.number)
        secrets = self.memory["secrets", chain.number]
        return self._rules(chain).make_payload(self.number, secrets, values, blinding)

    def _opened(
        self, chain: RoundModel, way: Callable[[RoundOpening], SumOpening], shares: dict[int, bytes]
    ) -> OpenedSum | None:
        good = self.payloads(chain)
        if not set(chain.included) <= set(good):
            return None
        try:
            return way(self._rules(chain)).open([good[sender] for sender in chain.included], shares, chain.commitment)
        except OpeningFailed:
            return None

    def _keys(self, chain: CeremonyModel) -> CeremonyKeys:
        return CeremonyKeys.of(self.setting.context(chain), chain.keys)

    def _fetch_dealings(self, chain: CeremonyModel) -> frozenset[int]:
        """Whose dealings it holds whole and serves, with the size and digest that are on record."""
        size, files = dealing_size(self.setting.context(chain)), self.memory.setdefault("files", {})
        for dealer, (digest, announced) in chain.dealings.items():
            data = self.storage.fetch(self.number, digest)
            if data is not None and announced == size == len(data):
                files[dealer] = data
                self.storage.serve(data)
        return frozenset(files)

    def _finding(self, chain: CeremonyModel, dealer: int) -> ReceivedDealing | Malformed | Objection:
        key = ("finding", dealer)
        if key not in self.memory:
            self.memory[key] = receive_dealing(
                self.setting.context(chain), self.number, self.memory["seed"], self._keys(chain), dealer,
                self.memory["files"][dealer],
            )  # fmt: skip
        found: ReceivedDealing | Malformed | Objection = self.memory[key]
        return found

    def _once(self, key: Any, make: Callable[[], bytes]) -> bytes:
        if key not in self.memory:
            self.memory[key] = make()
        kept: bytes = self.memory[key]
        return kept

    def _bind(self, key: Any, value: Any) -> None:
        if self.memory.setdefault(key, value) != value:
            raise OpeningRefused(f"{key} is another on record")
