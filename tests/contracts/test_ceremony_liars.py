# SPDX-License-Identifier: Apache-2.0
"""Key ceremonies in which somebody lies, withholds or keeps silent: who pays, who stays, and that it goes on.

Each test names the rule without which it fails.
"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.api import ReceiptAPI

from node.types import CeremonyFailure, CeremonyStep, Offence, StudyState
from tests.support.stage import Hospital, Stage
from tests.support.suite import ABSENCE_FINE, BOND, DIGEST, pass_until, rapidly

OTHER = b"\x77" * 32
SLICE = BOND // 4
KEY, DEAL, HOLD, COMPLAIN, ACKNOWLEDGE = CeremonyStep


@pytest.fixture
def six(stage: Stage) -> list[Hospital]:
    """Six hospitals, t = 3 and minimum 4, whose keys are on record and dealings posted: the last two are liars."""
    begin(stage)
    stage.hold_ceremony(stage.members, until=DEAL)
    return stage.members


def begin(stage: Stage, **changes: Any) -> None:
    """Six hospitals in the first step of a study's first ceremony."""
    terms = {"threshold": 3, "minimum": 4, "maximum": 6, "unopenedRounds": 3, "patience": 3_000, **changes}
    stage.publish(**terms)
    stage.members = stage.hospitals[:6]
    stage.enrol_all(stage.members)


def complain(stage: Stage, hospital: Hospital, dealer: int, round_: int = 1) -> ReceiptAPI:
    """Complain of a dealer's box; the contract does not look at points and proof."""
    return stage.suite.ceremony.complain(stage.study, 1, dealer, round_, 5, 6, 7, 8, sender=hospital.operator)


def lack(stage: Stage, hospitals: list[Hospital], bitmap: int) -> None:
    for hospital in hospitals:
        rapidly(stage.suite.ceremony.nameLacking, stage.study, 1, bitmap, sender=hospital.operator)


def bonds(stage: Stage) -> list[int]:
    """What each lost of its bond."""
    return [BOND - int(stage.suite.vault.locked(stage.study, one.id)) for one in stage.members]


def test_dealing__withheld_from_all__is_out_and_the_others_go_on(stage: Stage, six: list[Hospital]) -> None:
    """A dealing of one byte, or one that nobody can fetch, ended any study for 122k gas.

    Rule: a dealing counts only if t hold it (`Steps._end`, Hold: `atLeast`).
    """
    honest, liars = six[:5], six[5:]
    stage.hold_step(honest, HOLD, bitmap=0b011111, satisfied=False)
    stage.hold_step(liars, HOLD)
    assert (stage.ceremony().step, stage.ceremony().counted) == (COMPLAIN, 0b011111)
    # They lack nothing that counts: no deadline is waited for.
    stage.hold_step(honest, COMPLAIN)
    stage.hold_step(honest, ACKNOWLEDGE)
    assert stage.state() is StudyState.RUNNING
    assert stage.ceremony().participants == 0b011111
    assert bonds(stage) == [0] * 6


def test_dealing__held_by_fewer_than_t__is_out_whoever_says_that_it_holds_it(stage: Stage, six: list[Hospital]) -> None:
    """t − 1 liars vouch for a file that no honest hospital has. Rule: as above, with t and not t − 1."""
    stage.hold_step(six[:4], HOLD, bitmap=0b011111, satisfied=False)
    stage.hold_step(six[4:], HOLD)
    assert stage.ceremony().counted == 0b011111


