# SPDX-License-Identifier: Apache-2.0
"""A node's memory: durable, of one process, and unforgiving about opened sets."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from node.errors import ChainMismatch, OpeningRefused, StateError
from node.state import NodeState, recent_steps, step_of
from node.types import Checkpoint, TransactionAttempt, TransactionRecord, TransactionStatus


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def test_steps__begun_and_done__keep_the_first_result(path: Path) -> None:
    with NodeState(path) as state:
        assert state.result("train") is None and state.step("train") is None
        state.begin("train", {"root": "1"})
        state.begin("train", {"root": "1"})
        assert state.result("train") is None
        state.done("train", {"digest": "aa"})
        state.done("train", {"digest": "bb"})
    with NodeState(path) as state:
        step = state.step("train")
        assert step is not None and step.attempts == 2 and step.detail == {"root": "1"}
        assert state.result("train") == {"digest": "aa"}


def test_steps__by_prefix__are_newest_first_and_taken_literally(path: Path) -> None:
    with NodeState(path) as state:
        for key in ("a_1", "ab1", "a_2"):
            state.begin(key)
        assert [step.key for step in state.steps("a_")] == ["a_2", "a_1"]


def test_steps__another_process_holds_the_file__can_be_read(path: Path) -> None:
    assert recent_steps(path) == ()
    with NodeState(path) as state:
        state.done("train", {})
        assert [step.key for step in recent_steps(path)] == ["train"]


ROOT = 7
#: Whose payloads a set has, by hospital number.
MEMBERS = {number: bytes([number]) * 32 for number in (3, 1, 2)}


def test_set__another_one_from_the_same_model__is_refused_for_ever(path: Path) -> None:
    with NodeState(path) as state:
        state.record_set(1, ROOT, 2, MEMBERS)
        state.record_set(1, ROOT, 2, dict(sorted(MEMBERS.items())))
        with pytest.raises(OpeningRefused, match="and no other"):
            state.record_set(1, ROOT, 2, {1: MEMBERS[1], 2: MEMBERS[2]})
    with NodeState(path) as state:
        with pytest.raises(OpeningRefused):
            state.record_set(1, ROOT, 2, {**MEMBERS, 4: bytes(32)})
        assert state.set_of_round(1, 2) == MEMBERS and state.set_of_round(1, 3) is None
        state.record_set(1, ROOT + 1, 3, {1: MEMBERS[1]})
        state.record_set(2, ROOT, 1, {1: MEMBERS[1]})


@pytest.mark.parametrize(
    ("number", "changed"), [(3, {}), (2, {2: bytes(32)})], ids=["another round", "another payload"]
)
def test_set__same_hospitals_in_another_round_or_with_another_payload__is_refused(
    path: Path, number: int, changed: dict[int, bytes]
) -> None:
    """A second payload under one pad would show the difference of both."""
    with NodeState(path) as state:
        state.record_set(1, ROOT, 2, MEMBERS)
        with pytest.raises(OpeningRefused):
            state.record_set(1, ROOT, number, {**MEMBERS, **changed})


def test_set__empty__is_refused(path: Path) -> None:
    with NodeState(path) as state, pytest.raises(OpeningRefused):
        state.record_set(1, ROOT, 1, {})


def test_set__killed_right_after__is_on_disk(path: Path) -> None:
    program = """
        import os, signal, sys
        from pathlib import Path
        from node.state import NodeState
        state = NodeState(Path(sys.argv[1]))
        state.record_set(1, 7, 2, {1: bytes(32), 2: bytes(32), 3: bytes(32)})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        timeout=30,
    )
    assert ran.returncode == -signal.SIGKILL
    with NodeState(path) as state, pytest.raises(OpeningRefused):
        state.record_set(1, ROOT, 2, {1: bytes(32), 2: bytes(32)})


def test_taught__many_records__are_found_by_any_of_them(path: Path) -> None:
    records = {number.to_bytes(32, "big") for number in range(1200)}
    with NodeState(path) as state:
        state.teach(1, records)
        state.teach(1, records)
        state.teach(2, {min(records)})
    with NodeState(path) as state:
        assert state.studies_taught(records, besides=3) == {1: 1200, 2: 1}
        assert state.studies_taught({max(records), bytes([255]) * 32}, besides=3) == {1: 1}
        state.unteach(1)
        assert state.studies_taught(records, besides=2) == {}


def test_checkpoints__replaced__are_newest_first(path: Path) -> None:
    with NodeState(path) as state:
        state.save_checkpoints("events", [Checkpoint(1, "0xa"), Checkpoint(2, "0xb")])
        state.save_checkpoints("events", [Checkpoint(2, "0xc"), Checkpoint(5, "0xd")])
        assert state.checkpoints("events") == (Checkpoint(5, "0xd"), Checkpoint(2, "0xc"))
        assert state.checkpoints("others") == ()


def record(key: str, nonce: int, status: TransactionStatus) -> TransactionRecord:
    attempt = TransactionAttempt(f"0x{key}", b"raw", 2**70, 2**65, True)
    return TransactionRecord("0xme", key, nonce, "Notebook", "write", "0xto", b"data", 21_000, status, None, (attempt,))


