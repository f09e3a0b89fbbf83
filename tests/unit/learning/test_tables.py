# SPDX-License-Identifier: Apache-2.0
"""A table is read exactly as written or refused with line, column and remedy, and never with a value."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from node.errors import DataError
from node.learning.tables import Table, read_table
from node.plan import Label

LABEL = Label("diagnosis", "malignant", "benign")
FEATURES = ("radius", "texture")
SECRET = "917.3355"
GOOD = "radius,texture,diagnosis\n"


def read(path: Path, text: str | bytes, capacity: int = 10) -> Table:
    file = path / "records.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(file, FEATURES, LABEL, capacity=capacity)


def test_read_table__columns_in_any_order__come_in_the_plan_s_order(tmp_path: Path) -> None:
    text = '\ufeffdiagnosis,texture, radius \r\nmalignant,2.50,"1e1"\r\n\r\nbenign,-.5,+3.\r\n'
    assert read(tmp_path, text) == Table(
        FEATURES, ((Decimal(10), Decimal("2.50")), (Decimal(3), Decimal("-0.5"))), (1, 0)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (GOOD, "no records"),
        (GOOD + f"{SECRET},,benign\n", "line 2, column 'texture': the value is missing"),
        (GOOD + f"{SECRET},NA,benign\n", "the value is missing"),
        (GOOD + f"{SECRET},1,benign\n{SECRET},nan,benign\n", "line 3, column 'texture'.*not a finite number"),
        (GOOD + f"{SECRET},-Infinity,benign\n", "not a finite number"),
        (GOOD + f"{SECRET},12 mm,benign\n", "not a number"),
        (GOOD + f'{SECRET},"1,5",benign\n', "not a number"),
        (GOOD + f"{SECRET},0x1f,benign\n", "not a number"),
        (GOOD + f"{SECRET},٣,benign\n", "not a number"),
        (GOOD + f"{SECRET},1_0,benign\n", "not a number"),
        (GOOD + f"{SECRET},1e999,benign\n", "not between"),
        (GOOD + f"{SECRET},1e-999,benign\n", "not between"),
        (
            GOOD + f"{SECRET},1,{SECRET}\n",
            "column 'diagnosis': the label is neither 'malignant' nor 'benign'",
        ),
        (GOOD + f"{SECRET},1,Benign\n", "the label is neither"),
        (GOOD + f"{SECRET},1\n", "line 2: 2 cells"),
        (GOOD + f"{SECRET},1,benign,1\n", "line 2: 4 cells"),
        ("radius,diagnosis\n1,benign\n", "lacks the plan's columns texture"),
        ("radius,texture,diagnosis,age\n1,2,benign,3\n", "does not know: number 4"),
        ("radius,texture,texture,diagnosis\n1,2,2,benign\n", "'texture' more than once"),
        ("radius;texture;diagnosis\n1;2;benign\n", "commas"),
        (f"{SECRET},2,benign\n", "first line must hold the column names"),
        (GOOD + f'{SECRET},"1,benign\n', "not well-formed"),
        (GOOD.encode() + b"\xff\xfe,1,benign\n", "UTF-8"),
        (GOOD + "1,2,benign\n" * 11, "more than 10 records"),
    ],
)
def test_read_table__unusable_file__says_where_and_what_to_do_and_shows_no_value(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_read_table__absent_file_or_folder__is_a_data_error(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_table(path, FEATURES, LABEL, capacity=1)


def test_read_table__as_many_records_as_the_circuit_takes__is_accepted(tmp_path: Path) -> None:
    assert len(read(tmp_path, GOOD + "1,2,benign\n" * 10).rows) == 10