def test_dealing__shown_to_one_honest_hospital_only__is_out_once_t_lack_it(stage: Stage, six: list[Hospital]) -> None:
    """t − 1 liars and one honest holder make it count; the holder goes away, and the others never get the file.

    Rule: what t name as lacking is out (`Steps._end`, Complain), so that they need not acknowledge what they lack.
    """
    stage.hold_step(six[1:4], HOLD, bitmap=0b011111, satisfied=False)
    stage.hold_step([six[0], *six[4:]], HOLD, satisfied=False)
    assert stage.ceremony().counted == 0b111111
    lack(stage, six[1:4], 0b100000)
    stage.hold_step(six[:5], COMPLAIN)
    receipt = stage.move_on()
    left = stage.suite.ceremony.StepOver(stage.study, 1, COMPLAIN, 0b100000, 0b011111)
    assert left in receipt.events
    stage.hold_step(six[:5], ACKNOWLEDGE)
    assert stage.ceremony().participants == 0b011111
    # That it did not speak in Complain is all that costs it anything.
    assert bonds(stage) == [0] * 5 + [ABSENCE_FINE]


def test_lacking__named_by_liars_alone__takes_nobody_out(stage: Stage, six: list[Hospital]) -> None:
    """Rule: as above, with t and not t − 1."""
    stage.hold_step(six, HOLD, satisfied=False)
    lack(stage, six[4:], 0b000111)
    stage.hold_step(six, COMPLAIN)
    assert (stage.ceremony().step, stage.ceremony().counted) == (ACKNOWLEDGE, 0b111111)


def test_lacking__after_the_middle_twice_nothing_or_what_never_counted__is_refused(stage: Stage, six: list[Hospital]) -> None:
    """Rule: nobody is named so late that the others could not have helped (`nameLacking`: the middle)."""
    ceremony = stage.suite.ceremony
    stage.hold_step(six[1:], HOLD, bitmap=0b111110, satisfied=False)
    stage.hold_step(six[:1], HOLD, satisfied=False)
    with ape.reverts(ceremony.KeyCeremonyNothingLacking, studyId=stage.study):
        ceremony.nameLacking(stage.study, 1, 0, sender=six[1].operator)
    with ape.reverts(ceremony.KeyCeremonyNotCounted, without=0b000001):
        ceremony.nameLacking(stage.study, 1, 0b000011, sender=six[1].operator)
    receipt = ceremony.nameLacking(stage.study, 1, 0b000010, sender=six[1].operator)
    assert receipt.events == [ceremony.LackingNamed(stage.study, 1, six[1].id, 0b000010)]
    with ape.reverts(ceremony.KeyCeremonyAlreadyPosted, step=COMPLAIN, hospitalId=six[1].id):
        ceremony.nameLacking(stage.study, 1, 0b000010, sender=six[1].operator)
    state = stage.ceremony()
    middle = (state.stepOpenedAt + state.deadline) // 2
    pass_until(middle)
    with ape.reverts(ceremony.KeyCeremonyTooLateToLack, middle=middle):
        ceremony.nameLacking(stage.study, 1, 0b000010, sender=six[2].operator)


def test_boxes__that_half_cannot_open__cost_the_victims_nothing_and_the_dealer_a_slice(
    stage: Stage, six: list[Hospital]
) -> None:
    """Garbage for chosen recipients once cost these their place, or the study.

    Rule: complaints decide nothing by themselves; what t acknowledge does (`acknowledge`, `guilty`).
    """
    ceremony, vault = stage.suite.ceremony, stage.suite.vault
    victims, others, dealer = six[:3], six[3:5], six[5]
    stage.hold_step(victims, HOLD, satisfied=False)
    stage.hold_step([*others, dealer], HOLD)
    for victim in victims:
        receipt = complain(stage, victim, 5)
        assert receipt.events == [ceremony.Complained(stage.study, 1, victim.id, 5, 1, 5, 6, 7, 8)]
        stage.post(victim, COMPLAIN)
    assert stage.ceremony().step == ACKNOWLEDGE
    stage.hold_step([*victims, *others], ACKNOWLEDGE, guilty=0b100000)
    receipt = stage.move_on()
    assert ceremony.CeremonyCompleted(stage.study, 1, DIGEST, 0b011111, 0b100000, 0b100000) in receipt.events
    assert vault.BondSlashed(stage.study, dealer.id, Offence.FALSE_DEALING, 1, SLICE) in receipt.events
    assert bonds(stage)[:5] == [0] * 5
    assert stage.ceremony().guilty == 0b100000
    # Barred for good: it is asked for no key again.
    assert ceremony.nextDue(stage.study) == 0b011111
    assert stage.suite.studies.enrolment(stage.study, dealer.id).barred


