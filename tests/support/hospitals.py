# SPDX-License-Identifier: Apache-2.0
"""Hospitals of the protocol model: honest ones, and liars that choose anew what to do at every message.

Both compute with the real layer. An honest one keeps nothing but its memory, so it can be restarted at any moment.
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
    PostedKeys,
    ReceivedDealing,
    RoundOpening,
    SumOpening,
    UpdateForm,
    dealing_digest,
    dealing_size,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    read_dealing,
    receive_dealing,
    round_opening,
    round_secrets,
)
from node.errors import MalformedCeremonyMessage, MalformedPayload, MalformedShare, OpeningFailed, OpeningRefused
from node.group.babyjubjub import ORDER, Point
from node.group.encoding import write_scalars
from node.group.pedersen import commit
from tests.support import liars
from tests.support.protocol_model import CeremonyModel, Refused, RoundModel, Storage


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
            if data is not None and announced == size == len(data) and dealing_digest(data) == digest:
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


@dataclass
class Liar(Honest):
    """A hospital that chooses at each message: `draw` decides, `lies` are those that bytes show.

    It knows who the others are, and who lies with it. Most bide their time: who lies in the ceremony is seldom left to
    lie in a round.
    """

    draw: random.Random = field(default_factory=random.Random)
    others: tuple[int, ...] = ()
    fellows: tuple[int, ...] = ()
    lies: set[tuple[Any, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.biding = self.draw.random() < 0.7

    def act(self, message: str, chain: CeremonyModel | RoundModel) -> None:
        """Sends what it chooses, or what an honest hospital would."""
        bides = self.biding and isinstance(chain, CeremonyModel) and self.draw.random() < 0.97
        getattr(super() if bides else self, message)(chain)

    @property
    def victims(self) -> list[int]:
        """The honest."""
        return [number for number in self.others if number not in self.fellows]

    def post_keys(self, chain: CeremonyModel) -> None:
        choice = self.draw.choice(
            ("honest", "honest", "honest", "silent", "unusable box", "another's box", "another's pad")
        )
        if choice == "silent":
            return
        seed = self._once("seed", lambda: self.draw.randbytes(32))
        keys = keys_to_post(self.setting.identity, seed)
        posted = [chain.keys[number] for number in self.victims if number in chain.keys]
        if choice == "unusable box":
            keys = PostedKeys(keys.pad, (1).to_bytes(32, "little"))
        elif choice == "another's box" and posted:
            keys = PostedKeys(keys.pad, posted[0].box)
        elif choice == "another's pad" and posted:
            keys = PostedKeys(posted[0].pad, keys.box)
        chain.post_keys(self.number, keys)

    def post_dealing(self, chain: CeremonyModel) -> None:
        if self.number not in chain.keys:
            return
        ctx = self.setting.context(chain)
        size = dealing_size(ctx)
        file = make_dealing(ctx, self.number, self.memory["seed"], self._keys(chain))
        victim = self.draw.choice([number for number in ctx.parties if number != self.number])
        choice = self.draw.choice(
            ("honest", "silent", "garbage", "size", "another's", "scalar", "box", "share", "ckks boxes", "old keys")
        )
        if choice == "silent":
            return
        if choice == "garbage":
            file = self.draw.randbytes(size)
        elif choice == "size":
            file = file + bytes(self.draw.randrange(1, 99))
        elif choice == "another's":
            held = [self.storage.fetch(self.number, digest) for digest, _ in chain.dealings.values()]
            file = next((data for data in held if data), file)
        elif choice == "scalar":
            place = self.draw.randrange(79, 79 + 32 * (self.setting.threshold + 3))
            file = file[:place] + bytes((file[place] ^ 1,)) + file[place + 1 :]
        elif choice == "box":
            number = self.draw.choice(ctx.round_numbers)
            file = liars.with_changed_box(ctx, file, self.number, victim, number)
        elif choice == "share":
            file = liars.with_false_share(ctx, file, self.number, self.memory["seed"], victim, self._keys(chain))
        elif choice == "ckks boxes" and self.setting.with_ckks:
            file = file[:-40] + self.draw.randbytes(40)
        elif choice == "old keys":
            other = replace(ctx, keys_hash=self.draw.randbytes(32))
            file = make_dealing(other, self.number, self.memory["seed"], self._keys(chain))
        self._note_dealing(chain, ctx, file, victim, choice)
        digest = hashlib.sha256(file).digest()
        to, since = self._audience(), self.draw.choice((0, 0, 1, 2))
        self.storage.serve(file, to, since)
        self.storage.serve(file, self.fellows)
        chain.post_dealing(self.number, chain.keys_hash, digest, len(file))

    def post_holding(self, chain: CeremonyModel) -> None:
        if self.number not in chain.dealings or self.draw.random() < 0.2:
            return
        dealt = sorted(chain.dealings)
        held = self.draw.choice((dealt, [], self.draw.sample(dealt, len(dealt) // 2), list(self.fellows)))
        chain.post_holding(self.number, set(held) & set(dealt))

    def name_lacking(self, chain: CeremonyModel) -> None:
        if self.draw.random() < 0.5:
            chain.name_lacking(self.number, self.draw.sample(sorted(chain.counted), len(chain.counted) // 2))

    def complain(self, chain: CeremonyModel) -> None:
        ctx = self.setting.context(chain)
        files = self._fetch_dealings(chain)
        for dealer in sorted(chain.counted - {self.number}):
            choice = self.draw.choice(("silent", "silent", "honest", "false", "garbage", "copy"))
            copied = [posted.complaint for (_, about), posted in chain.complaints.items() if about == dealer]
            number = self.draw.choice(ctx.round_numbers)
            if choice == "garbage":
                words = [self.draw.choice((0, 1, ORDER, 2**256 - 1, self.draw.getrandbits(255))) for _ in range(4)]
                complaint = liars.complaint_of(*words)
            elif choice == "false" and dealer in files:
                found = liars.complaint_about(
                    ctx, self.memory["files"][dealer], dealer, self.number, self.memory["seed"], number
                )
                if found is None:
                    continue
                complaint = found
            elif choice == "copy" and copied:
                complaint = copied[0]
            elif choice == "honest" and dealer in files:
                objection = self._finding(chain, dealer)
                if not isinstance(objection, Objection):
                    continue
                number, complaint = objection.round, objection.complaint
            else:
                continue
            chain.complain(self.number, dealer, number, complaint)

    def acknowledge(self, chain: CeremonyModel) -> None:
        choice = self.draw.choice(("honest", "honest", "silent", "digest", "guilty"))
        if choice == "silent":
            return
        try:
            super().acknowledge(chain)
        except MalformedCeremonyMessage:
            return
        if choice == "honest" or self.number not in chain.acknowledged:
            return
        digest, guilty = chain.acknowledged[self.number]
        everybody = (1 << len(chain.enrolled)) - 1
        chain.acknowledged[self.number] = (
            (self.draw.randbytes(32), guilty) if choice == "digest" else (digest, everybody & ~guilty)
        )

    def keep_secrets(self, chain: CeremonyModel, participants: frozenset[int]) -> None:
        """What it can: a liar that was dealt a false share by another holds none."""
        if all(isinstance(self._finding(chain, dealer), ReceivedDealing) for dealer in participants):
            super().keep_secrets(chain, participants)

    # A round

    def submit(self, chain: RoundModel) -> None:
        choice = self.draw.choice(
            ("honest", "silent", "garbage", "size", "another update", "pad", "ciphertext", "residue", "another's")
        )
        if choice == "silent" or ("secrets", chain.number) not in self.memory:
            return
        payload = self._once(("payload", chain.number), lambda: self._payload(chain))
        values, blinding = self.update(chain.number)
        rules, secrets = self._rules(chain), self.memory["secrets", chain.number]
        pads_end = rules.later().share_size
        shown = False
        if choice == "garbage":
            payload, shown = self.draw.randbytes(len(payload)), True
        elif choice == "size":
            payload, shown = payload[: -self.draw.randrange(1, len(payload))], True
        elif choice == "another update":
            lied = [value // 2 + 1 for value in values]
            payload, shown = rules.make_payload(self.number, secrets, lied, blinding), True
        elif choice == "pad":
            masked = [int.from_bytes(payload[at : at + 32], "little") for at in range(0, pads_end, 32)]
            masked[self.draw.randrange(len(masked))] += 1
            payload, shown = write_scalars(value % ORDER for value in masked) + payload[pads_end:], True
        elif choice == "ciphertext" and chain.ckks_first:
            lied = [value // 2 + 1 for value in values]
            payload = payload[:pads_end] + rules.make_payload(self.number, secrets, lied, blinding)[pads_end:]
        elif choice == "residue" and chain.ckks_first:
            payload, shown = payload[:-200] + b"\xff" * 8 + payload[-192:], True
        elif choice == "another's" and chain.submissions:
            data = self.storage.fetch(self.number, next(iter(chain.submissions.values()))[0])
            payload, shown = (data, True) if data else (payload, False)
        to = self._audience()
        self.storage.serve(payload, to)
        self.storage.serve(payload, self.fellows)
        if shown and (to is None or set(to) & set(self.victims) & set(chain.participants)):
            self.lies.add(("payload", chain.number))
        chain.submit(self.number, hashlib.sha256(payload).digest(), len(payload), self.commitment(chain.number))

    def attest(self, chain: RoundModel) -> None:
        submitted = sorted(chain.submissions)
        some = self.draw.sample(submitted, len(submitted) // 2)
        if self.draw.random() < 0.8:
            chain.attest(self.number, self.draw.choice((submitted, [], some, set(self.fellows) & set(submitted))))

    def post_ckks_share(self, chain: RoundModel) -> None:
        if self.number not in chain.quorum or ("secrets", chain.number) not in self.memory:
            return
        choice = self.draw.choice(("honest", "silent", "garbage", "false", "another set"))
        way = self._rules(chain).first(chain.quorum)
        if choice == "silent":
            return
        included = chain.included
        if choice == "another set":
            included = tuple(self.draw.sample(chain.participants, max(3, len(chain.included) - 1)))
        try:
            share = way.share(self.number, self.memory["secrets", chain.number], included)
        except OpeningRefused:
            return
        if choice == "garbage":
            share = self.draw.randbytes(way.share_size)
        elif choice == "false":
            share = share[:-100] + bytes((share[-100] ^ 1,)) + share[-99:]
        chain.post_share(self.number, share)

    def post_sigma(self, chain: RoundModel) -> None:
        choice = self.draw.choice(("honest", "silent", "garbage", "length", "scalar", "another set"))
        if choice == "silent" or ("secrets", chain.number) not in self.memory or self.number in chain.sigmas:
            return
        way, secrets = self._rules(chain).later(), self.memory["secrets", chain.number]
        sigma = way.share(self.number, secrets, chain.included)
        true = sigma
        if choice == "garbage":
            sigma = self.draw.randbytes(len(sigma))
        elif choice == "length":
            sigma = sigma[: self.draw.randrange(len(sigma))]
        elif choice == "scalar":
            sigma = bytes((sigma[0] ^ 1,)) + sigma[1:]
        elif choice == "another set":
            sigma = way.share(self.number, secrets, self.draw.sample(chain.participants, 3))
        if sigma != true:
            self.lies.add(("sigma", chain.number))
        chain.post_sigma(self.number, sigma)

    def accuse(self, chain: RoundModel) -> None:
        for charge, posted in (("payload", chain.submissions), ("sigma", chain.sigmas)):
            for accused in posted:
                if self.draw.random() < 0.7:
                    chain.accuse(self.number, charge, accused)

    def _audience(self) -> list[int] | None:
        """To whom it serves a file: all, some of the honest, or none of them."""
        some = self.draw.sample(self.victims, self.draw.randrange(len(self.victims)))
        return self.draw.choice((None, None, some, []))

    def _note_dealing(self, chain: CeremonyModel, ctx: CeremonyContext, file: bytes, victim: int, choice: str) -> None:
        """What bytes will show of this dealing if it counts."""
        if len(file) != dealing_size(ctx):
            self.lies.add(("size",))
            return
        try:
            read_dealing(ctx, self.number, file)
        except MalformedCeremonyMessage:
            self.lies.add(("malformed",))
            return
        if choice in ("box", "share"):
            self.lies.add(("false to", victim))


def tell(actor: Honest, message: str, chain: CeremonyModel | RoundModel) -> None:
    """Has a hospital act; what the contract refuses of a liar is as if it had not been sent."""
    try:
        actor.act(message, chain)
    except Refused:
        assert isinstance(actor, Liar), f"the contract refuses what hospital {actor.number} sends by the protocol"
