# SPDX-License-Identifier: Apache-2.0
"""Real nodes through more than one key ceremony: a batch that is used up, one who leaves, one who joins.

In the first study everybody is healthy, and one enrols in a second study meanwhile, which nobody else joins. In the
second study the hospital that joins is out of ether for a while.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.network import Ended
from tests.support.small_study import REWARD, SERVICE_BUDGET, records, study_plan, write_table

#: A log's line after its date and time.
_LINE = re.compile(r"^[-0-9]+ [:,0-9]+ (INFO|WARNING|ERROR) (.*)$", re.MULTILINE)
#: Seconds in which a node looks at its studies several times.
A_FEW_LOOKS = 7


@dataclass(frozen=True)
class Second:
    """A study that one hospital alone enrolled in, with a table of its own, while its node ran in another study."""

    study: int
    table: Path
    enrolled: Ended
    status: Ended


@dataclass(frozen=True)
class Story:
    """A study after its end; its hospitals by enrolment index."""

    consortium: Consortium
    study: int
    members: list[Member]
    money: Mapping[str, int]
    second: Second | None = None

    def ceremonies(self, rounds: int) -> list[tuple[int, int]]:
        """Number and participants of the ceremony behind each round."""
        batches = (self.consortium.reader.batch_of(self.study, number) for number in range(1, rounds + 1))
        return [(batch.ceremony, batch.participants) for batch in batches]

    def finalised(self, rounds: int) -> bool:
        """Whether every round was."""
        reader = self.consortium.reader
        assert reader.study_state(self.study) is StudyState.COMPLETED
        closed = (reader.round_state(self.study, number).closed_as for number in range(1, rounds + 1))
        return all(phase is Phase.FINALISED for phase in closed)


@pytest.fixture(scope="module")
def used_up(consortium: Consortium) -> Story:
    """Three rounds with keys for two at a time; the first hospital enrols in the study after this one meanwhile."""
    members = consortium.members[:3]
    study = consortium.open_study(members, rounds=3, batch_rounds=2)
    consortium.follow_only(members[0], study, study + 1)
    for member in members:
        consortium.start(member)
    consortium.wait_for_event("UpdateSubmitted", study, round=1)
    second = enrol_beside(consortium, members[0])
    assert second.study == study + 1
    consortium.wait_for_end(study, members, without=members[:1])
    return Story(consortium, study, members, consortium.settle(study, members), second)


def enrol_beside(consortium: Consortium, member: Member) -> Second:
    """Publish a study with little time to enrol, and enrol in it beside a running node."""
    table = consortium.folder / "second.csv"
    write_table(table, records(21, 4))
    study = consortium.publish(study_plan("A second study", 3, enrol=20))
    assert member.process is not None and member.process.is_alive()
    enrolled = consortium.enrol(member, study, "--data", table, "--json")
    # What was committed to is kept: the file is not needed any more.
    table.unlink()
    return Second(study, table, enrolled, consortium.command(member.home, "node", "status", "--json"))


@pytest.fixture(scope="module")
def changed(consortium: Consortium) -> Story:
    """Two rounds; in the first one hospital leaves, and another joins in its place."""
    members = consortium.members[:4]
    leaver = members[3]
    newcomer = consortium.found("Newcomer", records(5, 6))
    study = consortium.open_study(members, rounds=2, joining="approved")
    for member in members:
        consortium.start(member)
    consortium.wait_for_event("UpdateSubmitted", study, round=1)
    for member in members[:3]:
        approved = consortium.command(member.home, "study", "approve", study, newcomer.number)
        assert approved.code == 0, approved.err
    left = consortium.command(leaver.home, "study", "leave", study, "--json")
    assert left.code == 0 and int(left.value["last_round"]) == 1, left.err + left.out
    joined = consortium.enrol(newcomer, study)
    assert joined.code == 0, joined.err
    consortium.follow_only(newcomer, study)
    consortium.start(newcomer)
    consortium.wait("the newcomer's node", lambda: "following the chain" in newcomer.log)
    consortium.anvil.give_ether(newcomer.operator, 0)
    consortium.wait("the newcomer's want of ether", lambda: "holds 0 wei" in newcomer.log)
    time.sleep(A_FEW_LOOKS)
    consortium.anvil.give_ether(newcomer.operator)
    consortium.wait_for_end(study, [*members, newcomer], without=[leaver])
    everybody = [*members, newcomer]
    return Story(consortium, study, everybody, consortium.settle(study, everybody))


def test_batch__used_up__a_second_ceremony_makes_the_keys_of_the_last_round(used_up: Story) -> None:
    assert used_up.finalised(3)
    assert used_up.ceremonies(3) == [(1, 0b111), (1, 0b111), (2, 0b111)]


def test_batch__used_up__money_adds_up_and_no_secret_is_left(used_up: Story) -> None:
    money = used_up.money
    assert money["claimed"] == 3 * REWARD and money["funded"] == 3 * REWARD + SERVICE_BUDGET
    assert money["left_the_pool"] == money["funded"] - money["services"]
    for member in used_up.members:
        assert [name for name in member.secret_names if name.startswith(f"study-{used_up.study}/")] == []


def test_enrol__beside_a_running_node__is_in_with_a_table_of_its_own_and_the_study_goes_on(used_up: Story) -> None:
    second, member = used_up.second, used_up.members[0]
    assert second is not None
    enrolled = second.enrolled.value
    assert enrolled["rows"] == 4 and enrolled["data"] == str(second.table)
    assert used_up.consortium.reader.enrolled_ids(second.study) == (member.number,)
    told = second.status.value["data"]
    assert told[str(second.study)] == str(second.table) and told[str(used_up.study)] == str(member.table)
    submitted = used_up.consortium.events("UpdateSubmitted", used_up.study)
    assert {event.arguments["hospitalId"] for event in submitted if event.arguments["rows"] == 8} == {member.number}


def test_cancelled_study__is_told_with_its_reason_and_the_node_ends_with_a_code_of_its_own(used_up: Story) -> None:
    """The code is looked at where the study's end is waited for."""
    second, member = used_up.second, used_up.members[0]
    assert second is not None
    told = "cancelled: too few hospitals enrolled, 1 of at least 3; 0 of 1 rounds finalised"
    said = member.log[member.log_start :]
    assert f"WARNING study {second.study}: {told}" in said
    assert f"Not every study was completed: study {second.study} {told}." in said
    assert f"INFO study {used_up.study}: completed; 3 of 3 rounds finalised" in said
    assert used_up.consortium.reader.study_state(second.study) is StudyState.CANCELLED
    assert [name for name in member.secret_names if name.startswith(f"study-{second.study}/")] == []