def test_guilty__who_acknowledges_like_everybody__is_slashed_and_not_in_the_batch(
    stage: Stage, six: list[Hospital]
) -> None:
    """Rule: participants are those who acknowledged *and* are not guilty (`Steps._verdict`)."""
    stage.hold_step(six, HOLD)
    stage.hold_step(six, ACKNOWLEDGE, guilty=0b100000)
    assert stage.state() is StudyState.RUNNING
    assert stage.ceremony().participants == 0b011111
    assert bonds(stage) == [0] * 5 + [SLICE]


def test_complaint__that_is_false__costs_the_complainer(stage: Stage, six: list[Hospital]) -> None:
    """Rule: who is guilty may be the complainer; the contract takes the bitmap that t acknowledge."""
    stage.hold_step(six[:5], HOLD)
    stage.hold_step(six[5:], HOLD, satisfied=False)
    complain(stage, six[5], 0)
    stage.hold_step(six[5:], COMPLAIN)
    stage.hold_step(six, ACKNOWLEDGE, guilty=0b100000)
    assert bonds(stage) == [0] * 5 + [SLICE]
    assert stage.ceremony().participants == 0b011111


def test_complaint__in_the_last_second__is_on_record_before_anybody_acknowledges(
    stage: Stage, six: list[Hospital]
) -> None:
    """A complaint is in the transaction itself, so that none is void because a file of it comes late.

    Rule: acknowledging begins when complaining is over (`KeyCeremonyWrongStep`).
    """
    ceremony = stage.suite.ceremony
    stage.hold_step(six[:5], HOLD)
    stage.hold_step(six[5:], HOLD, satisfied=False)
    with ape.reverts(ceremony.KeyCeremonyWrongStep, step=COMPLAIN, needed=ACKNOWLEDGE):
        stage.post(six[0], ACKNOWLEDGE)
    deadline = stage.ceremony().deadline
    pass_until(deadline - 2)
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [deadline - 1])
    assert complain(stage, six[5], 0).timestamp == deadline - 1
    pass_until(deadline)
    with ape.reverts(ceremony.KeyCeremonyStepOver, step=COMPLAIN):
        complain(stage, six[5], 1)
    stage.move_on()
    assert stage.ceremony().step == ACKNOWLEDGE


def test_complaint__twice_of_a_round_that_is_not_ahead_or_by_who_was_satisfied__is_refused(
    stage: Stage, six: list[Hospital]
) -> None:
    """Rule: at most one complaint for each dealer, by who has not declared that it has none."""
    ceremony = stage.suite.ceremony
    stage.hold_step(six[:1], HOLD)
    stage.hold_step(six[1:], HOLD, bitmap=0b011111, satisfied=False)
    assert stage.ceremony().counted == 0b011111
    with ape.reverts(ceremony.KeyCeremonyAlreadyPosted, step=COMPLAIN, hospitalId=six[0].id):
        complain(stage, six[0], 1)
    with ape.reverts(ceremony.KeyCeremonyNotExpected, step=COMPLAIN, hospitalId=six[5].id):
        complain(stage, six[5], 1)
    for dealer in (5, 63, 64, 255):
        with ape.reverts(ceremony.KeyCeremonyNotCounted):
            complain(stage, six[1], dealer)
    for round_ in (0, 4):
        with ape.reverts(ceremony.KeyCeremonyRoundOutOfRange, round=round_):
            complain(stage, six[1], 2, round_)
    complain(stage, six[1], 2, 3)
    with ape.reverts(ceremony.KeyCeremonyAlreadyComplained, hospitalId=six[1].id, dealer=2):
        complain(stage, six[1], 2, 1)
    complain(stage, six[1], 3)
    complain(stage, six[2], 2)


