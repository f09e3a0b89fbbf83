# SPDX-License-Identifier: Apache-2.0
"""A liar of the protocol model: it chooses anew what to do at every message, and computes with the real layer."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import Any

from node.crypto import (
    CeremonyContext,
    Objection,
    PostedKeys,
    ReceivedDealing,
    dealing_size,
    keys_to_post,
    make_dealing,
    read_dealing,
)
from node.errors import MalformedCeremonyMessage, OpeningRefused
from node.group.babyjubjub import ORDER
from node.group.encoding import write_scalars
from tests.support import liars
from tests.support.hospitals import Honest
from tests.support.protocol_model import CeremonyModel, Refused, RoundModel


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
