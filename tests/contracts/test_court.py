# SPDX-License-Identifier: Apache-2.0
"""Two different CKKS shares signed for one set: who can show it, until when, with which keys, and what it costs."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
import pytest
from ape.api import AccountAPI, ReceiptAPI

from tests.support.consents import consent
from tests.support.settlement import each, equally, everybody_is_whole, of_a_model, open_books, together
from tests.support.shares import sign_share
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, DIGEST, Call, Suite, in_one_block, pass_until

SLICE = BOND // 4
BOUNTY = SLICE // 20
EQUIVOCATION = 3
OTHER = b"\x12" * 32
#: Order of secp256k1, of which every signature has two forms.
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def opening(running: Stage) -> Stage:
    """Round 1 in the first window, all four included."""
    running.reach_open()
    return running


def report(
    stage: Stage, hospital: Hospital, sender: Any = None, keys: tuple[Any, Any] | None = None, **changes: Any
) -> ReceiptAPI:
    """Show two signatures over different digests, by the hospital's operator unless told otherwise."""
    given = {"round_": 1, "included": 0b1111, "digests": (DIGEST, OTHER), **changes}
    signatures = given.get("signatures") or [
        stage.sign(key, digest, given["round_"], 0b1111)
        for key, digest in zip(keys or (hospital.operator, hospital.operator), given["digests"], strict=True)
    ]
    (a, b), (signed_a, signed_b) = given["digests"], signatures
    about = (stage.study, given["round_"], hospital.id, given["included"])
    court = stage.suite.court
    return court.reportEquivocation(*about, a, signed_a, b, signed_b, sender=sender or stage.stranger)


def rotate(hospital: Hospital, operator: AccountAPI, suite: Suite) -> None:
    """Give a hospital another operator, which agrees."""
    signed = consent(suite.registry, hospital.owner, operator)
    suite.registry.rotateOperator(hospital.id, operator, signed, sender=hospital.owner)


def finish_study(stage: Stage) -> None:
    """The rounds after the first, in which nothing happens."""
    stage.finish(2)
    stage.finish(3)


def test_report__by_anyone__costs_a_slice_shared_by_the_others_and_pays_a_bounty(running: Stage) -> None:
    books = open_books(running)
    running.reach_open()
    guilty, others = running.members[2], [one for one in running.members if one is not running.members[2]]
    suite, study = running.suite, running.study
    receipt = report(running, guilty)
    assert receipt.events == [
        suite.vault.BondSlashed(study, guilty.id, EQUIVOCATION, 1, SLICE),
        suite.vault.PotMade(1, study, EQUIVOCATION, 1, SLICE - BOUNTY, 0b1011),
        suite.vault.BountyEarned(1, running.stranger, BOUNTY),
        suite.court.EquivocationShown(study, 1, guilty.id, running.stranger, 0b1111, DIGEST, OTHER),
    ]
    assert suite.vault.punished(study, EQUIVOCATION, 1) == 0b0100
    running.share_all()
    running.finalise(1001)
    finish_study(running)
    everybody_is_whole(
        books,
        rewards=together(*[of_a_model(running.members)] * 3),
        slashed=each(SLICE, [guilty]),
        shared=equally(SLICE - BOUNTY, others),
        bounties={str(running.stranger): BOUNTY},
    )


def test_report__a_second_time__reverts(opening: Stage) -> None:
    guilty = opening.members[0]
    report(opening, guilty)
    used = opening.suite.vault.StakeVaultEvidenceUsed
    with ape.reverts(used, studyId=opening.study, offence=EQUIVOCATION, stage=1, offenders=0b1):
        report(opening, guilty)
    # Another pair of the same round is the same offence.
    with ape.reverts(used):
        report(opening, guilty, digests=(DIGEST, b"\x13" * 32))


def test_report__one_digest_signed_once_or_twice__reverts(opening: Stage) -> None:
    with ape.reverts(opening.suite.court.CourtSameDigest, digest=DIGEST):
        report(opening, opening.members[0], digests=(DIGEST, DIGEST))


