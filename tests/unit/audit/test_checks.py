# SPDX-License-Identifier: Apache-2.0
"""Checks that hold for a good study, and each of them against what it is there for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from node.audit.basics import Check, Verdict
from node.audit.checks import check_study
from node.audit.contents import ContentReader, open_contents
from node.audit.studies import read_study
from node.audit.views import StudyView
from node.chain.client import ChainReader
from node.storage.cid import cid_of
from node.types import StudyState
from tests.support.local_suite import Played
from tests.support.played_study import Stage

#: Of the played study.
CHECKS = 63


@pytest.fixture
def contents(played_study: Played) -> ContentReader:
    return open_contents([played_study.store], [])


@pytest.fixture
def view(played_study: Played, contents: ContentReader) -> StudyView:
    return read_study(played_study.reader(), contents, 1)


def bad(checks: tuple[Check, ...]) -> list[tuple[str, str, Verdict]]:
    """Subjects and statements that do not hold."""
    return [(check.subject, check.statement, check.verdict) for check in checks if check.verdict is not Verdict.PASSED]


def with_round(view: StudyView, place: int, **changes: Any) -> StudyView:
    """The view with one round told otherwise."""
    rounds = list(view.rounds)
    rounds[place] = replace(rounds[place], **changes)
    return replace(view, rounds=tuple(rounds))


def damage(store: Path, digest: bytes, size: int) -> None:
    """Changes a stored block's bytes."""
    cid = cid_of(digest, size)
    path = store / "public" / cid[-2:] / cid
    path.write_bytes(b"x" + path.read_bytes()[1:])


@contextmanager
def undone(played: Played) -> Iterator[None]:
    """Takes back whatever is done to the chain inside."""
    snapshot = played.anvil.request("evm_snapshot")
    try:
        yield
    finally:
        played.anvil.request("evm_revert", snapshot)


def test_checks__of_a_good_study__all_hold(played_study: Played, contents: ContentReader, view: StudyView) -> None:
    checks = check_study(played_study.reader(), contents, view)
    assert bad(checks) == []
    subjects = dict.fromkeys(check.subject for check in checks)
    ceremonies, rounds = ("Key ceremony 1", "Key ceremony 2"), ("Round 1", "Round 2", "Round 3", "All rounds")
    assert list(subjects) == ["Plan", *ceremonies, *rounds, "Money"]
    assert len(checks) == CHECKS


def test_checks__of_a_study_that_has_just_begun__hold_or_wait(stage: Stage) -> None:
    study = stage.publish()
    reader, contents = stage.played().reader(), open_contents([stage.store_folder], [])
    view = read_study(reader, contents, study)
    assert view.state is StudyState.ENROLLING
    assert {verdict for *_, verdict in bad(check_study(reader, contents, view))} == {Verdict.PENDING}


def test_checks__without_any_store__say_that_files_are_not_reachable(played_study: Played, tmp_path: Path) -> None:
    reader, contents = played_study.reader(), open_contents([tmp_path / "nothing"], [])
    found = bad(check_study(reader, contents, read_study(reader, contents, 1)))
    assert {verdict for *_, verdict in found} == {Verdict.UNREACHABLE}
    assert [subject for subject, *_ in found].count("Round 1") == 3


