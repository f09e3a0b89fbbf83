# SPDX-License-Identifier: Apache-2.0
"""A study of a proved head on images by real nodes, two of which have more images than the circuit takes.

Synthetic images and an extractor that nobody trained: nothing here is about accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from app.services import history, tables, words
from node.audit.basics import Verdict
from node.audit.checks import check_study
from node.audit.contents import open_contents
from node.audit.studies import read_study
from node.learning import extractor, reference
from node.learning.datasets.medmnist import read_images
from node.learning.evaluation import evaluate
from node.learning.model_file import read_model
from node.learning.scaling import Scaling
from node.plan import ImageHeadPlan
from node.storage.cid import address
from node.types import Phase, StudyState
from tests.support.consortium import Consortium, Member
from tests.support.image_heads import EXTRACTOR, WEIGHTS, small_image_head
from tests.support.small_study import study_plan
from tests.support.xrays import write_npz

ROUNDS = 2
#: Of each hospital; the circuit takes 64.
IMAGES = (150, 40, 70)
BLOCKS = (3, 0, 2)
#: How many rows a block can have.
ROWS = ({50}, {40}, {35})


def plan() -> ImageHeadPlan:
    timed = study_plan("Images", 3, rounds=ROUNDS)
    return replace(
        small_image_head(),
        clip_warning_share_ppm=1_000_000,
        encryption=timed.encryption,
        participation=timed.participation,
        phases=timed.phases,
        money=timed.money,
    )


@dataclass(frozen=True)
class Story:
    """The study after its end."""

    consortium: Consortium
    study: int
    members: list[Member]
    extractor: Path


@pytest.fixture(scope="module")
def story(consortium: Consortium) -> Iterator[Story]:
    members, file = consortium.members[:3], consortium.folder / "extractor.bin"
    file.write_bytes(EXTRACTOR)
    for member, count in zip(members, IMAGES, strict=True):
        consortium.use_data(member, write_npz(member.home / "heads.npz", train=count, val=2, test=8))
    study = consortium.open_planned(members, plan(), "--extractor", file)
    # One node is killed before it has its drawn block put in use, the other just after.
    for member, points in zip(members, (("using-block",), (), ("block-used",)), strict=True):
        consortium.start(member, *points)
    for member in (members[0], members[2]):
        consortium.wait(f"the node of hospital {member.number} to die", partial(_died, member))
        consortium.start(member)
    consortium.wait_for_end(study, members)
    yield Story(consortium, study, members, file)
    for member in members:
        consortium.use_data(member, member.table)


def _died(member: Member) -> bool:
    return member.died


def test_study__hospitals_with_more_images_than_the_circuit__are_sampled_and_all_rounds_finalised(story: Story) -> None:
    reader = story.consortium.reader
    assert reader.study_state(story.study) is StudyState.COMPLETED
    for number in range(1, ROUNDS + 1):
        state = reader.round_state(story.study, number)
        assert state.closed_as is Phase.FINALISED and state.included_bitmap == 0b111
        assert state.sum_rows == 50 + 40 + 35
    draws = [reader.blocks_of(story.study, member.number) for member in story.members]
    assert tuple(draw.blocks for draw in draws) == BLOCKS
    assert [draw.used for draw in draws] == [True, False, True]
    assert not any(draw.redrawn for draw in draws)


def test_submissions__of_every_round__are_about_the_drawn_rows(story: Story) -> None:
    for member, rows in zip(story.members, ROWS, strict=True):
        events = story.consortium.events("UpdateSubmitted", story.study, hospitalId=member.number)
        assert {event.arguments["rows"] for event in events} == rows and len(events) == ROUNDS


def test_node__killed_before_or_after_the_block_is_in_use__has_used_it_once(story: Story) -> None:
    used = story.consortium.reader.events("BlockDraws", "BlockUsed", studyId=story.study)
    assert sorted(event.arguments["hospitalId"] for event in used) == [
        story.members[0].number,
        story.members[2].number,
    ]


def test_model__exported__scores_images_by_the_plans_extractor(story: Story) -> None:
    member, out = story.members[1], story.consortium.folder / "head-model.npz"
    ended = story.consortium.command(member.home, "model", "export", "--study", story.study, "-o", out)
    assert ended.code == 0, ended.err
    model = read_model(out)
    assert model.takes_images and list(model.extractor) == WEIGHTS and any(model.weights)
    assert model.root == story.consortium.reader.round_state(story.study, ROUNDS).root_after
    scored = story.consortium.command(
        member.home, "model", "evaluate", out, "--data", member.home / "heads.npz", "--split", "test", "--json"
    )
    assert scored.code == 0, scored.err
    test = read_images(member.home / "heads.npz").split("test")
    rows = Scaling(plan().scaling).apply(extractor.features(WEIGHTS, test.pixels))
    scores = np.array([reference.score(model.weights, row) for row in rows])
    assert scored.value["auc"] == evaluate(scores / (1 << 12), test.labels).auc


def test_status_and_card__of_a_sampled_hospital__say_so(story: Story) -> None:
    consortium, member = story.consortium, story.members[0]
    draw = consortium.reader.blocks_of(story.study, member.number)
    text = f"sampled: block {draw.index + 1} of 3, 50 rows"
    shown = consortium.command(member.home, "study", "show", story.study, "--json").value
    assert shown["sampled"][str(member.number)] == text and len(shown["sampled"]) == 2
    status = consortium.command(member.home, "node", "status", "--json").value
    assert status["rows"][str(story.study)] == text
    out = consortium.folder / "head-card"
    ended = consortium.command(
        member.home, "model", "card", "--study", story.study, "--data", member.home / "heads.npz", "-o", out
    )
    assert ended.code == 0, ended.err
    card = json.loads(out.with_name("head-card.json").read_text())
    assert card["data"][0]["sampled"] == {"block": draw.index + 1, "of": 3} and card["data"][0]["rows"] == 50
    assert card["data"][1]["sampled"] is None and card["model"]["extractor"]["size"] == len(EXTRACTOR)
    assert f"50 (sampled: block {draw.index + 1} of 3)" in out.with_name("head-card.md").read_text()


def test_audit__of_the_study__shows_who_is_sampled_and_where_the_extractor_is(story: Story) -> None:
    contents = open_contents([member.home / "store" for member in story.members], [])
    view = read_study(story.consortium.reader, contents, story.study)
    assert tuple(hospital.blocks for hospital in view.hospitals) == BLOCKS
    assert [hospital.rows for hospital in view.hospitals] == [50, 40, 35]
    shown = list(tables.hospitals(view)["Sampled"])
    assert shown[0] == f"block {view.hospitals[0].block} of 3" and shown[1] == "no: all rows"
    document = view.plan.document
    assert isinstance(document, ImageHeadPlan)
    cid = address(EXTRACTOR)[0].cid
    assert any(cid in str(sentence) for sentence in words.question(document))
    # The circuit takes 30 features, of which the plan names 24: no page shows the others.
    shown_weights = tables.weights(document, view.models[-1], view.models[0])
    assert list(shown_weights["Feature"]) == [*document.model.features, "(bias)"] and len(shown_weights) == 25
    assert len(tables.paths(view, document)) == 25 * (ROUNDS + 1)
    assert any("25 weights" in str(sentence) for sentence in words.training(document))
    model = view.models[-1].weights
    assert model is not None and len(model) == 31 and not any(model[24:30]) and any(model[:24])
    assert any("3 blocks of rows" in text for text in history.events(view)["What happened"])
    checks = check_study(story.consortium.reader, contents, view)
    assert {check.verdict for check in checks} == {Verdict.PASSED}
    assert sum(check.subject == "Sampling" for check in checks) == 3
    assert sum("extractor" in check.statement for check in checks) == 1
    for member in story.members:
        assert member.store.released(bytes.fromhex(document.model.extractor.digest), len(EXTRACTOR))


def test_audit__another_block_than_the_drawn_one__is_told(story: Story) -> None:
    contents = open_contents([member.home / "store" for member in story.members], [])
    view = read_study(story.consortium.reader, contents, story.study)
    first, *others = view.hospitals
    assert first.block is not None
    wrong = replace(first, block=first.block % 3 + 1)
    checks = check_study(story.consortium.reader, contents, replace(view, hospitals=(wrong, *others)))
    assert [check.subject for check in checks if check.verdict is not Verdict.PASSED] == ["Sampling"]


def test_publish__without_the_extractor__is_refused(story: Story, tmp_path: Path) -> None:
    document, other = tmp_path / "plan.json", tmp_path / "other.bin"
    document.write_bytes(plan().canonical())
    other.write_bytes(EXTRACTOR[:-1] + b"\x01")
    for options, named in (((), "--extractor"), (("--extractor", other), "not the extractor that the plan names")):
        ended = story.consortium.command(story.consortium.folder / "council", "study", "publish", document, *options)
        assert ended.code in (2, 3) and named in ended.err
