# SPDX-License-Identifier: Apache-2.0
"""One deployed suite with admitted, bonded hospitals; ape takes the chain back after every test."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest

from scripts import setup, solc

# Compiler, anvil and what is compiled, so that `ape test` works as typed, on the contracts as they are.
solc.prepare()
setup.compile_if_changed()

from tests.support.acting import Acting, act_as  # noqa: E402
from tests.support.consents import consent  # noqa: E402
from tests.support.proving import Work  # noqa: E402
from tests.support.real_proofs import make_proving, submit, work_of  # noqa: E402
from tests.support.stage import Hospital, Stage  # noqa: E402
from tests.support.suite import BOND, UNIT, make_circuit, make_suite  # noqa: E402

HOSPITALS = 6


@pytest.fixture(scope="session")
def deployed(accounts: Any, project: Any) -> Stage:
    """The suite, two circuits with the verifier double, and hospitals that are admitted and bonded."""
    council, sponsor, stranger = accounts[0], accounts[1], accounts[2]
    suite = make_suite(council)
    double = council.deploy(project.VerifierDouble)
    suite.catalogue.listCircuit(make_circuit(double.address), sender=council)
    suite.catalogue.listCircuit(make_circuit(double.address, training=False), sender=council)
    suite.token.transfer(sponsor, 10**9 * UNIT // 4, sender=council)
    hospitals = []
    for number in range(1, HOSPITALS + 1):
        owner, operator = accounts[1 + 2 * number], accounts[2 + 2 * number]
        signed = consent(suite.registry, owner, operator)
        suite.registry.register(operator, signed, f"Hospital {number}", "", sender=owner)
        suite.registry.admit(number, sender=council)
        suite.token.transfer(owner, 3 * BOND, sender=council)
        suite.token.approve(suite.vault, 3 * BOND, sender=owner)
        suite.vault.deposit(number, 3 * BOND, sender=owner)
        hospitals.append(Hospital(number, owner, operator))
    return Stage(suite, sponsor, stranger, hospitals, 1, 2, double)


@pytest.fixture(scope="session")
def acting(accounts: Any) -> Acting:
    """The account of one of the suite's contracts."""
    return partial(act_as, accounts)


@pytest.fixture
def stage(deployed: Stage) -> Stage:
    """The deployed suite, without a study."""
    return dataclasses.replace(deployed, plan={}, members=[])


@pytest.fixture(scope="module")
def running(deployed: Stage) -> Stage:
    """A study with four hospitals, t = 2, minimum 3, at the beginning of round 1 of 3."""
    stage = dataclasses.replace(deployed, plan={}, members=[])
    stage.run(4)
    return stage


@pytest.fixture(scope="module")
def proving(deployed: Stage, accounts: Any) -> Stage:
    """A study of three hospitals on real verifiers, in round 1."""
    return make_proving(deployed, accounts[23])


@pytest.fixture(scope="module")
def works(proving: Stage) -> dict[int, Work]:
    """Everybody's proved update of round 1."""
    return {hospital.id: work_of(proving, hospital) for hospital in proving.members}


@pytest.fixture
def proved_round(proving: Stage, works: dict[int, Work]) -> Stage:
    """Round 1 on real verifiers, with all real updates included."""
    for hospital in proving.members:
        submit(proving, hospital, works[hospital.id])
    proving.attest_all()
    proving.include()
    return proving
