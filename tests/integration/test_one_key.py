# SPDX-License-Identifier: Apache-2.0
"""Real nodes of one hospital: a copy stops before it sends anything, and any stops when it is told to."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

from node.errors import KeyInUse
from tests.support.consortium import Consortium, Member
from tests.support.small_study import records


def sent(consortium: Consortium, member: Member, block: str = "latest") -> int:
    return int(consortium.anvil.request("eth_getTransactionCount", member.operator, block), 16)


def test_copied_node__beside_the_original__stops_before_it_sends_anything(consortium: Consortium) -> None:
    original = consortium.found("Two replicas", records(7, 6), admit=False, bond=0)
    copied = replace(original, home=original.home.with_name("copied"))
    shutil.copytree(original.home, copied.home)
    consortium.anvil.mine_every(1)
    consortium.start(original)
    consortium.wait("the announcement", lambda: bool(consortium.reader.hospital(original.number).endpoint))
    before = sent(consortium, original)

    consortium.start(copied)
    assert copied.process is not None
    copied.process.join(timeout=60)
    assert copied.process.exitcode == KeyInUse.exit_code
    assert "Another node uses this key" in copied.log and "switch the other one off" in copied.log
    assert sent(consortium, original) == before
    assert original.process is not None and original.process.is_alive()
    original.stop()


def test_sigterm__node_whose_announcement_is_not_mined__ends_at_once(consortium: Consortium) -> None:
    original = next(member for member in consortium.members if member.home.with_name("copied").exists())
    consortium.anvil.request("evm_setIntervalMining", 0)
    consortium.anvil.request("evm_setAutomine", False)
    consortium.start(original)
    consortium.wait(
        "a pending announcement", lambda: sent(consortium, original, "pending") > sent(consortium, original)
    )
    assert original.process is not None
    told = time.monotonic()
    original.process.terminate()
    original.process.join(timeout=30)
    assert original.process.exitcode == 0 and time.monotonic() - told < 6
    assert original.log.rstrip().endswith("stopped")
