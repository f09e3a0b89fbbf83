# SPDX-License-Identifier: Apache-2.0
"""Gas ceilings: a usual study of four hospitals, and the largest one there can be."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
import pytest
from eth_utils import keccak, to_checksum_address

from tests.support.stage import Hospital, Stage, commitment
from tests.support.suite import BOND, DIGEST, NO_PROOF, Step, pass_until, rapidly

# Without the verification of proofs (the double answers): test_proofs.py measures with it.
USUAL = {
    "register": 180_000,
    "deposit": 90_000,
    "publish": 280_000,
    "fund": 110_000,
    "enrol": 270_000,
    "postCeremony": 110_000,
    "completeCeremony": 110_000,
    "submitUpdate": 250_000,
    "attest": 130_000,
    "includeUpdates": 210_000,
    "postShare": 160_000,
    "finalise": 200_000,
    "postModel": 45_000,
    "failRound": 190_000,
    "requestCeremony": 65_000,
    "leaveStudy": 90_000,
    "join": 290_000,
    "claim": 180_000,
    "refund": 120_000,
    "releaseBond": 60_000,
    "closeStudy": 50_000,
}
# 64 hospitals, t = 32, 16 attempts: still far below a block of 30 million.
LARGEST = {
    "enrol": 300_000,
    "postCeremony": 110_000,
    "completeCeremony": 130_000,
    "submitUpdate": 270_000,
    "attest": 150_000,
    "includeUpdates": 1_200_000,
    "postShare": 1_000_000,
    "finalise": 350_000,
    "failRound": 2_500_000,
    "failCeremony": 2_800_000,
    "claim": 420_000,
}


class Meter:
    """Measures transactions and compares each with its ceiling."""

    def __init__(self, ceilings: dict[str, int]) -> None:
        self._ceilings = ceilings
        self.worst: dict[str, int] = {}

    def __call__(self, name: str, method: Any, *arguments: Any, sender: Any) -> None:
        gas = rapidly(method, *arguments, sender=sender)
        self.worst[name] = max(gas, self.worst.get(name, 0))

    def check(self) -> None:
        for name, gas in self.worst.items():
            print(f"{name:18}{gas:>10,}")
        over = {name: gas for name, gas in self.worst.items() if gas > self._ceilings[name]}
        assert not over, f"above the ceiling: {over}"
        assert self.worst.keys() == self._ceilings.keys()


def test_usual_study__every_call__stays_under_its_ceiling(stage: Stage, accounts: Any) -> None:
    suite, meter = stage.suite, Meter(USUAL)
    meter("register", suite.registry.register, accounts[21], "Hospital of the town", "", sender=accounts[20])
    suite.token.approve(suite.vault, BOND, sender=stage.sponsor)
    meter("deposit", suite.vault.deposit, 7, BOND, sender=stage.sponsor)
    stage.publish(funded=False, maximum=4)
    meter("publish", suite.studies.publish, stage.plan, sender=stage.sponsor)
    stage.study = suite.studies.studyCount()
    required = suite.studies.requiredFunding(stage.study)
    suite.token.approve(suite.rewards, required, sender=stage.sponsor)
    meter("fund", suite.rewards.fund, stage.study, required, sender=stage.sponsor)
    stage.members = stage.hospitals[:4]
    for hospital in stage.members:
        meter("enrol", suite.studies.enrol, stage.study, hospital.id, 100, bytes(32), sender=hospital.operator)
    hold_ceremony(meter, stage, 1)
    meter("requestCeremony", suite.studies.requestCeremony, stage.study, sender=stage.members[0].operator)
    meter("leaveStudy", suite.studies.leaveStudy, stage.study, sender=stage.members[0].owner)
    newcomer = stage.hospitals[4]
    meter("join", suite.studies.enrol, stage.study, newcomer.id, 100, bytes(32), sender=newcomer.operator)
    play_round(meter, stage, 1, named=2)
    stage.members = stage.hospitals[1:5]
    hold_ceremony(meter, stage, 2)
    stage.end_phase(2)
    meter("failRound", suite.rounds.failRound, stage.study, 2, sender=stage.stranger)
    stage.end_phase(3)
    meter("failRound", suite.rounds.failRound, stage.study, 3, sender=stage.stranger)
    meter("postModel", suite.rounds.postModel, stage.study, 1, DIGEST, 1000, sender=stage.stranger)
    meter("claim", suite.rewards.claim, stage.study, 4, [1], sender=stage.stranger)
    meter("refund", suite.rewards.refund, stage.study, sender=stage.stranger)
    meter("releaseBond", suite.studies.releaseBond, stage.study, 1, sender=stage.stranger)
    meter("closeStudy", suite.studies.closeStudy, stage.study, sender=stage.stranger)
    meter.check()


def hold_ceremony(meter: Meter, stage: Stage, number: int) -> None:
    """A ceremony, measured; the transaction that completes it by itself."""
    post = stage.suite.studies.postCeremony
    for step in Step:
        for hospital in stage.members:
            last = step is Step.ACKNOWLEDGEMENT and hospital is stage.members[-1]
            name = "completeCeremony" if last else "postCeremony"
            meter(name, post, stage.study, number, int(step), DIGEST, 32, sender=hospital.operator)


def play_round(meter: Meter, stage: Stage, round_: int, named: int) -> None:
    """A round in which everybody acts, measured; the first `named` of the quorum post shares."""
    rounds = stage.suite.rounds
    everything = (1 << len(stage.members)) - 1
    for hospital in stage.members:
        proof = commitment(hospital), NO_PROOF
        meter(
            "submitUpdate",
            rounds.submitUpdate,
            stage.study,
            round_,
            DIGEST,
            1000,
            *proof[0],
            proof[1],
            sender=hospital.operator,
        )
    for hospital in stage.members:
        meter("attest", rounds.attest, stage.study, round_, everything, sender=hospital.operator)
    meter("includeUpdates", rounds.includeUpdates, stage.study, round_, sender=stage.stranger)
    by_id = {hospital.id: hospital for hospital in stage.members}
    for number in stage.quorum(0, round_)[:named]:
        operator = by_id[number].operator
        meter("postShare", rounds.postShare, stage.study, round_, 0, DIGEST, 500, sender=operator)
    meter("finalise", rounds.finalise, stage.study, round_, 777, NO_PROOF, sender=stage.stranger)


def address_of(name: str) -> str:
    return to_checksum_address(keccak(text=name)[-20:])


@pytest.fixture(scope="module")
def crowd(deployed: Stage) -> Stage:
    """Sixty-four hospitals, admitted and bonded."""
    suite, council = deployed.suite, deployed.suite.council
    suite.token.approve(suite.vault, 10**30, sender=council)
    first = suite.registry.hospitalCount() + 1
    members = []
    for number in range(first, first + 64):
        owner, operator = address_of(f"owner {number}"), address_of(f"operator {number}")
        for address in (owner, operator):
            ape.chain.provider.make_request("anvil_setBalance", [address, hex(10**20)])
        rapidly(suite.registry.register, operator, f"Hospital {number}", "", sender=owner)
        rapidly(suite.registry.admit, number, sender=council)
        rapidly(suite.vault.deposit, number, BOND, sender=council)
        members.append(Hospital(number, owner, operator))  # type: ignore[arg-type]
    return dataclasses.replace(deployed, plan={}, members=members)


def begin(meter: Meter, stage: Stage) -> None:
    """Publish the largest plan and enrol everybody."""
    stage.publish(maximum=64, threshold=32, minimum=33, attempts=16, rounds=2, bond=BOND, ceremonyStepLength=10_000)
    for hospital in stage.members:
        enrol = stage.suite.studies.enrol
        meter("enrol", enrol, stage.study, hospital.id, 100, bytes(32), sender=hospital.operator)


def test_largest_study__every_call__stays_under_its_ceiling(crowd: Stage) -> None:
    suite, meter = crowd.suite, Meter(LARGEST)
    post = suite.studies.postCeremony
    # Nobody deals: everybody is slashed.
    begin(meter, crowd)
    for hospital in crowd.members:
        meter("postCeremony", post, crowd.study, 1, 0, DIGEST, 32, sender=hospital.operator)
    pass_until(suite.studies.ceremonyState(crowd.study).deadline)
    meter("failCeremony", suite.studies.failCeremony, crowd.study, sender=crowd.stranger)

    # Round 1 goes well; in round 2 some are silent in every attempt, and it fails.
    for hospital in crowd.members:
        rapidly(suite.studies.releaseBond, crowd.study, hospital.id, sender=crowd.stranger)
        rapidly(suite.vault.deposit, hospital.id, BOND, sender=suite.council)
    begin(meter, crowd)
    hold_ceremony(meter, crowd, 1)
    play_round(meter, crowd, 1, named=32)
    meter("claim", suite.rewards.claim, crowd.study, crowd.members[-1].id, [1], sender=crowd.stranger)

    rounds, by_id = suite.rounds, {hospital.id: hospital for hospital in crowd.members}
    everything = (1 << 64) - 1
    for hospital in crowd.members:
        x, y = commitment(hospital)
        rapidly(rounds.submitUpdate, crowd.study, 2, DIGEST, 9, x, y, NO_PROOF, sender=hospital.operator)
    for hospital in crowd.members:
        rapidly(rounds.attest, crowd.study, 2, everything, sender=hospital.operator)
    rapidly(rounds.includeUpdates, crowd.study, 2, sender=crowd.stranger)
    for attempt in range(16):
        # Two are dropped by every attempt, until 32 are left: the costliest way through all of them.
        for number in crowd.quorum(attempt, 2)[2:]:
            share = (crowd.study, 2, attempt, DIGEST, 500)
            meter("postShare", rounds.postShare, *share, sender=by_id[number].operator)
        crowd.end_phase(2)
    meter("failRound", rounds.failRound, crowd.study, 2, sender=crowd.stranger)
    meter.check()
