# SPDX-License-Identifier: Apache-2.0
"""What looks wrong is refused all at once, until it is accepted by name."""

from __future__ import annotations

import unicodedata

import pytest

from node.errors import DataDoubtful
from node.learning.findings import Finding, Kind, check_label, refuse
from node.plan import Label

LABEL = Label("diagnosis", "malignant", "benign")


def finding(name: str) -> Finding:
    return Finding("column", name, Kind.FAR, "3 of 9 values are far away", "Look for another unit")


def test_refuse__all_at_once__names_each_and_says_how_to_accept_it() -> None:
    with pytest.raises(DataDoubtful) as caught:
        refuse("records.csv", [finding("mean radius"), finding("age"), finding("sex")], ["age"])
    message = str(caught.value)
    assert "records.csv looks wrong in 2 places. Column 'mean radius': 3 of 9" in message and "'age'" not in message
    assert message.endswith("--accept 'mean radius' --accept sex")
    assert [found["name"] for found in caught.value.findings] == ["mean radius", "sex"]
    assert caught.value.exit_code == 3


def test_refuse__many__shows_the_first_and_counts_the_rest_but_tells_programs_of_all() -> None:
    with pytest.raises(DataDoubtful, match=r"in 1,000 places.* and 990 more") as caught:
        refuse("records.csv", [finding(f"c{number}") for number in range(1000)], [])
    assert len(str(caught.value)) < 2000 and len(caught.value.findings) == 1000


def test_refuse__accepted_in_another_form_of_unicode__is_accepted_and_returned() -> None:
    name = unicodedata.normalize("NFC", "Größe")
    assert refuse("records.csv", [finding(name)], [unicodedata.normalize("NFD", name)]) == (finding(name),)


def test_check_label__one_class_only__is_told_of_by_the_label_s_name() -> None:
    assert check_label(LABEL, [0, 1, 0]) == ()
    for labels, word in (([0] * 7, "'benign'"), ([1] * 7, "'malignant'")):
        (found,) = check_label(LABEL, labels)
        assert (found.name, found.kind) == ("diagnosis", Kind.ONE_CLASS)
        assert found.evidence == f"only {word} occurs in 7 records"
