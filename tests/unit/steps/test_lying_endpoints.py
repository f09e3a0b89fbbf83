# SPDX-License-Identifier: Apache-2.0
"""One of a node's endpoints lies where it is asked alone, and agrees where all are: nobody honest is accused by it.

Each test names the rule whose removal makes it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.errors import ContentNotFound
from node.steps.accusing import accuse
from node.steps.advance import advance
from node.steps.ceremony.dealing import release_own
from node.steps.ceremony.names import acknowledgement
from node.types import CeremonyStep, ChainEvent, Charge, Opening, Phase, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.lying_endpoints import misled
from tests.support.plans import pads_alone, small_plan
from tests.support.steps import (
    Cast,
    Party,
    brief,
    hold_ceremony,
    look,
    look_until,
    make_parties,
    make_running,
    reach_phase,
)


@pytest.fixture
def cast(four: Cast) -> Cast:
    """Four hospitals in round 1 of a study that opens by pads alone."""
    return four


LIES: list[dict[str, Callable[[Any], Any]]] = [
    {"round_state": lambda state: replace(state, opening=Opening.CKKS)},
    {"batch_of": lambda batch: replace(batch, participants=0b0111)},
    {"submissions": lambda told: {number: replace(entry, size=entry.size + 1) for number, entry in told.items()}},
]


@pytest.mark.parametrize("lies", LIES, ids=lambda lies: next(iter(lies)))
def test_attest__endpoint_lies_about_what_payloads_are_judged_by__all_are_vouched_for_and_nobody_accused(
    chain: FakeChain, parties: list[Party], lies: dict[str, Callable[[Any], Any]]
) -> None:
    """Rule: payloads are judged by what all endpoints tell of a final block (`payloads.final_submissions`)."""
    reach_phase(chain, parties, Phase.ATTEST)
    look(parties[1:])
    parties[0].hospital.dealings.clear()
    advance(misled(chain, parties[0], **lies).context)
    assert chain.books.accusations == {}
    assert chain.books.attestations[1, parties[0].number] == 0b1111


def test_attest__endpoint_turns_who_is_enrolled_where__the_liar_is_accused_and_not_its_mirror(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: whose index is whose is agreed on (`accusing.accuse`)."""
    reach_phase(chain, parties, Phase.ATTEST)
    node = misled(chain, parties[0], enrolled_ids=lambda numbers: numbers[::-1])
    accuse(node.context, 1, Charge.PAYLOAD, [parties[1].number])
    assert [one.accused for one in chain.books.accusations[1]] == [parties[1].bit]


def test_submit__endpoint_lies_about_how_the_round_opens__the_payload_fits_the_truth(tmp_path: Path) -> None:
    """Rule: a payload is made for what all endpoints tell of the round (`submission._payload`)."""
    chain, parties = make_running(tmp_path, 4, brief(small_plan()))
    node = misled(chain, parties[0], round_state=lambda state: replace(state, opening=Opening.PADS))
    advance(node.context)
    look(parties[1:])
    sizes = {entry.size for entry in chain.books.submitted.values()}
    assert len(chain.books.submitted) == 4 and len(sizes) == 1


