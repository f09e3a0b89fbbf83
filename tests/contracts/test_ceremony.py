# SPDX-License-Identifier: Apache-2.0
"""The key ceremony's record where everybody means well: steps, deadlines, silence, what is refused."""

from __future__ import annotations

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from node.types import CeremonyFailure, CeremonyStep, Service, StudyState
from tests.support.stage import Hospital, Stage, ceremony_keys, salt_of
from tests.support.suite import ABSENCE_FINE, BASE, BOND, DIGEST, FIELD_ORDER, add_points, multiply, pass_until

OTHER = b"\x77" * 32
SUBGROUP_ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041
KEY, DEAL, HOLD, COMPLAIN, ACKNOWLEDGE = CeremonyStep
#: Steps that an absent hospital can be missed in, where nobody complains.
ACTIVE = [KEY, DEAL, HOLD, ACKNOWLEDGE]


@pytest.fixture
def members(stage: Stage) -> list[Hospital]:
    """Four enrolled hospitals of a study with t = 2 and minimum 3, in the ceremony's first step."""
    stage.publish(maximum=4)
    stage.members = stage.hospitals[:4]
    stage.enrol_all(stage.members)
    return stage.members


def reach(stage: Stage, step: CeremonyStep, ceremony: int = 1) -> None:
    """Everybody acts in the steps before this one; the way to Complain is a hospital that is not satisfied."""
    for earlier in CeremonyStep:
        if earlier < min(step, HOLD):
            stage.hold_step(stage.members, earlier, ceremony)
    if step > HOLD:
        stage.hold_step(stage.members[1:], HOLD, ceremony)
        stage.hold_step(stage.members[:1], HOLD, ceremony, satisfied=step is not COMPLAIN)


def keys_hash(*hospitals: Hospital) -> bytes:
    """The running hash of the keys of members, in the order in which they posted them; indices are numbers less one."""
    running = bytes(32)
    for hospital in hospitals:
        keys = ceremony_keys(hospital)
        values = (running, hospital.id - 1, keys["px"], keys["py"], keys["box_key"])
        running = keccak(encode(["bytes32", "uint8", "uint256", "uint256", "bytes32"], values))
    return running


