# SPDX-License-Identifier: Apache-2.0
"""What `docs/threshold-ckks.md` shows runs as it stands, and its figures are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.crypto import OpenedSum, choose_parameters, ciphertext_size, share_size
from node.crypto.boxes import boxes_size
from node.crypto.framing import HEADER_BYTES
from node.crypto.pads import section_size
from tests.support.threshold import ceremony_context

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "threshold-ckks.md").read_text()


def test_the_ten_lines__encrypt_add_and_open_among_parties() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "docs/threshold-ckks.md", "exec"), names)
    assert names["opened"] == OpenedSum((6, -6, 600, 0), 6)
    assert len([line for line in block.splitlines() if line and not line.startswith(("from", "assert"))]) == 10


SIZES = ((3, 2), (16, 8), (64, 32))
ROWS = re.findall(
    r"\| n=(\d+) t=(\d+), (\d+) bits, ([\d,]+) values \| (\d+) \| (\d+) \| (\d+), (\d+) \| ([\d,]+) B \| ([\d,]+) B \|",
    TEXT,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"n={row[0]}")
def test_the_table_of_parameters__is_what_the_code_chooses(row: tuple[str, ...]) -> None:
    parties, threshold, bits, count, degree, digits, noise, shift, upload, share = (
        int(cell.replace(",", "")) for cell in row
    )
    made = choose_parameters(parties, threshold, bits, count)
    assert (made.degree, made.digits, made.noise_bits, made.shift) == (degree, digits, noise, shift)
    ctx = ceremony_context(parties, threshold, bits, count, 1).round_context(1)
    assert (ciphertext_size(ctx), share_size(ctx)) == (upload, share)


def test_the_sizes_of_pads_in_dealings__are_what_the_code_makes() -> None:
    (found,) = re.findall(r"pads add ([\d,]+) bytes .* three hospitals, ([\d,]+) to one of sixteen, ([\d,]+)", TEXT)
    sizes = [section_size(ceremony_context(*numbers, 26, 42, 1).round_context(1).pads) for numbers in SIZES]
    assert [int(number.replace(",", "")) for number in found] == sizes


def test_the_table_of_ceremonies__has_the_bytes_that_the_code_makes() -> None:
    rows = re.findall(r"\| (\d+), (\d+) \| ([\d,]+) B \| [\d.]+ MB \|", TEXT)
    assert [(int(n), int(t)) for n, t, _ in rows] == list(SIZES)
    for n, t, sent in rows:
        # The header, the boxes, an X25519 key and the digest that is acknowledged.
        boxes = boxes_size(ceremony_context(int(n), int(t), 26, 42, 1))
        assert int(sent.replace(",", "")) == HEADER_BYTES + boxes + 64


def test_the_table_of_parameters__has_rows() -> None:
    assert len(ROWS) >= 4