@pytest.mark.parametrize("what", ["stranger", "another hospital", "owner", "another set", "round"])
def test_report__not_signed_by_the_operator_for_this__reverts(opening: Stage, what: str) -> None:
    accused, wrong = opening.members[0], opening.suite.court.CourtWrongSigner
    foreign = {"stranger": opening.stranger, "another hospital": opening.members[1].operator, "owner": accused.owner}
    pairs = [(accused.operator, accused.operator)]
    said: dict[str, Any] = {"round_": 1, "included": 0b1111}
    signed = dict(said)
    if what in foreign:
        pairs = [(accused.operator, foreign[what]), (foreign[what], accused.operator)]
    elif what == "another set":
        signed["included"] = 0b0111
    else:
        signed["round_"] = 2
    for pair in pairs:
        signatures = [
            opening.sign(key, digest, signed["round_"], signed["included"])
            for key, digest in zip(pair, (DIGEST, OTHER), strict=True)
        ]
        with ape.reverts(wrong, studyId=opening.study, round=1, hospitalId=accused.id):
            report(opening, accused, signatures=signatures, **said)


def test_report__signatures_for_another_contract_or_malleated__reverts(opening: Stage) -> None:
    accused, court = opening.members[0], opening.suite.court
    elsewhere = [
        sign_share(court.address, accused.operator, opening.study, 1, 0b1111, digest) for digest in (DIGEST, OTHER)
    ]
    with ape.reverts(court.CourtWrongSigner):
        report(opening, accused, signatures=elsewhere)
    signature = opening.sign(accused.operator, DIGEST)
    flipped = signature[:32] + (CURVE_ORDER - int.from_bytes(signature[32:64])).to_bytes(32)
    malleated = flipped + bytes([55 - signature[64]])
    with ape.reverts(court.CourtWrongSigner, signer="0x" + "00" * 20):
        report(opening, accused, signatures=[malleated, opening.sign(accused.operator, OTHER)])
    openings, named = opening.suite.openings, opening.quorum()[0]
    with ape.reverts(openings.OpeningsWrongSignature):
        openings.postShare(opening.study, 1, DIGEST, 500, malleated, sender=opening.operators[named])


def test_report__nobody_with_hospital_zero__reverts(opening: Stage) -> None:
    nothing = bytes(65)
    with ape.reverts(opening.suite.studies.StudyRegistryHospitalNotEnrolled, hospitalId=0):
        opening.suite.court.reportEquivocation(
            opening.study, 1, 0, 0b1111, DIGEST, nothing, OTHER, nothing, sender=opening.stranger
        )


def test_report__before_the_set_is_fixed__reverts(running: Stage) -> None:
    running.submit_all()
    with ape.reverts(running.suite.court.CourtNothingToSlash, round=1):
        report(running, running.members[0])


def test_report__until_the_last_second_of_the_window__and_no_later(opening: Stage) -> None:
    court = opening.suite.court
    opening.finalise()
    deadline = opening.suite.rounds.roundState(opening.study, 1).closedAt + court.EVIDENCE_WINDOW()
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [deadline - 1])
    assert report(opening, opening.members[0]).timestamp == deadline - 1
    pass_until(deadline)
    with ape.reverts(court.CourtTooLate, round=1, deadline=deadline):
        report(opening, opening.members[1])


def test_report__by_the_slashed_hospitals_own_wallets__earns_nothing(opening: Stage, accounts: Any) -> None:
    suite, guilty = opening.suite, opening.members[0]
    for wallet in (guilty.owner, guilty.operator):
        snapshot = ape.chain.snapshot()
        report(opening, guilty, sender=wallet)
        assert suite.vault.bounty(wallet) == 0
        assert suite.vault.pot(1).amount == SLICE
        ape.chain.restore(snapshot)
    # Nor the key that signed and was replaced since, nor the new one in the registry.
    fresh = accounts[22]
    rotate(guilty, fresh, suite)
    for wallet in (guilty.operator, fresh):
        snapshot = ape.chain.snapshot()
        report(opening, guilty, sender=wallet)
        assert suite.vault.bounty(wallet) == 0
        ape.chain.restore(snapshot)