def points_of_small_order() -> list[tuple[int, int]]:
    """All eight points whose order divides eight: the multiples of one of order eight."""
    for y in range(2, 1000):
        # x² = (1 − y²) / (a − d·y²), where that has a root.
        square = (1 - y * y) * pow(168700 - 168696 * y * y, -1, FIELD_ORDER) % FIELD_ORDER
        if pow(square, (FIELD_ORDER - 1) // 2, FIELD_ORDER) != 1:
            continue
        point = multiply((_root(square), y), SUBGROUP_ORDER)
        multiples = [multiply(point, factor) for factor in range(8)]
        if len(set(multiples)) == 8:
            return multiples
    raise AssertionError("no point of order eight")


def _root(square: int) -> int:
    """A square root modulo the field's order (Tonelli and Shanks)."""
    odd, twos = FIELD_ORDER - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    value = next(x for x in range(2, 100) if pow(x, (FIELD_ORDER - 1) // 2, FIELD_ORDER) != 1)
    root, rest, unit = (
        pow(square, (odd + 1) // 2, FIELD_ORDER),
        pow(square, odd, FIELD_ORDER),
        pow(value, odd, FIELD_ORDER),
    )
    while rest != 1:
        order = next(k for k in range(1, twos) if pow(rest, 1 << k, FIELD_ORDER) == 1)
        step = pow(unit, 1 << (twos - order - 1), FIELD_ORDER)
        root, unit, twos = root * step % FIELD_ORDER, step * step % FIELD_ORDER, order
        rest = rest * unit % FIELD_ORDER
    return root


def test_ceremony__everybody_satisfied__completes_in_four_steps_without_a_deadline(
    stage: Stage, members: list[Hospital]
) -> None:
    ceremony, started = stage.suite.ceremony, ape.chain.blocks.head.timestamp
    stage.hold_ceremony(members, until=HOLD)
    assert stage.ceremony().step == ACKNOWLEDGE
    for hospital in members:
        receipt = stage.post(hospital, ACKNOWLEDGE, digest=OTHER)
    assert ceremony.CeremonyCompleted(stage.study, 1, OTHER, 0b1111, 0, 0) in receipt.events
    state = stage.ceremony()
    assert (state.number, state.completed, state.transcriptDigest) == (1, True, OTHER)
    assert (state.participants, state.keyed, state.counted, state.guilty) == (0b1111, 0b1111, 0b1111, 0)
    assert (state.firstRound, state.rounds, state.withCkks) == (1, 3, True)
    assert ape.chain.blocks.head.timestamp - started < stage.plan["ceremonyStepLength"]
    assert stage.state() is StudyState.RUNNING
    batch = ceremony.batchOf(stage.study, 1)
    assert (batch.ceremony, batch.number, batch.firstRound, batch.lastRound) == (1, 1, 1, 3)
    assert (batch.participants, batch.dealt, batch.withCkks) == (0b1111, 0b1111, True)
    assert batch.startedAt == receipt.timestamp
    with ape.reverts(ceremony.KeyCeremonyNoCeremony, studyId=stage.study):
        ceremony.moveOn(stage.study, sender=stage.stranger)


def test_ceremony__before_enrolment_ended__does_not_exist(stage: Stage) -> None:
    stage.publish()
    stage.enrol(stage.hospitals[0])
    assert stage.ceremony().number == 0
    with ape.reverts(stage.suite.ceremony.KeyCeremonyNoCeremony, studyId=stage.study):
        stage.post(stage.hospitals[0], KEY)


def test_ceremony__due_and_untouched__is_seen_as_it_is(stage: Stage, members: list[Hospital]) -> None:
    state, filled = stage.ceremony(), stage.suite.studies.enrolmentEnd(stage.study)
    assert (state.number, state.step, state.due, state.keyed) == (1, KEY, 0b1111, 0)
    assert (state.stepOpenedAt, state.deadline) == (filled, filled + stage.plan["ceremonyStepLength"])
    assert stage.suite.ceremony.nextDue(stage.study) == 0b1111


def test_keys__in_any_order__are_logged_and_hashed_in_that_of_posting(stage: Stage, members: list[Hospital]) -> None:
    ceremony = stage.suite.ceremony
    receipt = stage.post(members[2], KEY)
    keys = ceremony_keys(members[2])
    logged = ceremony.KeysPosted(stage.study, 1, members[2].id, 2, keys["px"], keys["py"], keys["box_key"])
    assert receipt.events == [logged]
    assert stage.ceremony().keysHash == keys_hash(members[2])
    stage.post(members[0], KEY)
    state = stage.ceremony()
    assert (state.keyed, state.keysHash) == (0b0101, keys_hash(members[2], members[0]))
    assert keys_hash(members[2], members[0]) != keys_hash(members[0], members[2])


def test_keys__no_points_that_hide_anything__are_refused(stage: Stage, members: list[Hospital]) -> None:
    ceremony, keys = stage.suite.ceremony, ceremony_keys(members[0])
    sound = (keys["px"], keys["py"])
    bad = [(sound[0] + FIELD_ORDER, sound[1]), (sound[0], sound[1] + 1), (0, 0), *points_of_small_order()]
    for px, py in bad:
        with ape.reverts(ceremony.KeyCeremonyPadKeyInvalid, px=px, py=py):
            stage.post(members[0], KEY, px=px, py=py)
    # Outside the subgroup, but eight times it is in there: it does no harm.
    shifted = add_points(sound, points_of_small_order()[1])
    stage.post(members[0], KEY, px=shifted[0], py=shifted[1])


def test_keys__without_a_box_key_or_with_another_salt__are_refused(stage: Stage, members: list[Hospital]) -> None:
    ceremony, first = stage.suite.ceremony, members[0]
    with ape.reverts(ceremony.KeyCeremonyBoxKeyMissing):
        stage.post(first, KEY, box_key=bytes(32))
    with ape.reverts(ceremony.KeyCeremonyWrongSalt, studyId=stage.study, hospitalId=first.id):
        stage.post(first, KEY, salt=salt_of(members[1]))


def test_post__out_of_order_twice_unasked_or_late__reverts(stage: Stage, members: list[Hospital]) -> None:
    ceremony, first = stage.suite.ceremony, members[0]
    for step in (DEAL, HOLD, COMPLAIN, ACKNOWLEDGE):
        with ape.reverts(ceremony.KeyCeremonyWrongStep, step=KEY, needed=step):
            stage.post(first, step)
    with ape.reverts(ceremony.KeyCeremonyWrongCeremony, ceremony=2, current=1):
        stage.post(first, KEY, ceremony=2)
    stage.post(first, KEY)
    with ape.reverts(ceremony.KeyCeremonyAlreadyPosted, step=KEY, hospitalId=first.id):
        stage.post(first, KEY)
    with ape.reverts(stage.suite.studies.StudyRegistryNotEnrolled, operator=stage.stranger.address):
        keys = ceremony_keys(first)
        ceremony.postKeys(stage.study, 1, *keys.values(), sender=stage.stranger)
    with ape.reverts(ceremony.KeyCeremonyStepOpen, step=KEY):
        ceremony.moveOn(stage.study, sender=stage.stranger)
    deadline = stage.ceremony().deadline
    pass_until(deadline)
    with ape.reverts(ceremony.KeyCeremonyStepOver, step=KEY, deadline=deadline):
        stage.post(members[1], KEY)


@pytest.mark.parametrize("step", ACTIVE)
def test_post__twice_in_any_step__reverts(stage: Stage, members: list[Hospital], step: CeremonyStep) -> None:
    reach(stage, step)
    stage.post(members[1], step)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyAlreadyPosted, step=step, hospitalId=members[1].id):
        stage.post(members[1], step)


@pytest.mark.parametrize("step", ACTIVE)
def test_silence__in_a_step__costs_one_fine_and_the_place(
    stage: Stage, members: list[Hospital], step: CeremonyStep
) -> None:
    ceremony, vault = stage.suite.ceremony, stage.suite.vault
    reach(stage, step)
    stage.hold_step(members[:3], step)
    receipt = stage.move_on()
    assert ceremony.StepOver(stage.study, 1, step, 0b1000, 0b0111) in receipt.events
    assert vault.AbsenceFined(stage.study, members[3].id, 1, ABSENCE_FINE) in receipt.events
    for later in ACTIVE:
        if later > step:
            with ape.reverts(ceremony.KeyCeremonyNotExpected, step=later, hospitalId=members[3].id):
                stage.post(members[3], later, **({"satisfied": False} if later is HOLD else {}))
            stage.hold_step(members[:3], later)
    # Nobody waited for it after that, and it paid once.
    assert stage.state() is StudyState.RUNNING
    assert stage.ceremony().participants == 0b0111
    assert vault.locked(stage.study, members[3].id) == BOND - ABSENCE_FINE
    assert not stage.suite.studies.enrolment(stage.study, members[3].id).barred
    # Shares were dealt to whoever posted a key, and stay with it.
    assert ceremony.batchOf(stage.study, 1).dealt == (0b0111 if step is KEY else 0b1111)


def test_silence__of_one__calls_no_ceremony_and_it_comes_back_at_the_next(stage: Stage) -> None:
    stage.publish(maximum=4, batchRounds=1)
    stage.members = stage.hospitals[:4]
    stage.enrol_all(stage.members)
    absent, others = stage.members[3], stage.members[:3]
    stage.hold_step(others, KEY)
    stage.move_on()
    for step in (DEAL, HOLD, ACKNOWLEDGE):
        stage.hold_step(others, step)
    assert stage.suite.ceremony.nextDue(stage.study) == 0b1111
    stage.members = others
    stage.finish(1)
    due = stage.ceremony()
    assert (due.number, due.due) == (2, 0b1111)
    stage.hold_ceremony([*others, absent], ceremony=2)
    assert stage.ceremony().participants == 0b1111


@pytest.mark.parametrize("step", ACTIVE)
def test_silence__of_too_many__starts_anew_with_everybody(
    stage: Stage, members: list[Hospital], step: CeremonyStep
) -> None:
    ceremony, vault = stage.suite.ceremony, stage.suite.vault
    reach(stage, step)
    stage.hold_step(members[:2], step)
    receipt = stage.move_on()
    failed = ceremony.CeremonyFailed(stage.study, 1, step, CeremonyFailure.TOO_FEW, 0b1111)
    assert failed in receipt.events
    assert [vault.locked(stage.study, one.id) for one in members] == [BOND] * 2 + [BOND - ABSENCE_FINE] * 2
    state = stage.ceremony()
    assert (state.number, state.step, state.due, state.keyed, state.held) == (2, KEY, 0b1111, 0, 0)
    assert state.keysHash == bytes(32)
    assert state.stepOpenedAt == receipt.timestamp
    stage.hold_ceremony(members, ceremony=2)
    assert stage.state() is StudyState.RUNNING
    assert stage.ceremony().keysHash == keys_hash(*members)
    assert ceremony.batchOf(stage.study, 1).ceremony == 2


def test_ceremonies__so_many_failed_in_a_row__end_the_study_and_everybody_has_the_bond(
    stage: Stage, members: list[Hospital]
) -> None:
    ceremony, studies, vault = stage.suite.ceremony, stage.suite.studies, stage.suite.vault
    stage.move_on()
    assert stage.state() is StudyState.CEREMONY
    stage.hold_ceremony(members, ceremony=2, until=HOLD)
    receipt = stage.move_on()
    ended = ceremony.CeremonyFailed(stage.study, 2, ACKNOWLEDGE, CeremonyFailure.NO_TRANSCRIPT, 0)
    assert ended in receipt.events
    assert stage.state() is StudyState.CANCELLED
    assert not ceremony.canGoOn(stage.study)
    with ape.reverts(ceremony.KeyCeremonyNoCeremony, studyId=stage.study):
        stage.post(members[0], KEY, ceremony=3)
    for hospital in members:
        studies.releaseBond(stage.study, hospital.id, sender=stage.stranger)
        assert vault.available(hospital.id) == 3 * BOND - 2 * ABSENCE_FINE


def test_ceremonies__a_completed_one_between_two_that_failed__go_on(stage: Stage) -> None:
    stage.publish(maximum=4, batchRounds=1)
    stage.members = stage.hospitals[:4]
    stage.enrol_all(stage.members)
    stage.move_on()
    stage.hold_ceremony(stage.members, ceremony=2)
    stage.finish(1)
    stage.move_on()
    assert stage.state() is StudyState.CEREMONY
    stage.hold_ceremony(stage.members, ceremony=4)
    assert stage.state() is StudyState.RUNNING


@pytest.mark.parametrize("wallet", ["operator", "owner"])
def test_move_on__by_who_is_fined__earns_nothing_and_by_others_half_a_fee(
    stage: Stage, members: list[Hospital], wallet: str
) -> None:
    rewards, half = stage.suite.rewards, stage.plan["serviceFee"] // 2
    absent, another = getattr(members[3], wallet), getattr(members[2], wallet)
    stage.hold_step(members[:3], KEY)
    stage.move_on(by=absent)
    assert (rewards.serviceOwed(absent), stage.ceremony().step) == (0, DEAL)
    stage.hold_step(members[:2], DEAL)
    receipt = stage.move_on()
    assert rewards.ServiceEarned(stage.study, stage.stranger, Service.MOVE_ON, half) in receipt.events
    with ape.reverts(stage.suite.ceremony.KeyCeremonyStepOpen):
        stage.suite.ceremony.moveOn(stage.study, sender=stage.stranger)
    stage.hold_step([*members[:2], members[3]], KEY, ceremony=2)
    stage.move_on(by=members[3].operator)
    stage.hold_step(members[:2], DEAL, ceremony=2)
    assert rewards.serviceOwed(members[3].operator) == half
    # It is fined itself this time, through whichever of its wallets it calls.
    stage.move_on(by=absent)
    assert rewards.serviceOwed(absent) == (half if absent == members[3].operator else 0)
    assert rewards.serviceOwed(another) == 0


def test_salts__are_mixed_once_the_first_key_step_ends_with_enough_keys(stage: Stage, members: list[Hospital]) -> None:
    ceremony = stage.suite.ceremony
    stage.hold_step(members[:2], KEY)
    stage.move_on()
    # Too few: what they revealed counts for nothing.
    assert ceremony.saltMix(stage.study) == bytes(32)
    stage.hold_step(members[1:], KEY, ceremony=2)
    assert ceremony.saltMix(stage.study) == bytes(32)
    stage.move_on()
    expected = 0
    for hospital in members[1:]:
        expected ^= int.from_bytes(keccak(encode(["uint8", "bytes32"], (hospital.id - 1, salt_of(hospital)))))
    assert ceremony.saltMix(stage.study) == expected.to_bytes(32)
    stage.hold_step(members[1:3], DEAL, ceremony=2)
    stage.move_on()
    # Fixed once and for all, and the other salt is asked for no more.
    assert stage.state() is StudyState.CANCELLED
    assert ceremony.saltMix(stage.study) == expected.to_bytes(32)


def test_salts__of_a_later_ceremony__change_nothing(stage: Stage) -> None:
    stage.run(4, batchRounds=1)
    mix = stage.suite.ceremony.saltMix(stage.study)
    stage.finish(1)
    for hospital in stage.members:
        stage.post(hospital, KEY, ceremony=2, salt=OTHER)
    assert stage.ceremony().step == DEAL
    assert stage.suite.ceremony.saltMix(stage.study) == mix != bytes(32)


def test_dealings__have_no_part_for_ckks__where_the_plan_opens_by_pads_alone(stage: Stage) -> None:
    stage.run(3, padsOnly=True)
    assert not stage.suite.ceremony.batchOf(stage.study, 1).withCkks


def test_dealings__after_two_failed_openings__have_no_part_for_ckks(stage: Stage) -> None:
    members = stage.run(4, rounds=4, batchRounds=2)
    for round_ in (1, 2):
        stage.reach_open(round_)
        stage.reach_pads(round_)
        stage.finalise(1000 + round_, round_)
    assert not stage.ceremony().withCkks
    stage.hold_ceremony(members, ceremony=2)
    assert not stage.ceremony().withCkks
    assert [stage.suite.ceremony.batchOf(stage.study, round_).withCkks for round_ in (2, 3)] == [True, False]


def test_dealing__without_a_digest__is_refused(stage: Stage, members: list[Hospital]) -> None:
    reach(stage, DEAL)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyEmptyDigest):
        stage.post(members[0], DEAL, digest=bytes(32))
    receipt = stage.post(members[0], DEAL, digest=OTHER, size=99)
    assert receipt.events == [stage.suite.ceremony.DealingPosted(stage.study, 1, members[0].id, 0, OTHER, 99)]


def test_acknowledgement__without_a_digest__is_refused(stage: Stage, members: list[Hospital]) -> None:
    reach(stage, ACKNOWLEDGE)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyEmptyDigest):
        stage.post(members[0], ACKNOWLEDGE, digest=bytes(32))
    receipt = stage.post(members[0], ACKNOWLEDGE)
    logged = stage.suite.ceremony.TranscriptAcknowledged(stage.study, 1, members[0].id, DIGEST, 0)
    assert receipt.events == [logged]


def test_order_of_the_subgroup__is_that_of_the_base_point() -> None:
    assert multiply(BASE, SUBGROUP_ORDER) == (0, 1)
