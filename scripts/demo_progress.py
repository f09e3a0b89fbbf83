# SPDX-License-Identifier: Apache-2.0
"""What the demo shows while it runs: one line for each thing that happens, with the time since the start."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape

from node.chain.client import ChainReader
from node.chain.events import EventScanner, MemoryCheckpoints
from node.errors import ChainUnavailable
from node.types import CeremonyStep, ChainEvent, Charge, FailureReason, Offence
from node.words import CHARGE, FAILURE, OFFENCE, plain
from scripts.demo_plan import Cast

_QUIET_SECONDS = 5.0


class Progress:
    """Prints lines, and says what is being waited for when nothing has happened for a while."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._console = Console(highlight=False, soft_wrap=True)
        self._reader: ChainReader | None = None
        self._scanner: EventScanner | None = None
        self._seen: set[tuple[str, int]] = set()
        self._names: dict[int, str] = {}
        self._enrolled: dict[int, str] = {}
        self._ceremony: set[tuple[int, CeremonyStep]] = set()
        self._waiting_for = "the hospitals to start"
        self._rounds = 0
        self._last_line = time.monotonic()

    def title(self, players: Cast) -> None:
        """Who does what."""
        plan = players.plan
        self._rounds = plan.participation.rounds
        records = ", ".join(map(str, players.records))
        self._console.print(
            f"[bold]Consilium demo[/]: {players.hospitals} hospitals with {records} patients' records, "
            f"{plan.participation.rounds} rounds, any {plan.encryption.threshold} open a sum, "
            f"never over fewer than {plan.participation.minimum} updates; "
            f"{players.held_out} records held out.\n"
        )

    def say(self, subject: str, sentence: str) -> None:
        """One line."""
        elapsed = int(time.monotonic() - self._started)
        self._console.print(f"{elapsed // 60:3d}:{elapsed % 60:02d}  [bold]{subject:<10}[/] {sentence}")
        self._last_line = time.monotonic()

    def watch(self, reader: ChainReader) -> None:
        """Tell from now on what happens on this chain."""
        self._reader = reader
        self._scanner = EventScanner(reader, MemoryCheckpoints())

    def look(self) -> bool:
        """Print what is new since the last look; whether anything was."""
        if self._scanner is None:
            return False
        try:
            events = self._scanner.scan().events
        except ChainUnavailable:
            return False
        new = [event for event in events if event.identity not in self._seen]
        for event in new:
            self._seen.add(event.identity)
            self._tell(event)
        if time.monotonic() - self._last_line > _QUIET_SECONDS:
            self.say("…", f"waiting for {self._waiting_for}")
        return bool(new)

    def _tell(self, event: ChainEvent) -> None:
        said = event.arguments
        number = said.get("round", 0)
        who = escape(self._names.get(said.get("hospitalId", 0), f"hospital {said.get('hospitalId', '')}"))
        match event.name:
            case "HospitalRegistered":
                self._names[said["hospitalId"]] = plain(said["name"])
                self.say("hospitals", f"{escape(self._names[said['hospitalId']])} registered")
                self._waiting_for = "bonds and enrolments"
            case "HospitalAdmitted":
                self.say("council", f"admitted {who}")
            case "StudyPublished":
                self.say("sponsor", f"published study {said['studyId']}")
            case "HospitalEnrolled":
                self._enrolled[said["index"]] = self._names.get(said["hospitalId"], "")
                self.say("enrolment", f"{who} locked its bond and committed to its records")
                self._waiting_for = "the key ceremony"
            case "BlockUsed":
                self.say("enrolment", f"{who}: block {said['index'] + 1} of its rows was drawn, {said['rows']} rows")
            case "KeysPosted" | "DealingPosted" | "HoldingPosted" | "LackingNamed" | "TranscriptAcknowledged":
                self._tell_ceremony(said["ceremony"], _STEP_OF[event.name])
            case "Complained":
                self._tell_ceremony(said["ceremony"], CeremonyStep.COMPLAIN)
                dealer = escape(self._enrolled[said["dealer"]])
                self.say("ceremony", f"[red]{who} complains of {dealer}'s dealing[/], and shows everybody the box")
            case "CeremonyCompleted":
                count = bin(said["participants"]).count("1")
                self.say("ceremony", f"complete: {count} hospitals acknowledged the same transcript and take part")
                self._waiting_for = "training and proofs of the next round"
            case "CeremonyFailed":
                self.say("ceremony", "[red]failed[/]: it begins anew with new keys")
            case "UpdateSubmitted":
                self.say(f"round {number}", f"{who}'s update is proved and verified on chain")
                self._waiting_for = f"the others' proofs and payloads of round {number}"
            case "UpdatesIncluded":
                count = bin(said["bitmap"]).count("1")
                self.say(f"round {number}", f"{count} updates included")
                self._waiting_for = f"opening shares of round {number}"
            case "SharePosted":
                self.say(f"round {number}", f"{who} posted a CKKS share")
                self._waiting_for = f"the sum and the aggregation proof of round {number}"
            case "PadSharePosted" | "PadShareFilePosted":
                self.say(f"round {number}", f"{who} posted a pad share")
                self._waiting_for = f"the sum and the aggregation proof of round {number}"
            case "Accused":
                self.say(f"round {number}", f"{who} accuses a hospital of {CHARGE[Charge(said['charge'])]}")
            case "RoundFinalised":
                self.say(f"round {number}", "[green]finalised[/]: the new model is proved and on record")
                last = number == self._rounds
                self._waiting_for = "claims" if last else f"training and proofs of round {number + 1}"
            case "RoundFailed":
                self.say(f"round {number}", f"[red]failed[/]: {FAILURE[FailureReason(said['reason'])]}")
            case "BondSlashed":
                self.say("money", f"[red]{who}'s bond is cut[/]: {OFFENCE[Offence(said['offence'])]}")
            case "AbsenceFined":
                self.say("money", f"{who} is fined {said['amount'] / 10**18:,.2f} tokens for absence")
            case "RewardClaimed":
                self.say("money", f"{who} was paid {said['amount'] / 10**18:,.2f} tokens")
            case "BondWithdrawn":
                self.say("money", f"{who} has its bond of {said['amount'] / 10**18:,.2f} tokens back")

    def _tell_ceremony(self, number: int, step: CeremonyStep) -> None:
        """One line when a step has been done by somebody first, not one for each hospital."""
        if (number, step) not in self._ceremony:
            self._ceremony.add((number, step))
            self.say("ceremony", f"step {step + 1} of {len(CeremonyStep)}: {_STEPS[step]}")


_STEP_OF = {
    "KeysPosted": CeremonyStep.KEY,
    "DealingPosted": CeremonyStep.DEAL,
    "HoldingPosted": CeremonyStep.HOLD,
    "LackingNamed": CeremonyStep.COMPLAIN,
    "TranscriptAcknowledged": CeremonyStep.ACKNOWLEDGE,
}
_STEPS = {
    CeremonyStep.KEY: "new keys",
    CeremonyStep.DEAL: "shares of each round's pads and secrets, sealed to their recipients",
    CeremonyStep.HOLD: "who holds and serves which dealings",
    CeremonyStep.COMPLAIN: "what is lacking, and complaints",
    CeremonyStep.ACKNOWLEDGE: "acknowledgement of the transcript",
}