def test_submit__round_begins_in_a_block_that_may_go__waits_and_uses_up_no_pad(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: a payload is made once the round's beginning is final (`submission._has_begun`).

    If the chain goes back, the round may open another way or start from another model.
    """
    hospital = parties[0]
    begun = chain.books.rounds[1]
    chain.books.rounds[1] = replace(begun, started_at=0)
    chain.hold()
    chain.books.rounds[1] = begun
    advance(hospital.context)
    assert chain.books.submitted == {}
    assert hospital.hospital.state.step(f"{hospital.context.round_key(1)}/payload") is None
    chain.settle()
    advance(hospital.context)
    assert (1, hospital.number) in chain.books.submitted


def test_open__endpoint_tells_a_true_share_with_another_size__nobody_is_accused(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: all that a share was found false by is final on all endpoints (`pad_opening._told`)."""
    reach_phase(chain, parties, Phase.OPEN)
    look_until(chain, parties[1:], lambda: bool(chain.books.pad_shares.get(1)))

    def shortened(posts: Any) -> Any:
        return {number: replace(post, share=None, size=post.size - 1) for number, post in posts.items()}

    look([misled(chain, parties[0], pad_shares=shortened)])
    assert chain.books.accusations == {}


def test_attest__a_dealing_cannot_be_read_at_first__its_dealer_is_not_accused_later(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: dealings are remembered once all of them are there (`batches._dealings`)."""
    reach_phase(chain, parties, Phase.ATTEST)
    look(parties[1:])
    hospital = parties[0]
    hospital.hospital.dealings.clear()
    kept = hospital.hospital.state.result(acknowledgement(hospital.context, 1))
    assert kept is not None
    digest = bytes.fromhex(kept["dealings"][-1][1])
    hospital.store.failure[digest] = ContentNotFound("the store does not answer")
    look([hospital])
    del hospital.store.failure[digest]
    look([hospital])
    assert chain.accusations(STUDY, 1) == ()
    assert chain.books.attestations[1, hospital.number] == 0b1111


def test_end__endpoint_tells_of_no_rounds__nothing_is_erased_while_a_model_is_lacking(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: which rounds there were is agreed on before all secrets go (`advance._part`)."""
    reach_phase(chain, parties, Phase.OPEN)
    chain.books.change_round(1, closed_as=Phase.FINALISED, closed_at=int(chain.clock.now()), root_after=1)
    chain.books.state, chain.books.ended_at = StudyState.COMPLETED, int(chain.clock.now())
    node = misled(chain, parties[0], current_round=lambda number: 0)
    assert not advance(node.context)
    assert node.hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1")


def test_ceremony__endpoint_shows_keys_that_this_node_never_posted__it_does_not_leave_the_ceremony_for_good(
    tmp_path: Path,
) -> None:
    """Rule: what keeps a node out for good is agreed on (`standing.is_left_alone`)."""
    chain, parties = make_parties(tmp_path, 4, brief(pads_alone(small_plan())))
    node = misled(chain, parties[0], ceremony_state=lambda state: replace(state, keyed=state.keyed | 1))
    look([node])
    state = hold_ceremony(chain, parties)
    assert state.completed and state.participants == 0b1111


def test_round__endpoint_shows_a_share_that_this_node_never_gave__it_does_not_sit_out_for_good(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: the same for a round (`batches.sits_out`)."""
    event = ChainEvent("Openings", "PadSharePosted", {"round": 1, "hospitalId": parties[0].number}, 90, "0x", "0x", 0)
    told = {"PadSharePosted": (event,)}
    node = misled(chain, parties[0])
    node.hospital.reader.events = lambda contract, name, *_, **__: told.get(name, ())  # type: ignore[method-assign]
    look([node])
    assert (1, parties[0].number) not in chain.books.submitted
    look(parties)
    assert (1, parties[0].number) in chain.books.submitted


def test_complain__endpoint_keeps_back_a_dealing_that_counts__the_node_is_not_satisfied(tmp_path: Path) -> None:
    """Rule: that nothing is left to complain of is said of the dealings that all endpoints tell of
    (`complaining._counts`)."""
    chain, parties = make_parties(tmp_path, 4, brief(pads_alone(small_plan())))
    liar, honest = parties[3], parties[:3]
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    release_own(liar.context, chain.books.ceremony)
    look_until(chain, honest, lambda: chain.books.ceremony.held.bit_count() == 3)
    liar.ledger.post_holding(STUDY, 1, 0b0111, False)
    assert chain.books.ceremony.step is CeremonyStep.COMPLAIN and chain.books.ceremony.counted == 0b1111
    chain.books.change_ceremony(satisfied=0)
    node = misled(chain, honest[0], ceremony_state=lambda state: replace(state, counted=state.counted & 0b0111))
    look([node])
    assert not node.ledger.named("be_satisfied")
    look([honest[0]])
    assert honest[0].ledger.named("be_satisfied")