def test_dealer__silent_in_complain__does_not_escape_the_judgement(stage: Stage, six: list[Hospital]) -> None:
    """Rule: silence in Complain costs a fine and takes no dealing out (`Steps._end`, Complain)."""
    stage.hold_step(six[:5], HOLD, satisfied=False)
    stage.hold_step(six[5:], HOLD, satisfied=False)
    complain(stage, six[0], 5)
    stage.hold_step(six[:5], COMPLAIN)
    stage.move_on()
    assert stage.ceremony().counted == 0b111111
    stage.hold_step(six[:5], ACKNOWLEDGE, guilty=0b100000)
    stage.move_on()
    # Silent twice, it pays for that once; and a slice for its lie.
    assert bonds(stage) == [0] * 5 + [SLICE + ABSENCE_FINE]


def test_dealing__for_other_keys__is_refused(stage: Stage) -> None:
    """After a reorganisation the keys are others, and an honest dealing for the old ones would look false.

    Rule: a dealing names the keys that it is for (`KeyCeremonyOtherKeys`).
    """
    begin(stage)
    snapshot = ape.chain.snapshot()
    stage.hold_step(stage.members, KEY)
    before = stage.ceremony().keysHash
    ape.chain.restore(snapshot)
    stage.hold_step(reversed(stage.members), KEY)
    after = stage.ceremony().keysHash
    assert before != after
    with ape.reverts(stage.suite.ceremony.KeyCeremonyOtherKeys, given=before, recorded=after):
        stage.post(stage.members[0], DEAL, keys_hash=before)
    stage.post(stage.members[0], DEAL)


def test_dealing__a_second_late__is_out_and_pays_as_absent(stage: Stage) -> None:
    """Rule: a step is over at its deadline (`KeyCeremonyStepOver`), whether or not anybody moved it on."""
    begin(stage)
    stage.hold_step(stage.members, KEY)
    stage.hold_step(stage.members[:5], DEAL)
    pass_until(stage.ceremony().deadline)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyStepOver, step=DEAL):
        stage.post(stage.members[5], DEAL)
    stage.move_on()
    assert bonds(stage) == [0] * 5 + [ABSENCE_FINE]


def test_holding__of_what_was_not_dealt_or_satisfied_with_less_than_all__is_refused(stage: Stage) -> None:
    """Rule: `satisfied` is for who holds everything; else Complain would be skipped over a dealing that some lack."""
    ceremony = stage.suite.ceremony
    begin(stage)
    stage.hold_step(stage.members, KEY)
    stage.hold_step(stage.members[:5], DEAL)
    stage.move_on()
    with ape.reverts(ceremony.KeyCeremonyNotDealt, without=0b100000):
        stage.post(stage.members[0], HOLD, bitmap=0b111111, satisfied=False)
    with ape.reverts(ceremony.KeyCeremonyNotSatisfied, lacking=0b010000):
        stage.post(stage.members[0], HOLD, bitmap=0b001111)
    receipt = stage.post(stage.members[0], HOLD, bitmap=0b001111, satisfied=False)
    assert receipt.events == [ceremony.HoldingPosted(stage.study, 1, stage.members[0].id, 0b001111, False)]


