# SPDX-License-Identifier: Apache-2.0
"""Every refusal by a contract of the suite is explained in a sentence."""

from __future__ import annotations

import json
import string

import pytest

from node.chain.abi import ABI_FOLDER
from node.chain.refusals import SENTENCES, in_numbers, refusal
from node.types import Phase, StudyState

ERRORS = {
    entry["name"]: [item["name"] for item in entry["inputs"]]
    for path in sorted(ABI_FOLDER.glob("*.json"))
    for entry in json.loads(path.read_text())
    if entry["type"] == "error"
}
SUITE = tuple(sorted(path.stem for path in ABI_FOLDER.glob("*.json")))
OWN = [name for name in ERRORS if name.startswith(SUITE)]
#: What the node itself concludes from a receipt.
CONCLUDED = {"OutOfGas", "RevertedWhenMined"}


@pytest.mark.parametrize("name", OWN)
def test_refusal__of_every_custom_error__has_a_sentence_of_its_values(name: str) -> None:
    used = {field for _, field, _, _ in string.Formatter().parse(SENTENCES[name]) if field}
    assert used <= set(ERRORS[name])
    error = refusal(name, {value: 1 for value in ERRORS[name]}, "Contract.call")
    assert str(error).startswith("Contract.call was refused: ") and str(error).endswith(f" [{name}]")
    assert name in str(error) and "{" not in str(error)


#: What is never put as a bare number; of two units, where two errors name different things alike.
UNITS = {
    "available": {"tokens"},
    "wanted": {"tokens"},
    "allowance": {"tokens"},
    "balance": {"tokens"},
    "deadline": {"time"},
    "availableAt": {"time"},
    "from": {"time"},
    "middle": {"time"},
    "unbondingDelay": {"span"},
    "evidenceWindow": {"span"},
    "patience": {"span"},
    "recovery": {"span"},
    "fine": {"tokens"},
    "cap": {"tokens"},
    "slice": {"tokens"},
    "fee": {"tokens"},
    "learningRate": {"rate"},
    "cost": {"rho"},
    "budget": {"rho", "tokens"},
}


@pytest.mark.parametrize("name", OWN)
def test_refusal__amounts_and_times__have_their_unit(name: str) -> None:
    for _, field, unit, _ in string.Formatter().parse(SENTENCES[name]):
        assert not field or unit in UNITS.get(field, {unit}), field


def test_refusal__units__are_put_by_whoever_knows_the_token_and_the_time() -> None:
    values = {"hospitalId": 3, "available": 0, "wanted": 50 * 10**18}
    shown = refusal("StakeVaultInsufficient", values, "", lambda unit, number: f"{number // 10**18} {unit}")
    assert "has a free bond of 0 tokens and needs 50 tokens" in str(shown)
    assert shown.values == values
    alone = refusal("StakeVaultInsufficient", values, "")
    assert "needs 50,000,000,000,000,000,000 of the token's smallest unit" in str(alone)
    long = refusal("StudyRegistryPhaseTooLong", {"length": 90_000, "maximum": 2**63}, "")
    assert "A phase of 1 d 1 h is too long" in str(long)
    for unit, words in (("rate", "64/256"), ("rho", "6.4e-08 rho")):
        assert in_numbers(unit, 64) == words
    late = refusal("CourtTooLate", {"studyId": 1, "round": 2, "deadline": 2**64 - 1}, "")
    assert "s after the beginning of 1970" in str(late)


def test_sentences__are_only_for_errors_that_exist() -> None:
    assert SENTENCES.keys() - CONCLUDED <= ERRORS.keys()


def test_refusal__names_what_numbers_stand_for() -> None:
    phase = refusal("RoundManagerWrongPhase", {"studyId": 1, "round": 2, "phase": int(Phase.OPEN), "needed": 1}, "")
    assert "another phase (open)" in str(phase)
    state = refusal("StudyRegistryWrongState", {"studyId": 1, "state": int(StudyState.CANCELLED)}, "")
    assert "Study 1 is cancelled" in str(state)
    unknown = refusal("StudyRegistryWrongState", {"studyId": 1, "state": 250}, "")
    assert "Study 1 is 250" in str(unknown)


def test_refusal__of_another_contract__keeps_its_name_alone() -> None:
    assert str(refusal("SomebodysError", {"value": 1}, "Token.transfer")) == (
        "Token.transfer was refused: SomebodysError(value=1)"
    )