def test_transactions__open_ones__are_pending_or_no_longer_in_the_chain(path: Path) -> None:
    with NodeState(path) as state:
        for item in (
            record("old", 0, TransactionStatus.MINED),
            record("waiting", 1, TransactionStatus.PENDING),
            record("gone", 2, TransactionStatus.DISPLACED),
            record("rolled-back", 3, TransactionStatus.MINED),
            record("refused", 1, TransactionStatus.REFUSED),
            record("nonce is free", 4, TransactionStatus.REFUSED),
        ):
            state.save_transaction(item)
            assert state.transaction("0xme", item.intent_key) == item
        found = [item.intent_key for item in state.open_transactions("0xme", 2)]
        assert sorted(found[:2]) == ["refused", "waiting"] and found[2:] == ["rolled-back"]
        assert state.open_transactions("0xyou", 0) == ()


def test_transactions__refused_one_whose_nonce_another_took__is_forgotten_alone(path: Path) -> None:
    with NodeState(path) as state:
        state.save_transaction(record("waiting", 1, TransactionStatus.PENDING))
        state.save_transaction(record("refused", 1, TransactionStatus.REFUSED))
        state.save_transaction(record("elsewhere", 2, TransactionStatus.REFUSED))
        state.drop_refused("0xme", 1)
        assert state.transaction("0xme", "refused") is None
        assert state.transaction("0xme", "waiting") and state.transaction("0xme", "elsewhere")


def test_next_nonce__is_after_all_that_was_signed_or_adopted(path: Path) -> None:
    with NodeState(path) as state:
        assert state.next_nonce("0xme") == 0
        state.adopt_nonce("0xme", 5)
        state.adopt_nonce("0xme", 3)
        assert state.next_nonce("0xme") == 5 and state.next_nonce("0xyou") == 0
        state.save_transaction(record("refused", 9, TransactionStatus.REFUSED))
        assert state.next_nonce("0xme") == 5
        state.save_transaction(record("gone", 6, TransactionStatus.DISPLACED))
        assert state.next_nonce("0xme") == 7


def test_is_own__knows_signed_and_paid_for_transactions(path: Path) -> None:
    with NodeState(path) as state:
        state.save_transaction(record("waiting", 1, TransactionStatus.PENDING))
        state.add_fee("0xme", "0xpaid", 1)
        assert state.is_own("0xwaiting") and state.is_own("0xpaid") and not state.is_own("0xother")


def test_fees__counted_twice__count_once(path: Path) -> None:
    with NodeState(path) as state:
        state.add_fee("0xme", "0x1", 2**80)
        state.add_fee("0xme", "0x1", 2**80)
        state.add_fee("0xme", "0x2", 1)
        assert state.fees_paid("0xme") == 2**80 + 1


def test_bind__another_deployment__is_a_mismatch(path: Path) -> None:
    with NodeState(path) as state:
        state.bind("31337/aa/0x1")
        state.bind("31337/aa/0x1")
        with pytest.raises(ChainMismatch, match="another deployment"):
            state.bind("31337/aa/0x2")


def test_open__second_process_or_handle__is_told_to_wait(path: Path) -> None:
    with NodeState(path), pytest.raises(StateError, match="in use by another process"):
        NodeState(path)
    NodeState(path).close()


def test_open__beside_the_node_that_holds_it__shares_one_memory(path: Path) -> None:
    with NodeState(path) as node, NodeState(path, beside=True) as command:
        command.save_transaction(record("enrol", 0, TransactionStatus.PENDING))
        assert node.transaction("0xme", "enrol") == record("enrol", 0, TransactionStatus.PENDING)
        node.done("train", {"digest": "aa"})
        assert command.result("train") == {"digest": "aa"}
        step = step_of(path, "train")
        assert step is not None and step.result == {"digest": "aa"} and step_of(path, "sleep") is None
    with NodeState(path, beside=True), NodeState(path) as node:
        assert node.result("train") == {"digest": "aa"}


def test_sending__another_process_sends__is_waited_for(path: Path) -> None:
    with NodeState(path) as node, NodeState(path, beside=True) as command:
        waits: list[float] = []

        def pause(seconds: float) -> None:
            waits.append(seconds)
            raise InterruptedError

        with node.sending(time.sleep), pytest.raises(InterruptedError), command.sending(pause):
            pytest.fail("both send at once")
        assert len(waits) == 1
        with command.sending(pause):
            pass


def test_open__file__is_private(path: Path) -> None:
    with NodeState(path) as state:
        state.begin("a")
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_open__no_database__says_it_is_damaged(path: Path) -> None:
    path.write_bytes(b"not a database, however long it may be" * 100)
    with pytest.raises(StateError, match="damaged"):
        NodeState(path)


def test_open__somebody_elses_database__is_refused(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StateError, match="not a node's state file"):
        NodeState(path)


def test_open__other_version__is_refused(path: Path) -> None:
    NodeState(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(StateError, match="version 9"):
        NodeState(path)


def test_open__page_overwritten__says_it_is_damaged(path: Path) -> None:
    with NodeState(path) as state:
        for number in range(40):
            state.begin(f"step-{number}", {"filler": "x" * 1000})
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        NodeState(path)