def test_healthy_study__logs_no_error_and_no_warning_twice(used_up: Story) -> None:
    for member in used_up.members:
        said = _LINE.findall(member.log[member.log_start :])
        assert len(said) > 10 and [line for level, line in said if level == "ERROR"] == []
        warned = Counter(line for level, line in said if level == "WARNING")
        assert [line for line, times in warned.items() if times > 1] == []


def test_node_without_ether__at_look_after_look__says_so_once(changed: Story) -> None:
    newcomer = changed.members[4]
    errors = [line for level, line in _LINE.findall(newcomer.log) if level == "ERROR"]
    assert len(errors) == 1 and "holds 0 wei" in errors[0] and "send it some" in errors[0]


def test_leaving_and_joining__the_next_round_is_by_who_is_there_then(changed: Story) -> None:
    assert changed.finalised(2)
    assert changed.ceremonies(2) == [(1, 0b01111), (2, 0b10111)]
    reader = changed.consortium.reader
    included = [reader.round_state(changed.study, number).included_bitmap for number in (1, 2)]
    assert included == [0b01111, 0b10111]


def test_leaving_and_joining__money_adds_up_and_who_left_says_so_and_keeps_no_secret(changed: Story) -> None:
    assert changed.money["claimed"] == 2 * REWARD
    assert changed.money["left_the_pool"] == changed.money["funded"] - changed.money["services"]
    leaver = changed.members[3]
    assert "over for this hospital: this hospital has left" in leaver.log[leaver.log_start :]
    for member in changed.members:
        assert [name for name in member.secret_names if name.startswith(f"study-{changed.study}/")] == []
