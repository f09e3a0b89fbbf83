# SPDX-License-Identifier: Apache-2.0
"""A real study in which one operator signs twice and another is paid to an address that nobody knew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.audit.basics import Verdict
from node.audit.checks import check_study
from node.audit.contents import open_contents
from node.audit.studies import read_study
from node.chain.evidence import opening_share
from node.chain.wallet import Wallet
from node.steps.evidence import to_file
from node.types import SignedShare, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.network import PASSPHRASE
from tests.support.small_study import BOND, UNIT, study_plan

PAYOUT = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
BOUNTY_BPS = 500
#: Seconds after a round closed in which a lie in it can be shown.
EVIDENCE_WINDOW = 7 * 86_400


@dataclass(frozen=True)
class Story:
    """A finished study of three hospitals; the second of them is found to have signed two shares of round 1."""

    consortium: Consortium
    members: list[Member]
    study: int
    evidence: Path


def sign_twice(consortium: Consortium, member: Member, study: int, folder: Path) -> Path:
    """Evidence against a member, made with its own key."""
    included = consortium.reader.round_state(study, 1).included_bitmap
    wallet = Wallet.load(member.home / "operator.json", PASSPHRASE)
    shares = []
    for digest in (bytes([1] * 32), bytes([2] * 32)):
        message = opening_share(consortium.reader.deployment, study, 1, included, digest)
        shares.append(SignedShare(study, 1, member.number, included, digest, wallet.sign_typed(message)))
    return to_file((shares[0], shares[1]), folder)


@pytest.fixture(scope="module")
def story(consortium: Consortium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    members = consortium.members[:3]
    study = consortium.publish(study_plan("Signed twice", len(members)))
    for member, options in zip(members, ((), (), ("--payout", PAYOUT)), strict=True):
        ended = consortium.enrol(member, study, *options)
        assert ended.code == 0, ended.err
        consortium.follow_only(member, study)
    consortium.anvil.mine_every(1)
    for member in members:
        consortium.start(member)
    consortium.wait_for_end(study, members)
    consortium.anvil.request("evm_setAutomine", True)
    yield Story(consortium, members, study, sign_twice(consortium, members[1], study, tmp_path_factory.mktemp("files")))


def test_payout__nobody_but_the_owner_claims_to_the_owner(story: Story) -> None:
    payer, stranger = story.members[2], story.members[0]
    ended = story.consortium.command(stranger.home, "claim", story.study, "--hospital", payer.number)
    assert ended.code == 4 and "committed to another address" in ended.err


def test_payout__to_another_address_than_committed__is_refused_before_anything_is_sent(story: Story) -> None:
    ended = story.consortium.command(story.members[2].home, "claim", story.study, "--payout", "0x" + "11" * 20)
    assert ended.code == 2 and PAYOUT in ended.err


def test_payout__claimed__is_paid_to_the_address_and_its_salt_is_in_no_log(story: Story) -> None:
    consortium, member = story.consortium, story.members[2]
    assert consortium.reader.token_balance(PAYOUT) == 0
    paid = consortium.command(member.home, "claim", story.study, "--payout", PAYOUT, "--json").value
    assert paid["paid_to"] == PAYOUT and consortium.reader.token_balance(PAYOUT) == int(paid["paid"]) > 0
    call = consortium.anvil.request("eth_getTransactionByHash", paid["transactions"][0]["hash"])["input"]
    salt = call[2 + 8 + 4 * 64 : 2 + 8 + 5 * 64]
    assert len(salt) == 64 and salt not in member.log


def test_evidence__reported__cuts_the_bond_for_the_others_and_pays_the_reporter(story: Story) -> None:
    consortium, (first, guilty, third) = story.consortium, story.members
    assert consortium.reader.study_state(story.study) is StudyState.COMPLETED
    before = {member.number: consortium.reader.available_bond(member.number) for member in story.members}
    reported = consortium.council("slashed", "report", story.evidence, "--json").value
    cut, bounty = int(reported["cut"]), int(reported["bounty"])
    assert 0 < cut <= BOND * UNIT and bounty == cut * BOUNTY_BPS // 10_000
    again = consortium.command(first.home, "slashed", "report", story.evidence)
    assert again.code == 4 and "counts once" in again.err

    (pot,) = consortium.command(first.home, "slashed", "list", story.study, "--json").value
    assert pot["offence"] == "equivocation" and pot["hospitals"] == [first.number, third.number]
    assert "two different CKKS shares" in consortium.command(first.home, "slashed", "list", story.study).out
    early = consortium.command(first.home, "slashed", "claim", story.study)
    assert early.code == 2 and "Later can be taken" in early.err
    consortium.anvil.pass_time(EVIDENCE_WINDOW)
    consortium.anvil.request("evm_mine")
    shares = [consortium.command(m.home, "slashed", "claim", story.study, "--json").value for m in (first, third)]
    assert sum(int(share["amount"]) for share in shares) == cut - bounty
    for member, share in zip((first, third), shares, strict=True):
        gained = consortium.reader.available_bond(member.number) - before[member.number]
        assert gained == int(share["amount"])
    assert consortium.command(guilty.home, "slashed", "claim", story.study).code == 2
    assert int(consortium.council("slashed", "claim", story.study, "--json").value["bounty"]) == bounty


def test_audit__after_the_cut__holds(story: Story) -> None:
    reader = story.consortium.reader
    contents = open_contents([member.home / "store" for member in story.members], [])
    checks = check_study(reader, contents, read_study(reader, contents, story.study))
    assert [check for check in checks if check.verdict is not Verdict.PASSED] == []


def test_evidence__of_nobody__is_said_to_be_none(story: Story) -> None:
    ended = story.consortium.command(story.members[0].home, "slashed", "evidence", story.study, 1)
    assert ended.code == 0 and "Nobody signed twice" in ended.out