def test_checks__with_damaged_files__fail_where_they_belong(played_study: Played, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(played_study.store, store)
    reader, contents = played_study.reader(), open_contents([store], [])
    view = read_study(reader, contents, 1)
    files = (
        view.ceremonies[1].dealings[0].file,
        view.rounds[0].submissions[0].file,
        view.rounds[2].pad_shares[1].file,
        view.rounds[2].model_files[0],
    )
    for file in files:
        damage(store, file.digest, file.size)
    again = read_study(reader, contents, 1)
    assert bad(check_study(reader, contents, again)) == [
        ("Key ceremony 2", "The dealings that count match what was posted", Verdict.FAILED),
        ("Round 1", "The included payloads match what was posted", Verdict.FAILED),
        ("Round 3", "The opening shares match what was posted", Verdict.FAILED),
        ("Round 3", "The model's weights hash to the root on chain", Verdict.FAILED),
    ]


def test_checks__with_one_damaged_and_one_good_store__hold(played_study: Played, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(played_study.store, store)
    reader = played_study.reader()
    both = open_contents([store, played_study.store], [])
    view = read_study(reader, both, 1)
    damage(store, view.rounds[0].submissions[0].file.digest, view.rounds[0].submissions[0].file.size)
    assert bad(check_study(reader, both, view)) == []


def test_checks__with_proofs_that_the_verifier_refuses__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    with undone(played_study):
        refuse = keccak(text="setAccepts(bool)")[:4] + bytes(32)
        call = {"from": view.sponsor, "to": view.plan.training.verifier, "data": "0x" + refuse.hex()}
        played_study.anvil.request("eth_sendTransaction", call)
        played_study.anvil.mine()
        found = bad(check_study(played_study.reader(), contents, view))
    assert [subject for subject, *_ in found] == ["Round 1", "Round 1", "Round 2", "Round 3", "Round 3"]
    assert {verdict for *_, verdict in found} == {Verdict.FAILED}


def test_checks__where_transactions_are_not_kept__say_that_proofs_and_dealings_calls_are_not_reachable(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    class Pruned(ChainReader):
        def request(self, method: str, *parameters: Any, **parse: Any) -> Any:
            return None if method == "eth_getTransactionByHash" else super().request(method, *parameters, **parse)

    reader = played_study.reader()
    found = bad(check_study(Pruned([played_study.anvil.url], reader.deployment), contents, view))
    assert {verdict for *_, verdict in found} == {Verdict.UNREACHABLE}
    assert all("proof" in statement or "Every dealing" in statement for _, statement, _ in found)


def test_checks__of_a_round_from_another_model__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    lied = with_round(view, 2, root_before=view.plan.terms.initial_root)
    found = bad(check_study(played_study.reader(), contents, lied))
    assert ("Round 3", "It starts from the newest model", Verdict.FAILED) in found


def test_checks__of_an_included_set_that_the_attestations_do_not_give__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    item = view.rounds[0]
    fewer = tuple(replace(entry, confirmed=(1, 2)) for entry in item.attestations)
    found = bad(check_study(played_study.reader(), contents, with_round(view, 0, attestations=fewer)))
    assert found == [
        ("Round 1", "Included are exactly the updates with at least 2 attestations", Verdict.FAILED),
    ]


def test_checks__of_two_sets_from_one_model__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    lied = with_round(view, 2, root_before=view.rounds[0].root_before)
    found = bad(check_study(played_study.reader(), contents, lied))
    statement = "No starting model has two sets: no two sums differ by one hospital's update"
    assert ("All rounds", statement, Verdict.FAILED) in found


def test_checks__of_a_set_that_another_was_bound_for__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    found = bad(check_study(played_study.reader(), contents, with_round(view, 2, bound=(1, 2))))
    statement = "The set is the one that the study bound to the starting model"
    assert found == [("Round 3", statement, Verdict.FAILED)]


def test_checks__of_a_model_that_came_back_and_did_not_end_the_study__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    lied = with_round(view, 0, root_after=view.rounds[0].root_before)
    found = bad(check_study(played_study.reader(), contents, lied))
    assert ("All rounds", "Had a round's model come back, the study would have ended", Verdict.FAILED) in found


@pytest.mark.parametrize("changes", [{"sum_rows": 20}, {"sum_commitment": (0, 1)}, {"sum_digest": bytes(32)}])
def test_checks__of_sums_that_do_not_add_up__fail(
    played_study: Played, contents: ContentReader, view: StudyView, changes: dict[str, Any]
) -> None:
    found = bad(check_study(played_study.reader(), contents, with_round(view, 0, **changes)))
    statement = "Commitments and rows of the included updates add up to the sums on chain"
    assert ("Round 1", statement, Verdict.FAILED) in found


def test_checks__of_numbers_that_differ_from_the_document__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    terms = replace(view.plan.terms, epochs=1, initial_root=5)
    lied = replace(view, plan=replace(view.plan, terms=terms))
    found = bad(check_study(played_study.reader(), contents, lied))
    assert ("Plan", "Document and chain hold the same numbers", Verdict.FAILED) in found
    assert ("Plan", "The starting model hashes to the root on chain", Verdict.FAILED) in found


def test_checks__of_a_circuit_with_another_key__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    training = replace(view.plan.training, verifying_key_digest=bytes(32))
    lied = replace(view, plan=replace(view.plan, training=training))
    assert bad(check_study(played_study.reader(), contents, lied)) == [
        ("Plan", "Circuit training_8x4 is the one in the deployment record", Verdict.FAILED),
    ]


@pytest.mark.parametrize(
    ("changes", "statement"),
    [
        ({"pool_record": 1}, "What was paid in is in the pool's own record"),
        (
            {"refundable": 1},
            "Paid in = rewards paid + rewards not yet taken + services + given back + refund not yet taken",
        ),
        ({"pool_balance": 1}, "The pool's tokens cover what is left of this study"),
        ({"held": 1}, "Bonds locked = given back + cut for lies + fined + charged + still held"),
        ({"vault_balance": 1}, "The vault's tokens cover bonds still held, parts not yet taken, and fines not spent"),
        ({"fines_left": 0}, "Fines = spent for services + left"),
        ({"services": ()}, "Services earned what the plan says, each once, out of the plan's budget and then of fines"),
    ],
)
def test_checks__of_money_that_does_not_add_up__fail(
    played_study: Played, contents: ContentReader, view: StudyView, changes: dict[str, int], statement: str
) -> None:
    lied = replace(view, money=replace(view.money, **changes))
    assert bad(check_study(played_study.reader(), contents, lied)) == [("Money", statement, Verdict.FAILED)]


def test_checks__of_rewards_that_are_one_unit_short__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    first, *rest = view.money.rewards
    lied = replace(view, money=replace(view.money, rewards=(replace(first, earned=first.earned - 1), *rest)))
    statements = [statement for _, statement, _ in bad(check_study(played_study.reader(), contents, lied))]
    assert "Each finalised round's rewards add up to the plan's amount exactly, and no other earns any" in statements


def test_checks__of_fines_above_the_plans__fail(played_study: Played, contents: ContentReader, view: StudyView) -> None:
    (fine,) = view.money.fines
    statement = "No absence cost more than the plan's fine, no hospital more than its cap in a batch"
    for fines in ((replace(fine, amount=2 * fine.amount),), (fine,) * 4):
        lied = replace(view, money=replace(view.money, fines=fines))
        assert ("Money", statement, Verdict.FAILED) in bad(check_study(played_study.reader(), contents, lied))


def test_checks__of_a_service_that_was_paid_twice__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    money = view.money
    twice = replace(money, services=(*money.services, *money.services), service_spent=2 * money.service_spent)
    statement = "Services earned what the plan says, each once, out of the plan's budget and then of fines"
    found = bad(check_study(played_study.reader(), contents, replace(view, money=twice)))
    assert ("Money", statement, Verdict.FAILED) in found


def test_model__of_which_somebody_posted_a_wrong_file__is_the_one_that_fits(
    played_study: Played, contents: ContentReader
) -> None:
    reader = played_study.reader()
    plan = read_study(reader, contents, 1).plan.file
    with undone(played_study):
        post = reader.interfaces.encode_call("RoundManager", "postModel", [1, 3, plan.digest, plan.size])
        stranger = played_study.anvil.request("eth_accounts")[9]
        target = reader.deployment.contracts["RoundManager"]
        call = {"from": stranger, "to": target, "data": "0x" + post.hex()}
        played_study.anvil.request("eth_sendTransaction", call)
        played_study.anvil.mine()
        view = read_study(played_study.reader(), contents, 1)
        assert len(view.rounds[2].model_files) == 2
        assert view.model.weights == (12_500, -71_000, 22_000, 90_000, -6_500)
        assert bad(check_study(played_study.reader(), contents, view)) == []
