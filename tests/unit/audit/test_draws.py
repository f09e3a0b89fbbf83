# SPDX-License-Identifier: Apache-2.0
"""Draws of blocks, made again from the chain's hash and the hospitals' salts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from node.audit.basics import Verdict
from node.audit.contents import open_contents
from node.audit.draws import check_draws
from node.audit.studies import read_study
from node.audit.views import StudyView
from node.chain.blocks import BlockTree
from tests.support.local_suite import ROWS, Played
from tests.support.played_study import Stage

BLOCKS = [(7_000 + number, 2 + number) for number in range(5)]
SALTS = "The salts that were mixed are those that hospitals committed to"


@pytest.fixture
def sampled(stage: Stage) -> tuple[Played, StudyView]:
    """A study in which the first hospital trains on a block that was drawn."""
    study, tree = stage.publish(), BlockTree(BLOCKS)
    commitments = [keccak(stage.salt(place)) for place in range(3)]
    arguments = (study, tree.root, len(BLOCKS), bytes(32), commitments[0])
    stage.send(stage.operators[0], "BlockDraws", "enrolBlocks", *arguments)
    for place in (1, 2):
        arguments = (study, 1000 + place, ROWS[place], bytes(32), commitments[place])
        stage.send(stage.operators[place], "StudyRegistry", "enrol", *arguments)
    stage.hold_ceremony(study)
    index = stage.played().reader().drawn_block(study, 1)
    assert index is not None
    stage.send(stage.operators[0], "BlockDraws", "useBlock", study, *BLOCKS[index], tree.path(index))
    played = stage.played()
    return played, read_study(played.reader(), open_contents([played.store], []), study)


def failed(played: Played, view: StudyView) -> list[str]:
    return [check.statement for check in check_draws(played.reader(), view) if check.verdict is not Verdict.PASSED]


def told(view: StudyView, **changes: Any) -> StudyView:
    """The view with its first hospital told otherwise."""
    one, *others = view.hospitals
    return replace(view, hospitals=(replace(one, **changes), *others))


def test_draw__of_a_block__is_that_of_hash_and_salts(sampled: tuple[Played, StudyView]) -> None:
    played, view = sampled
    block = view.hospitals[0].block
    assert 1 <= block <= len(BLOCKS) and view.hospitals[0].rows == BLOCKS[block - 1][1]
    assert view.hospitals[0].sampled == f"block {block} of {len(BLOCKS)}"
    assert [check.subject for check in check_draws(played.reader(), view)] == ["Sampling"] * 2
    assert failed(played, view) == []


def test_draw__of_another_block_hash_or_salt__fails(sampled: tuple[Played, StudyView]) -> None:
    played, view = sampled
    name = f"{view.hospitals[0].name} trains on the block of its rows that was drawn"
    assert failed(played, told(view, block=view.hospitals[0].block % len(BLOCKS) + 1)) == [name]
    kept = replace(view.hospitals[0].draw, block_hash=bytes([1] * 32))
    assert failed(played, told(view, draw=kept)) == [name]
    assert failed(played, told(view, salt_commitment=bytes(32))) == [SALTS]
    assert SALTS in failed(played, replace(view, salt_mix=bytes([1] * 32)))


def test_draws__where_nobody_is_sampled__are_none(played_study: Played) -> None:
    view = read_study(played_study.reader(), open_contents([], []), 1)
    assert list(check_draws(played_study.reader(), view)) == []
