# SPDX-License-Identifier: Apache-2.0
"""Two different CKKS shares that one operator signed for one round and set are kept and reported; nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from node.chain.evidence import opening_share
from node.errors import ContractReverted, DataError
from node.state import seen_shares
from node.steps.evidence import doubles, from_document, to_file, watch_shares
from node.types import SignedShare
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.steps import NUMBERS, Party

OTHER = NUMBERS[1]


@pytest.fixture
def operator(chain: FakeChain) -> Any:
    """The second hospital's key."""
    account = Account.from_key(bytes([5] * 32))
    chain.operators[account.address] = OTHER
    return account


def signed(chain: FakeChain, account: Any, digest: int, **changes: Any) -> SignedShare:
    """A share with its signature."""
    share = SignedShare(STUDY, 1, OTHER, 0b111, bytes([digest] * 32), b"")
    share = replace(share, **changes)
    message = opening_share(chain.deployment, share.study_id, share.round, share.included_bitmap, share.digest)
    signature = account.sign_message(encode_typed_data(full_message=dict(message))).signature
    return replace(share, signature=bytes(signature))


def reported(hospital: Party) -> list[Any]:
    return hospital.ledger.named("report_equivocation")


@pytest.fixture
def first_to_act(hospital: Party, monkeypatch: pytest.MonkeyPatch) -> Party:
    """A hospital whose turn it is at once."""
    monkeypatch.setattr("node.steps.context.TURN_SECONDS", 0.0)
    monkeypatch.setattr(type(hospital.context), "is_my_turn", lambda *_: True)
    return hospital


def test_watch__another_share_after_a_reorganisation__keeps_both_and_reports_once(
    chain: FakeChain, first_to_act: Party, operator: Any
) -> None:
    before, after = signed(chain, operator, 1), signed(chain, operator, 2)
    chain.books.signed = [before]
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []
    chain.books.signed = [after]
    watch_shares(first_to_act.context, 1)
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == [[before, after]]
    assert set(first_to_act.hospital.state.shares(STUDY, 1)) == {before, after}


@pytest.mark.parametrize("changes", [{"included_bitmap": 0b11}, {"round": 2}])
def test_watch__shares_for_different_rounds_or_sets__are_no_evidence(
    chain: FakeChain, first_to_act: Party, operator: Any, changes: dict[str, int]
) -> None:
    chain.books.signed = [signed(chain, operator, 1), signed(chain, operator, 2, **changes)]
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []


def test_watch__second_share_that_the_operator_did_not_sign__is_not_reported(
    chain: FakeChain, first_to_act: Party, operator: Any
) -> None:
    stranger = Account.from_key(bytes([6] * 32))
    chain.books.signed = [signed(chain, operator, 1), signed(chain, stranger, 2)]
    watch_shares(first_to_act.context, 1)
    chain.books.signed = [replace(signed(chain, operator, 3), signature=bytes(65))]
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []


def test_watch__own_shares__are_never_reported(chain: FakeChain, first_to_act: Party, operator: Any) -> None:
    chain.operators[operator.address] = first_to_act.number
    changes = {"hospital_id": first_to_act.number}
    chain.books.signed = [signed(chain, operator, 1, **changes), signed(chain, operator, 2, **changes)]
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []


def test_watch__reported_by_another__is_not_reported_again(
    chain: FakeChain, first_to_act: Party, operator: Any
) -> None:
    chain.punished_bitmap = 1 << chain.enrolled.index(OTHER)
    chain.books.signed = [signed(chain, operator, 1), signed(chain, operator, 2)]
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []


def test_watch__refused_report__is_told_in_words_and_not_tried_again(
    chain: FakeChain, first_to_act: Party, operator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    chain.books.signed = [signed(chain, operator, 1), signed(chain, operator, 2)]
    first_to_act.ledger.failure = ContractReverted("CourtTooLate", {"studyId": STUDY})
    watch_shares(first_to_act.context, 1)
    watch_shares(first_to_act.context, 1)
    assert reported(first_to_act) == []
    assert f"hospital {OTHER} signed two different opening shares" in caplog.text
    assert "cannot be reported" in caplog.text


def test_evidence_file__there_and_back__is_the_same_and_is_read_beside_a_running_node(
    chain: FakeChain, first_to_act: Party, operator: Any, tmp_path: Path
) -> None:
    chain.books.signed = [signed(chain, operator, 1), signed(chain, operator, 2)]
    watch_shares(first_to_act.context, 1)
    (state,) = tmp_path.glob(f"*{first_to_act.number}/state.sqlite")
    (pair,) = doubles(seen_shares(state, STUDY, 1))
    assert pair == tuple(chain.books.signed)
    assert from_document(to_file(pair, tmp_path / "evidence").read_bytes()) == pair


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"consilium": "equivocation/2"}', pytest.param(b"[" * 100_000, id="too deep")],
)
def test_evidence_file__of_something_else__is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no evidence"):
        from_document(content)
