# SPDX-License-Identifier: Apache-2.0
"""A table is read exactly as written or refused with line, column and remedy, and never with a value."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import DataError
from node.learning import tables
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
        ("radius,diagnosis\n1,benign\n", "lacks the plan's columns 'texture'"),
        ("radius,texture,diagnosis,age\n1,2,benign,3\n", "does not know: 'age' \\(number 4\\)"),
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


def test_read_table__many_bad_cells__are_told_all_at_once_by_line_and_column(tmp_path: Path) -> None:
    lines = ["1,2,benign", ",2,benign", "1,x,benign", "1,2,Benign", "1,2", "NA,2,malignant", f"{SECRET},1e99,benign"]
    with pytest.raises(DataError) as caught:
        read(tmp_path, GOOD + "\n".join(lines) + "\n")
    message = str(caught.value)
    assert message.startswith("records.csv cannot be used in 6 places: ")
    for told in (
        "lines 3, 7, column 'radius': the value is missing",
        "line 4, column 'texture': this is not a number",
        "line 8, column 'texture': the value is not between",
        "line 5, column 'diagnosis': the label is neither",
        "line 6: 2 cells",
    ):
        assert told in message
    assert SECRET not in message


def test_read_table__a_file_full_of_bad_cells__shows_a_few_and_counts_them(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, GOOD + "x,y,benign\n" * 9000, capacity=9000)
    assert "in 18,000 places" in str(caught.value)
    assert "lines 2, 3, 4, 5, 6 and 8,995 more, column 'radius'" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Radius,texture,diagnosis", "Rename 'Radius' to 'radius'"),
        ("radius,tex_ture,Diagnosis", "Rename 'tex_ture' to 'texture', 'Diagnosis' to 'diagnosis'"),
        ("ｒadius,texture,diagnosis", "Rename 'ｒadius' to 'radius'"),
        ("RADIUS,age,diagnosis", "Rename 'RADIUS' to 'radius'. It lacks the plan's columns 'texture'"),
        ("RADIUS,age,diagnosis", "does not know: 'age' (number 2)"),
        (",radius,texture,diagnosis", "one without a name (number 1)"),
        ("radius,texture,diagnosis," + "x" * 99, "does not know: '" + "x" * 60 + "…'"),
    ],
)
def test_read_table__columns_named_otherwise__are_told_by_name_with_what_was_meant(
    tmp_path: Path, header: str, told: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, header + "\n" + "1," * header.count(",") + "1\n")
    assert told in str(caught.value)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("marks", ["", "\ufeff", "\ufeff\ufeff"])
def test_read_table__names_and_labels_in_any_form_of_unicode__are_the_plan_s(
    tmp_path: Path, form: str, marks: str
) -> None:
    text = unicodedata.normalize(form, "Größe,Fläche,Befund\n1,2,bösartig\n3,4, gutartig\n")
    (tmp_path / "x.csv").write_text(marks + text)
    names = tuple(unicodedata.normalize("NFC", name) for name in ("Größe", "Fläche"))
    label = Label(*(unicodedata.normalize("NFD", text) for text in ("Befund", "bösartig", "gutartig")))
    read = read_table(tmp_path / "x.csv", names, label, capacity=2)
    assert read == Table(names, ((Decimal(1), Decimal(2)), (Decimal(3), Decimal(4))), (1, 0))


CELLS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,9}(\.[0-9]{0,9})?([eE][+-]?[0-9]{1,5})?", fullmatch=True),
    st.floats().map(repr),
    st.decimals().map(str),
    st.text(st.sampled_from("0123456789.eE+-_ \u0663\uff11naif,"), max_size=8),
    st.sampled_from(["0e99", "1e-400", "1e999", "9" * 64, "9" * 65, "0." + "0" * 40 + "1", "1e31", "9.99e30", "-0"]),
)


@settings(max_examples=400)
@given(st.lists(CELLS, min_size=1, max_size=4))
def test_floats__that_were_read_at_once__are_those_of_cells_without_a_problem(cells: list[str]) -> None:
    """A column is only ever taken as a whole where each cell alone would have been."""
    found = tables._floats(cells)
    if found is not None:
        assert [tables.number_problem(cell) for cell in cells] == [None] * len(cells)
        assert found == [float(Decimal(cell)) for cell in cells]


def test_floats__of_plain_numbers__are_read_at_once() -> None:
    assert tables._floats(["14.25", "-3", "1e-5", "+.5", "0", "0.000"]) == [14.25, -3.0, 1e-5, 0.5, 0.0, 0.0]
