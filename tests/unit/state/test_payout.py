# SPDX-License-Identifier: Apache-2.0
"""A payout's salt is random, kept until the claim, and shown nowhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from node.errors import UsageError
from node.payout import Payout, Payouts

ADDRESS = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
OTHER = "0x" + "11" * 20


@pytest.fixture
def payouts(tmp_path: Path) -> Payouts:
    return Payouts(tmp_path, "a passphrase of tests")


def test_commitment__is_the_hash_of_twenty_and_thirty_two_bytes() -> None:
    salt = bytes(range(32))
    assert Payout(ADDRESS, salt).commitment == hashlib.sha256(bytes.fromhex(ADDRESS[2:]) + salt).digest()


def test_keep__again__is_the_same_payout_and_another_study_has_another_salt(payouts: Payouts, tmp_path: Path) -> None:
    first = payouts.keep(1, ADDRESS)
    assert payouts.keep(1, ADDRESS) == first == Payouts(tmp_path, "a passphrase of tests").of(1, ADDRESS)
    assert payouts.keep(2, ADDRESS).salt != first.salt and len(first.salt) == 32


def test_keep__another_address__is_refused_until_the_first_is_forgotten(payouts: Payouts) -> None:
    first = payouts.keep(1, ADDRESS)
    with pytest.raises(UsageError, match=ADDRESS):
        payouts.keep(1, OTHER)
    payouts.forget(1)
    assert payouts.keep(1, OTHER).salt != first.salt


def test_of__no_payout__says_what_makes_one(payouts: Payouts) -> None:
    with pytest.raises(UsageError, match="enrol --payout"):
        payouts.of(1, ADDRESS)


def test_salt__is_in_no_repr_and_not_readable_on_disk(payouts: Payouts, tmp_path: Path) -> None:
    kept = payouts.keep(1, ADDRESS)
    assert repr(kept.salt) not in repr(kept) and kept.salt.hex() not in repr(kept)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert kept.salt not in content and kept.salt.hex().encode() not in content and ADDRESS.encode() not in content
