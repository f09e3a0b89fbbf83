# SPDX-License-Identifier: Apache-2.0
"""A model card's Markdown, read as readers of Markdown read it."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from node.audit.card import literal, markdown

HOSTILE = (
    "![t](http://127.0.0.1:1/t.png) <img src=x onerror=alert(1)> <!-- | --> `` ` ``` *b* [l](http://x) www.x.org "
    r"\| \\| &lt; # - 1. $x$ :smile: @who | | |"
)


def tokens(text: str) -> list[Token]:
    """All tokens, those inside of lines too."""
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return [*found, *(child for token in found for child in token.children or [])]


def text_of(token: Token) -> str:
    """What a reader sees of a line."""
    return "".join(child.content for child in token.children or [])


def card(text: str) -> dict[str, Any]:
    """A card whose every free text is this one."""
    return {
        "study": 1,
        "round": 2,
        "title": text,
        "question": text,
        "network": {"block": 9, "chain_id": 1337, "development_keys": False},
        "model": {
            "family": "logistic-head",
            "parameters": 3,
            "loss": "hard-sigmoid-logistic",
            "optimiser": "mini-batch gradient descent",
            "label": {"name": text, "positive": text, "negative": text},
            "root": "5",
            "files": ["bafkreia"],
        },
        "plan": {"cid": "bafkreib"},
        "data": [{"hospital": text, "included": True, "rows": 8, "sampled": None, "commitment": "7"}] * 2,
        "proved": ["training"],
        "proofs": [{"of": text, "circuit": text, "transaction": "0x1", "sha256": "ab"}] * 2,
        "opening": {"way": "pads", "threshold": 2, "updates": 3, "convicted": [text]},
        "privacy": {"level": "none"},
        "quality": {"file": text, "split": text, "sha256": "cd", "figures": {"auc": 0.5}},
        "limits": ["none"],
    }


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "Costs $5 and $10 a test, 50 % < 60 %",
        "a|b",
        "|",
        r"a\|b",
        "`",
        "``a`",
        " a ",
        "  ",
        "# no heading",
        "```",
        "- item",
        "===",
    ],
)
@pytest.mark.parametrize("where", ["{}", "- {}", "| a |\n|---|\n| {} |", "# {}"])
def test_literal__any_text_anywhere__is_shown_as_it_is(text: str, where: str) -> None:
    found = tokens(where.format(literal(text)))
    (line,) = [token for token in found if token.type == "inline" and token.content != "a"]
    assert text_of(line) == text
    assert {child.type for child in line.children or []} <= {"code_inline", "text", "text_special"}


def test_literal__line_breaks_and_steering_signs__are_escapes() -> None:
    assert literal("a\n# b\u202e") == r"`a\n# b\u202e`"


def test_card__of_strangers_texts__has_the_shape_of_an_honest_one() -> None:
    honest, hostile = (tokens(markdown(card(text))) for text in ("text", HOSTILE + "\n\n# Approved\n"))
    blocks = [[token.type for token in found if token.block] for found in (honest, hostile)]
    assert blocks[0] == blocks[1]
    assert not {token.type for token in hostile} & {"html_inline", "html_block", "image", "link_open", "em_open"}
    assert len([token for token in hostile if token.type == "tr_open"]) == 3 + 3 + 2
    shown = [text_of(token) for token in hostile if token.type == "inline"]
    # Title and question, the label's three, two hospitals, two proofs with their circuits, who lied, the quality's two.
    assert sum(line.count(HOSTILE) for line in shown) == 2 + 3 + 2 + 4 + 1 + 2
