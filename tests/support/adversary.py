# SPDX-License-Identifier: Apache-2.0
"""Plays a ceremony and its rounds among honest hospitals and random liars, and checks what is claimed of them.

The claim: with at most t - 1 liars and t honest hospitals online, every round whose set is fixed opens to exactly the
right sum for every honest hospital; only liars are found guilty or convicted; every lie that bytes show is; and no
honest hospital makes anything of a second set, or a second CKKS share of one sum.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from node.crypto import CeremonyIdentity, OpenedSum, UpdateForm, pads
from node.errors import OpeningRefused
from node.group.babyjubjub import ORDER
from tests.support.hospitals import Honest, Setting
from tests.support.protocol_model import CeremonyModel, RoundModel, Storage
from tests.support.random_liar import Liar, tell

#: How often an honest hospital crashes before a message, and one that need not be there misses it.
CRASH, AWAY = 0.1, 0.3


class ClaimBroken(AssertionError):
    """What is claimed does not hold in a play."""


@dataclass
class Play:
    """One play: `seed` is all that it depends on; `happened` counts what came about, for tests to see that it did.

    `steady` honest hospitals, t of them, miss nothing; the other honest ones may.
    """

    seed: int
    parties: int
    threshold: int
    liar_count: int
    with_ckks: bool
    honest_kind: type[Honest] = Honest
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        numbers = tuple(sorted(self.draw.sample(range(1, 100), self.parties)))
        fellows = tuple(sorted(self.draw.sample(numbers, self.liar_count)))
        form = self.draw.choice((UpdateForm(2, 26), UpdateForm(9, 16, packed=True)))
        identity = CeremonyIdentity(31337, "0x" + "5c" * 20, 7, self.seed % 1000)
        self.setting = Setting(identity, form, self.threshold, 2, self.with_ckks)
        self.storage = Storage()
        self.actors: dict[int, Honest] = {}
        for number in numbers:
            honest = self.honest_kind(number, self.setting, self.storage)
            self.actors[number] = honest
            if number in fellows:
                self.actors[number] = Liar(
                    number, self.setting, self.storage, draw=random.Random(self.draw.random()), others=numbers,
                    fellows=fellows,
                )  # fmt: skip
        self.honest = tuple(number for number in numbers if number not in fellows)
        self.minimum = max(3, self.threshold + 1)
        self.steady = frozenset(self.honest[: self.minimum])

    def run(self) -> Counter[str]:
        """Plays everything; raises ClaimBroken."""
        with _computed_once():
            participants = self._ceremony(CeremonyModel(tuple(self.actors), self.threshold, self.minimum))
            for number in range(1, self.setting.rounds + 1 if participants else 1):
                # After two openings by CKKS that failed, a study's rounds open by pads at once.
                ckks_first = self.with_ckks and self.draw.random() < 0.8
                self._round(RoundModel(number, participants, self.threshold, self.minimum, ckks_first))
        return self.happened

    # The ceremony

    def _ceremony(self, chain: CeremonyModel) -> tuple[int, ...]:
        """The batch's participants; nobody where too few were left, as where liars are needed to be enough."""
        self._all("post_keys", chain, self.actors)
        if len(chain.dealt) < self.minimum:
            return self._too_few()
        self._all("post_dealing", chain, chain.dealt)
        self._all("post_holding", chain, chain.dealings)
        chain.end_of_hold()
        self.storage.moment = 1
        self._all("name_lacking", chain, chain.counted)
        self._all("complain", chain, chain.counted)
        self.storage.moment = 2
        # A second look: what came late is complained of until the end of the step, and liars may be last.
        self._all("complain", chain, chain.counted)
        chain.end_of_complain()
        self._all("acknowledge", chain, chain.counted)
        ended = chain.completed()
        self._claim(ended is not None, "no transcript counts")
        assert ended is not None
        participants, guilty = ended
        self._check_guilty(chain, guilty)
        self._claim(self.steady <= participants, "an honest hospital that was there lost its place")
        if len(participants) < self.minimum:
            return self._too_few()
        for number in sorted(participants):
            self.actors[number].keep_secrets(chain, participants)
        self.happened["ceremonies with somebody guilty" if guilty else "ceremonies with nobody guilty"] += 1
        self.happened["hospitals left out of a batch"] += len(self.actors) - len(participants)
        return tuple(number for number in self.actors if number in participants)

    def _too_few(self) -> tuple[int, ...]:
        self._claim(len(self.steady) < self.minimum, "enough honest hospitals were there, and no batch began")
        self.happened["ceremonies with too few left"] += 1
        return ()

    def _check_guilty(self, chain: CeremonyModel, guilty: frozenset[int]) -> None:
        self._claim(not guilty & set(self.honest), "an honest hospital was found guilty")
        for number, actor in self.actors.items():
            for lie, *about in actor.lies if isinstance(actor, Liar) else ():
                counts = number in chain.counted
                seen = lie == "size" or (counts and (lie == "malformed" or about[0] in self.steady))
                self._claim(not seen or number in guilty, f"nobody saw that hospital {number} lied: {lie}")
                self.happened[f"dealings {lie}, {'seen' if seen else 'of no account'}"] += 1
        for (complainer, dealer), posted in chain.complaints.items():
            if dealer in chain.counted:
                self._claim(bool({complainer, dealer} & guilty), f"a complaint judged nobody: {posted}")
                self.happened["complaints judged"] += 1

    # A round

    def _round(self, chain: RoundModel) -> None:
        self._all("submit", chain, chain.participants)
        self._all("attest", chain, chain.participants)
        if not chain.include():
            self._claim(len(self.steady) < self.minimum, "enough honest hospitals submitted, and no set was fixed")
            self.happened["rounds with too few"] += 1
            return
        self._claim(self.steady <= set(chain.included), "an honest update was left out")
        for number in self.honest:
            if number in chain.participants:
                self.actors[number].see_set(chain)
        opened: dict[int, OpenedSum] = {}
        if chain.ckks_first:
            self._all("post_ckks_share", chain, chain.participants)
            opened = self._opened(chain, "open_by_ckks")
            self.happened["sums opened by CKKS" if opened else "openings by CKKS failed"] += 1
            if opened and self.draw.random() < 0.3:
                # Who opens alone finalises with a true proof and shows nobody the model: it is asked for.
                chain.finalised, opened = True, {}
                self.happened["models held back and recovered"] += 1
        if not opened:
            self._all("post_sigma", chain, chain.participants)
            opened = self._opened(chain, "open_by_pads")
            self.happened["sums opened by pads"] += 1
        self._claim(self.steady <= set(opened), "an honest hospital could not open the sum")
        expected = self._expected(chain)
        self._claim(all(found == expected for found in opened.values()), "a sum opened to something else")
        # Liars may still post: whatever is on chain by the end is looked at.
        for number in self._in_any_order(chain.participants):
            if isinstance(self.actors[number], Liar):
                tell(self.actors[number], "post_sigma", chain)
        self._tempt(chain)
        self._all("accuse", chain, chain.participants)
        self._check_convicted(chain)
        self._check_made(chain)

    def _opened(self, chain: RoundModel, way: str) -> dict[int, OpenedSum]:
        found = {
            number: getattr(self.actors[number], way)(chain) for number in self.honest if number in chain.participants
        }
        return {number: opened for number, opened in found.items() if opened is not None}

    def _expected(self, chain: RoundModel) -> OpenedSum:
        updates = [self.actors[sender].update(chain.number) for sender in chain.included]
        sums = tuple(sum(column) for column in zip(*(values for values, _ in updates), strict=True))
        return OpenedSum(sums, sum(blinding for _, blinding in updates) % ORDER)

    def _tempt(self, chain: RoundModel) -> None:
        """Asks honest hospitals for another set's share, and for another quorum's, as a chain that lies would."""
        fewer = chain.included[1:] if len(chain.included) > 3 else (*chain.included[:2], chain.participants[-1])
        for number in sorted(self.steady):
            actor = self.actors[number]
            other = tuple(sorted({number, *chain.participants[-self.threshold :]})[: self.threshold])
            if set(fewer) != set(chain.included):
                self._refuses(lambda actor=actor: actor.sigma(chain, fewer))
            if chain.ckks_first and number in chain.quorum and number in other and other != chain.quorum:
                self._refuses(lambda actor=actor, other=other: actor.ckks_share(chain, chain.included, other))
                if set(fewer) != set(chain.included):
                    self._refuses(lambda actor=actor: actor.ckks_share(chain, fewer, chain.quorum))

    def _refuses(self, ask: object) -> None:
        try:
            made = ask()  # type: ignore[operator]
        except OpeningRefused:
            self.happened["temptations refused"] += 1
            return
        self._claim(made is None, "a hospital made a share of a second set or for a second quorum")

    def _check_convicted(self, chain: RoundModel) -> None:
        convicted = {number for _, number in chain.convicted}
        self._claim(not convicted & set(self.honest), "an honest hospital was convicted")
        for number, actor in self.actors.items():
            for charge, about in {lie for lie in actor.lies if len(lie) == 2} if isinstance(actor, Liar) else ():
                if about == chain.number and charge in ("payload", "sigma"):
                    self._claim((charge, number) in chain.convicted, f"nobody saw that {number} lied: {charge}")
                    self.happened[f"false {charge}s convicted"] += 1

    def _check_made(self, chain: RoundModel) -> None:
        for number in self.honest:
            made = [entry for entry in self.actors[number].made if entry[1] == chain.number]
            self._claim(all(entry[2] == chain.included for entry in made), "something of a second set was made")
            shares = {entry[3:] for entry in made if entry[0] == "ckks"}
            sigmas = {entry[4] for entry in made if entry[0] == "sigma"}
            self._claim(len(shares) <= 1 and len(sigmas) <= 1, "a second share of one sum was made")

    # How hospitals act

    def _all(self, message: str, chain: CeremonyModel | RoundModel, whose: Iterable[int]) -> None:
        """Everybody acts, in any order; liars may be first or last, and some honest ones away or just restarted."""
        for number in self._in_any_order(whose):
            actor = self.actors[number]
            if number in self.honest:
                if number not in self.steady and self.draw.random() < AWAY:
                    continue
                if self.draw.random() < CRASH:
                    actor = self.actors[number] = actor.restarted()
            tell(actor, message, chain)

    def _in_any_order(self, whose: Iterable[int]) -> Sequence[int]:
        order = list(whose)
        self.draw.shuffle(order)
        return order

    def _claim(self, holds: bool, broken: str) -> None:
        if not holds:
            raise ClaimBroken(f"{broken}: {self}")

    def __str__(self) -> str:
        numbers = (self.seed, self.parties, self.threshold, self.liar_count, self.with_ckks)
        return f"Play{numbers}, liars {[number for number in self.actors if number not in self.honest]}"


def drawn(seed: int) -> Play:
    """The play of a seed: three to nine hospitals, any threshold that leaves t honest, any number of liars below it."""
    draw = random.Random(f"play {seed}")
    parties = min(draw.randrange(3, 10), draw.randrange(4, 10))
    threshold = draw.randrange(2, (parties + 1) // 2 + 1)
    return Play(seed, parties, threshold, draw.choice((draw.randrange(threshold), threshold - 1)), draw.random() < 0.3)


@contextmanager
def _computed_once() -> Iterator[None]:
    """All hospitals compute the same public functions of the same bytes; here each is computed once for all."""
    with ExitStack() as patches:
        for name in ("read_section", "masked_fits", "share_fits"):
            patches.enter_context(patch.object(pads, name, _kept(getattr(pads, name))))
        yield


def _kept(work: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def keep(ctx: pads.PadContext, *arguments: Any) -> Any:
        key = hashlib.sha256(repr((ctx.fields, arguments)).encode()).hexdigest()
        if key not in known:
            known[key] = work(ctx, *arguments)
        return known[key]

    return keep