def test_report__by_another_participant__earns_bounty_and_part(opening: Stage) -> None:
    vault, reporter = opening.suite.vault, opening.members[1]
    report(opening, opening.members[0], sender=reporter.operator)
    before = opening.suite.token.balanceOf(reporter.operator)
    receipt = vault.claimBounty(sender=reporter.operator)
    assert receipt.events[-1] == vault.BountyPaid(reporter.operator, BOUNTY)
    assert opening.suite.token.balanceOf(reporter.operator) - before == BOUNTY
    with ape.reverts(vault.StakeVaultNoBounty, reporter=reporter.operator.address):
        vault.claimBounty(sender=reporter.operator)
    assert vault.partOf(1, reporter.id) == equally(SLICE - BOUNTY, opening.members[1:])[reporter.id]


def test_report__one_share_by_the_old_key_and_one_by_the_new__counts(opening: Stage, accounts: Any) -> None:
    suite, guilty, fresh = opening.suite, opening.members[0], accounts[22]
    rotate(guilty, fresh, suite)
    suite.studies.adoptOperator(opening.study, guilty.id, sender=guilty.owner)
    report(opening, guilty, keys=(guilty.operator, fresh))
    assert suite.vault.locked(opening.study, guilty.id) == BOND - SLICE


def test_report__both_by_the_old_key_after_rotation__counts(opening: Stage, accounts: Any) -> None:
    suite, guilty = opening.suite, opening.members[0]
    rotate(guilty, accounts[22], suite)
    suite.studies.adoptOperator(opening.study, guilty.id, sender=guilty.owner)
    report(opening, guilty)
    assert suite.vault.locked(opening.study, guilty.id) == BOND - SLICE


def test_report__by_a_key_replaced_before_the_set_was_fixed__reverts(running: Stage, accounts: Any) -> None:
    suite, rotated, fresh = running.suite, running.members[0], accounts[22]
    running.submit_all()
    rotate(rotated, fresh, suite)
    suite.studies.adoptOperator(running.study, rotated.id, sender=rotated.owner)
    number, until = suite.studies.actedFor(running.study, rotated.operator)
    assert number == rotated.id
    pass_until(until + 1)
    running.attest_all(by=running.with_operator(rotated, fresh).members)
    running.include()
    with ape.reverts(suite.court.CourtWrongSigner, signer=rotated.operator.address):
        report(running, rotated)


def test_report__posted_and_replaced_in_the_very_second_in_which_the_set_was_fixed__counts(
    running: Stage, accounts: Any
) -> None:
    suite, study = running.suite, running.study
    running.submit_all()
    running.attest_all()
    with ape.chain.isolate():
        running.include()
        guilty = next(one for one in running.members if one.id == running.quorum()[0])
    rotate(guilty, accounts[22], suite)
    included = [tuple(one.__dict__.values()) for one in running.included(0b1111)]
    signature = running.sign(guilty.operator, DIGEST, included=0b1111)
    assert in_one_block(
        Call(suite.rounds.includeUpdates, (study, 1, included), running.stranger, 3),
        Call(suite.openings.postShare, (study, 1, DIGEST, 500, signature), guilty.operator, 2),
        Call(suite.studies.adoptOperator, (study, guilty.id), guilty.owner, 1),
    ) == [True, True, True]
    until = suite.studies.actedFor(study, guilty.operator).until
    assert until == suite.rounds.roundState(study, 1).includedAt
    report(running, guilty)
    assert suite.vault.locked(study, guilty.id) == BOND - SLICE


def test_old_key__never_acts_for_another_hospital_of_the_study(stage: Stage, accounts: Any) -> None:
    # Else two shares of two hospitals by one key would look like an equivocation.
    suite, (first, second) = stage.suite, stage.hospitals[:2]
    stage.publish()
    stage.enrol(first)
    rotate(first, accounts[22], suite)
    suite.studies.adoptOperator(stage.study, first.id, sender=first.owner)
    rotate(second, first.operator, suite)
    taken = suite.studies.StudyRegistryOperatorTaken
    with ape.reverts(taken, studyId=stage.study, operator=first.operator.address):
        stage.enrol(stage.with_operator(second, first.operator).hospitals[1])
    # The hospital itself may take its old key back.
    rotate(second, second.operator, suite)
    rotate(first, first.operator, suite)
    suite.studies.adoptOperator(stage.study, first.id, sender=first.owner)
    assert tuple(suite.studies.actedFor(stage.study, first.operator)) == (first.id, 0)