def test_transcripts__two_of_t_each__start_anew_and_cost_nobody_anything(stage: Stage, six: list[Hospital]) -> None:
    """Honest hospitals on two sides of a fork must not have each other slashed.

    Rule: a second transcript that t acknowledge voids the first (`agreed`), and both count only when the step is over.
    """
    ceremony, vault = stage.suite.ceremony, stage.suite.vault
    stage.hold_step(six, HOLD)
    stage.hold_step(six[:3], ACKNOWLEDGE, guilty=0b100000)
    assert bonds(stage) == [0] * 6
    stage.hold_step(six[3:5], ACKNOWLEDGE, digest=OTHER, guilty=0b000001)
    receipt = stage.post(six[5], ACKNOWLEDGE, digest=OTHER, guilty=0b000001)
    failed = ceremony.CeremonyFailed(stage.study, 1, ACKNOWLEDGE, CeremonyFailure.TWO_TRANSCRIPTS, 0b111111)
    assert failed in receipt.events
    assert (bonds(stage), vault.excluded(stage.study), vault.potCount()) == ([0] * 6, 0, 0)
    stage.hold_ceremony(six, ceremony=2)
    assert stage.ceremony().participants == 0b111111


def test_transcripts__two_of_t_each__cost_even_the_absent_nothing(stage: Stage) -> None:
    """Rule: as above (`Steps._verdict`): whom a fork cut off was not absent."""
    stage.publish(threshold=2, minimum=3, maximum=5)
    stage.members = stage.hospitals[:5]
    stage.enrol_all(stage.members)
    stage.hold_ceremony(stage.members, until=HOLD)
    stage.hold_step(stage.members[:2], ACKNOWLEDGE)
    stage.hold_step(stage.members[2:4], ACKNOWLEDGE, digest=OTHER)
    receipt = stage.move_on()
    why = CeremonyFailure.TWO_TRANSCRIPTS
    assert stage.suite.ceremony.CeremonyFailed(stage.study, 1, ACKNOWLEDGE, why, 0b11111) in receipt.events
    assert bonds(stage) == [0] * 5


def test_transcript__the_same_digest_with_other_guilty_ones__is_another(stage: Stage, six: list[Hospital]) -> None:
    """Rule: what is counted is digest and guilty together (`Steps._pair`)."""
    stage.hold_step(six, HOLD)
    stage.hold_step(six[:2], ACKNOWLEDGE, guilty=0b100000)
    stage.hold_step(six[2:4], ACKNOWLEDGE, guilty=0b010000)
    stage.hold_step(six[4:5], ACKNOWLEDGE, guilty=0)
    receipt = stage.move_on()
    failed = stage.suite.ceremony.CeremonyFailed(stage.study, 1, ACKNOWLEDGE, CeremonyFailure.NO_TRANSCRIPT, 0b111111)
    assert failed in receipt.events
    assert bonds(stage) == [0] * 5 + [ABSENCE_FINE]


def test_transcript__of_liars_that_spoke_first__leaves_them_out(stage: Stage, six: list[Hospital]) -> None:
    """Rule: the transcript is what t acknowledge, not what the first said or most of those who spoke."""
    stage.hold_step(six, HOLD)
    stage.hold_step(six[4:], ACKNOWLEDGE, digest=OTHER, guilty=0b001111)
    stage.hold_step(six[:4], ACKNOWLEDGE)
    assert stage.state() is StudyState.RUNNING
    state = stage.ceremony()
    assert (state.participants, state.guilty, state.transcriptDigest) == (0b001111, 0, DIGEST)
    assert bonds(stage) == [0] * 6


def test_guilty__who_never_dealt__is_refused(stage: Stage) -> None:
    """Rule: `acknowledge` names dealers only (`KeyCeremonyNotDealt`): silence is no lie."""
    begin(stage)
    stage.hold_step(stage.members, KEY)
    stage.hold_step(stage.members[:5], DEAL)
    stage.move_on()
    stage.hold_step(stage.members[:5], HOLD)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyNotDealt, without=0b100000):
        stage.post(stage.members[0], ACKNOWLEDGE, guilty=0b100000)


