# SPDX-License-Identifier: Apache-2.0
"""What studies are about, for commands that show it: from their plan documents, where those can be had soon."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from node.audit.contents import ContentReader, ReleasedBlocks
from node.cli.session import Session
from node.errors import ConsiliumError, DataError
from node.plan import DOCUMENT_LIMIT, RHO_UNITS, HeadPlan, TrainingPlan
from node.storage.cid import Address
from node.storage.remote import PeerReader
from node.types import PlanTerms, Study
from node.words import format_span

#: Seconds for which hospitals are asked in all, and for which one may be silent: to show a title is worth no more.
BUDGET, SILENCE = 10.0, 2.0
#: Names of columns that are shown, and signs of a name or title in a list.
NAMES_MOST, SIGNS_MOST = 12, 60


class PlansAtHand:
    """The plans of studies, from this node's store or from the gateways of hospitals that are enrolled.

    Whatever has a document, it is taken only where it has the digest that is on chain.
    """

    def __init__(self, session: Session) -> None:
        self._reader = session.reader
        self._own = ReleasedBlocks(session.config.store_folder) if session.has_config else None
        private = session.reader.deployment.is_local or (session.has_config and session.config.storage.private_gateways)
        self._public_only = not private
        self._end = time.monotonic() + BUDGET
        # Who did not answer, or answered late, is not asked about the next study.
        self._slow: set[str] = set()

    def of(self, study: Study) -> TrainingPlan | None:
        """A study's plan; None where it is not at hand, or is no plan."""
        terms = study.plan
        if terms.document_size > DOCUMENT_LIMIT:
            return None
        for place in self._places(study.id):
            try:
                return TrainingPlan.parse(place.get(terms.document_digest, terms.document_size))
            except ConsiliumError:
                continue
        return None

    def _places(self, study_id: int) -> Iterator[ContentReader]:
        if self._own is not None:
            yield self._own
        endpoints = (self._reader.hospital(number).endpoint for number in self._reader.enrolled_ids(study_id))
        for url in dict.fromkeys(filter(None, endpoints)):
            asked = time.monotonic()
            if asked > self._end:
                return
            if url not in self._slow:
                yield PeerReader(partial(list, (url,)), public_only=self._public_only, silence_seconds=SILENCE)
                if time.monotonic() > asked + SILENCE / 2:
                    self._slow.add(url)


def plan_in(file: Path, study: Study) -> TrainingPlan:
    """A study's plan from a file; raises `DataError` for any file but the one whose digest is on chain."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"The plan {file} cannot be read ({error.strerror}).") from None
    plan = TrainingPlan.parse(content)
    if plan.digest() != study.plan.document_digest:
        raise DataError(f"{file} is not the plan of study {study.id}: its SHA-256 is another than the chain's.")
    return plan


def described(plan: TrainingPlan | None) -> dict[str, Any]:
    """What a plan says of its subject, for programs; None of everything where it is not at hand."""
    if plan is None:
        return dict.fromkeys(("title", "question", "label", "columns"))
    label = plan.model.label
    return {
        "title": plan.title,
        "question": plan.question,
        "label": {"name": label.name, "positive": label.positive, "negative": label.negative},
        "columns": list(_columns(plan)),
    }


def in_words(plan: TrainingPlan | None, study: Study) -> dict[str, str]:
    """The same for people, of whom strangers want attention: each text cut, and in quotes where it is a name."""
    if plan is None:
        where = f"not at hand: ask the sponsor for {Address(study.plan.document_digest, study.plan.document_size).cid}"
        return {"title": f"{where}, and name it with --plan", **dict.fromkeys(("question", "label", "columns"), "-")}
    label = plan.model.label
    names = _columns(plan)
    more = f" and {len(names) - NAMES_MOST} more" if len(names) > NAMES_MOST else ""
    return {
        "title": plan.title,
        "question": plan.question,
        "label": f"{_quoted(label.name)}: {_quoted(label.positive)} (positive) or {_quoted(label.negative)}",
        "columns": f"{len(names)}: {', '.join(_all_quoted(names[:NAMES_MOST]))}{more}" if names else "none: images",
    }


def terms_in_words(session: Session, terms: PlanTerms) -> dict[str, str]:
    """Those numbers of a plan that have a unit, with it."""
    lengths = ("enrol", "ceremony_step", "submit", "attest", "open")
    return {
        **{f"{name}_length": format_span(getattr(terms, f"{name}_length")) for name in lengths},
        **{name: format_span(getattr(terms, name)) for name in ("patience", "recovery")},
        "document_size": f"{terms.document_size:,} bytes",
        "learning_rate": f"{terms.learning_rate}/256",
        "confirmations": f"{terms.confirmations} blocks",
        **{
            name: session.tokens(getattr(terms, name))
            for name in ("bond", "service_budget", "service_fee", "absence_fine", "absence_cap")
        },
        "reward_per_round": (
            f"{session.tokens(terms.reward_per_round)} for all hospitals together, "
            f"{session.tokens(terms.reward_per_round * terms.rounds)} in {terms.rounds} rounds"
        ),
        "privacy_budget": f"{terms.privacy_budget / RHO_UNITS:.4g} rho",
        "privacy_cost": f"{terms.privacy_cost / RHO_UNITS:.4g} rho",
    }


def resilience(plan: TrainingPlan) -> str:
    """How many silent or lying hospitals a study of this plan goes on without, with a warning where it is few."""
    most, liars = plan.participation.maximum, plan.encryption.threshold - 1
    least = max(plan.participation.minimum, 2 * plan.encryption.threshold - 1)
    told = (
        f"Rounds go on without {plan.survives(most)} silent or lying hospitals of {most}, "
        f"and without {plan.survives(least)} where no more than {least} enrol."
    )
    if plan.survives(most) >= liars:
        return told
    return (
        f"{told} That is fewer than the {liars} that can lie and learn nothing: lower participation.minimum or "
        "encryption.threshold, or have more take part."
    )


def short_title(plan: TrainingPlan | None) -> str:
    """A title in a list."""
    return "(plan not at hand)" if plan is None else _cut(plan.title)


def _columns(plan: TrainingPlan) -> tuple[str, ...]:
    """The names of what a head is trained on; none for a network, which takes images as they are."""
    return plan.model.features if isinstance(plan, HeadPlan) else ()


def _all_quoted(names: Iterable[str]) -> list[str]:
    return [_quoted(name) for name in names]


def _quoted(name: str) -> str:
    return f"“{_cut(name)}”"


def _cut(text: str) -> str:
    return text if len(text) <= SIGNS_MOST else text[: SIGNS_MOST - 1] + "…"
