# SPDX-License-Identifier: Apache-2.0
"""What `docs/threshold-ckks.md` shows runs as it stands, and its figures are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.crypto import choose_parameters, ciphertext_size, share_size
from tests.support.threshold import ceremony_context

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "threshold-ckks.md").read_text()


def test_the_ten_lines__encrypt_add_and_open_among_parties() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "docs/threshold-ckks.md", "exec"), names)
    assert names["sums"] == [6, -6, 600, 0]
    assert len([line for line in block.splitlines() if line and not line.startswith(("from", "assert"))]) == 10


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


def test_the_table_of_parameters__has_rows() -> None:
    assert len(ROWS) >= 4