def test_guilty__so_many_that_too_few_are_left__pay_and_are_not_in_the_next(stage: Stage) -> None:
    """Rule: a ceremony that fails for its liars has them slashed and excluded all the same (`Steps._fail`)."""
    begin(stage, minimum=5, threshold=3)
    stage.hold_ceremony(stage.members, until=HOLD)
    stage.hold_step(stage.members[:4], ACKNOWLEDGE, guilty=0b100000)
    stage.hold_step(stage.members[5:], ACKNOWLEDGE, digest=OTHER)
    receipt = stage.move_on()
    failed = stage.suite.ceremony.CeremonyFailed(stage.study, 1, ACKNOWLEDGE, CeremonyFailure.TOO_FEW, 0b011111)
    assert failed in receipt.events
    assert bonds(stage) == [0] * 4 + [ABSENCE_FINE, SLICE]
    stage.hold_ceremony(stage.members[:5], ceremony=2)
    assert stage.ceremony().participants == 0b011111


def test_evicting__chosen_hospitals_by_bad_boxes__evicts_nobody(stage: Stage, six: list[Hospital]) -> None:
    """Three chosen victims once lost their places for good in one ceremony.

    Rule: who complains and acknowledges stays (`Steps._verdict`): a place is lost by silence or guilt alone.
    """
    liar, victims = six[5], six[:3]
    stage.hold_step(six[3:], HOLD)
    stage.hold_step(victims, HOLD, satisfied=False)
    for victim in victims:
        complain(stage, victim, 5)
    stage.hold_step(victims, COMPLAIN)
    stage.hold_step(six[:5], ACKNOWLEDGE, guilty=0b100000)
    stage.move_on()
    assert stage.ceremony().participants == 0b011111
    assert not any(stage.suite.studies.enrolment(stage.study, one.id).barred for one in victims)
    with ape.reverts(stage.suite.rounds.RoundManagerNotParticipant, hospitalId=liar.id):
        stage.submit(liar)


def test_outage__of_a_third_in_a_ceremony_on_demand__ends_no_study(stage: Stage) -> None:
    """Two of six were away for an hour, somebody asked for a ceremony, and that was the end.

    Rule: a later ceremony needs the plan's minimum, not 2t − 1, and goes on with those left (`Steps._endStep`).
    """
    members = stage.run(6, threshold=3, minimum=4, unopenedRounds=3, patience=3_000)
    online = members[:4]
    stage.suite.ceremony.requestCeremony(stage.study, sender=online[0].operator)
    stage.finish(1)
    stage.hold_step(online, KEY, ceremony=2)
    stage.move_on()
    for step in (DEAL, HOLD, ACKNOWLEDGE):
        stage.hold_step(online, step, ceremony=2)
    assert stage.state() is StudyState.RUNNING
    assert stage.ceremony().participants == 0b001111
    assert stage.suite.ceremony.nextDue(stage.study) == 0b111111


def test_liars__t_less_one_silent_in_turn__cannot_end_a_study(stage: Stage) -> None:
    """n = minimum + f here: each of two liars keeps silent at the step of its choice, in every ceremony.

    Rule: only who is short of the minimum fails; t − 1 silent ones leave enough (`Steps._endStep`, `minimum`).
    """
    begin(stage, rounds=4, batchRounds=1)
    honest, liars = stage.members[:4], stage.members[4:]
    for ceremony, steps in enumerate([(KEY, DEAL), (DEAL, HOLD), (HOLD, ACKNOWLEDGE)], start=1):
        silent: list[Hospital] = []
        for step in (KEY, DEAL, HOLD, ACKNOWLEDGE):
            quitting = [liar for liar, quits in zip(liars, steps, strict=True) if quits is step]
            silent += quitting
            stage.hold_step([*honest, *(liar for liar in liars if liar not in silent)], step, ceremony)
            if quitting:
                stage.move_on()
        assert stage.state() is StudyState.RUNNING
        stage.members = honest
        stage.finish(ceremony)
    assert stage.state() is StudyState.CEREMONY
    # Absence has its price in each batch, and brings nobody below a slice.
    assert bonds(stage) == [0] * 4
    assert stage.suite.vault.locked(stage.study, liars[0].id) == BOND - 3 * ABSENCE_FINE