def test_report__after_the_bond_was_released__takes_what_is_leaving_and_then_what_is_free(opening: Stage) -> None:
    suite, guilty, vault = opening.suite, opening.members[0], opening.suite.vault
    opening.finalise()
    finish_study(opening)
    suite.studies.releaseBond(opening.study, guilty.id, sender=opening.stranger)
    leaving = SLICE // 4
    vault.requestWithdrawal(guilty.id, leaving, sender=guilty.owner)
    report(opening, guilty)
    assert vault.pending(guilty.id)[0] == 0
    assert vault.available(guilty.id) == 3 * BOND - SLICE
    with ape.reverts(vault.StakeVaultNothingPending):
        vault.withdraw(guilty.id, guilty.owner, sender=guilty.owner)


def test_report__against_one_that_left_while_the_study_goes_on__reaches_what_it_took_along(opening: Stage) -> None:
    suite, guilty, vault = opening.suite, opening.members[0], opening.suite.vault
    suite.studies.leaveStudy(opening.study, guilty.id, sender=guilty.owner)
    opening.finalise()
    suite.studies.releaseBond(opening.study, guilty.id, sender=opening.stranger)
    vault.requestWithdrawal(guilty.id, 3 * BOND, sender=guilty.owner)
    report(opening, guilty)
    assert vault.pending(guilty.id)[0] == 3 * BOND - SLICE


def test_report__round_after_round__takes_no_more_than_the_study_released(stage: Stage) -> None:
    """Five slices are owed, and a bond has four: the hospital's other bonds answer for other studies."""
    members = stage.run(3, rounds=5, batchRounds=5)
    guilty, vault, rounds = members[0], stage.suite.vault, range(1, 6)
    for number in rounds:
        stage.finish(number)
    others = vault.available(guilty.id)
    stage.suite.studies.releaseBond(stage.study, guilty.id, sender=stage.stranger)
    signed = {
        number: [stage.sign(guilty.operator, digest, number, 0b111) for digest in (DIGEST, OTHER)] for number in rounds
    }
    for number in rounds[:4]:
        report(stage, guilty, round_=number, included=0b111, signatures=signed[number])
        assert vault.available(guilty.id) == others + BOND - number * SLICE
        # What was taken need not be kept within reach any longer.
        assert vault.lockable(guilty.id) == others
    with ape.reverts(stage.suite.court.CourtNothingToSlash, hospitalId=guilty.id):
        report(stage, guilty, round_=5, included=0b111, signatures=signed[5])
    assert vault.available(guilty.id) == others


def test_released_bond__within_the_window__cannot_be_locked_out_of_reach(opening: Stage) -> None:
    suite, guilty, vault = opening.suite, opening.members[0], opening.suite.vault
    opening.finalise()
    finish_study(opening)
    suite.studies.releaseBond(opening.study, guilty.id, sender=opening.stranger)
    assert (vault.available(guilty.id), vault.lockable(guilty.id)) == (3 * BOND, 2 * BOND)
    other = dataclasses.replace(opening)
    other.publish(bond=3 * BOND)
    with ape.reverts(vault.StakeVaultInsufficient, available=2 * BOND, wanted=3 * BOND):
        other.enrol(guilty)
    pass_until(ape.chain.blocks.head.timestamp + suite.court.EVIDENCE_WINDOW())
    assert vault.lockable(guilty.id) == 3 * BOND


def test_report__everybody_in_turn__the_last_has_nobody_to_pay(opening: Stage) -> None:
    for guilty in opening.members[:3]:
        report(opening, guilty)
    with ape.reverts(opening.suite.court.CourtNothingToSlash, hospitalId=opening.members[3].id):
        report(opening, opening.members[3])
