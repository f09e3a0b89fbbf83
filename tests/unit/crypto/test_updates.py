# SPDX-License-Identifier: Apache-2.0
"""An update in both its forms: values and limbs for a ciphertext, scalars for a pad, and sums of either read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.crypto import OpenedSum, UpdateForm
from node.errors import OpeningFailed, ParameterError
from node.group.babyjubjub import ORDER, add
from node.group.pedersen import commit, pack, packed_count, unpack

FORMS = [UpdateForm(31, 26), UpdateForm(45, 16, packed=True), UpdateForm(5162, 16, packed=True), UpdateForm(7, 2)]


@given(st.sampled_from(FORMS[:2]), st.integers(3, 64), st.data())
def test_sums_of_values_and_of_scalars__are_read_back_alike(
    form: UpdateForm, hospitals: int, data: st.DataObject
) -> None:
    half = 1 << (form.value_bits - 1)
    value = st.one_of(st.sampled_from((-half, half - 1, 0, -1)), st.integers(-half, half - 1))
    update = st.lists(value, min_size=form.coordinates, max_size=form.coordinates)
    first, rest = data.draw(update), data.draw(update)
    blindings = [ORDER - 1] * hospitals
    updates = [first, *[rest] * (hospitals - 1)]
    values = [
        sum(c) for c in zip(*(form.to_values(u, b) for u, b in zip(updates, blindings, strict=True)), strict=True)
    ]
    scalars = [sum(column) for column in zip(*map(form.to_scalars, updates), strict=True)]
    expected = OpenedSum(tuple(sum(column) for column in zip(*updates, strict=True)), sum(blindings) % ORDER)
    assert form.from_values(values) == form.from_scalars(scalars, sum(blindings) % ORDER) == expected
    # What pads open is centred mod the group's order, so every sum must lie within half of it.
    assert all(abs(scalar) <= ORDER // 2 for scalar in scalars)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.coordinates))
def test_an_opened_sum__commits_to_the_sum_of_the_commitments(form: UpdateForm) -> None:
    if form.coordinates > 100:
        form = UpdateForm(100, form.value_bits, form.packed)
    updates = [[(place * party) % 3 - 1 for place in range(form.coordinates)] for party in (1, 2)]
    points = [commit(form.to_scalars(update), 5) for update in updates]
    opened = OpenedSum(tuple(map(sum, zip(*updates, strict=True))), 10)
    assert form.commitment(opened) == add(*points)


def test_scalars__are_as_many_as_a_commitment_has() -> None:
    assert [form.scalars for form in FORMS] == [31, 5, 470, 7]
    for form in FORMS:
        assert len(form.to_scalars([0] * form.coordinates)) == form.scalars


@given(st.integers(2, 40), st.integers(1, 60), st.data())
def test_packing__is_undone_at_both_ends_of_the_range(bits: int, count: int, data: st.DataObject) -> None:
    half = 1 << (bits + 5)
    values = data.draw(st.lists(st.sampled_from((-half, half - 1, 0, 1, -1)), min_size=count, max_size=count))
    scalars = pack(values, bits)
    assert len(scalars) == packed_count(count, bits)
    assert unpack(scalars, count, bits) == values


@pytest.mark.parametrize("change", ["beyond the last value", "beyond the scalar", "fewer", "more"])
def test_scalars_that_packing_does_not_make__are_refused(change: str) -> None:
    form = UpdateForm(13, 16, packed=True)
    good = form.to_scalars([-5] * 13)
    bad = {
        "beyond the last value": [good[0], good[1] + (1 << 44)],
        "beyond the scalar": [good[0] + (1 << 250), good[1]],
        "fewer": good[:1],
        "more": [*good, 0],
    }[change]
    with pytest.raises(OpeningFailed, match="no packed sum"):
        form.from_scalars(bad, 1)


def test_a_form_or_an_update_of_another_length__is_refused() -> None:
    for coordinates, bits in ((0, 16), (1 << 27, 16), (5, 1), (5, 49)):
        with pytest.raises(ParameterError, match="out of range"):
            UpdateForm(coordinates, bits)
    for update in ([], [0] * 30, [0] * 32):
        with pytest.raises(ParameterError, match="31 coordinates"):
            FORMS[0].to_values(update, 1)
        with pytest.raises(ParameterError, match="31 coordinates"):
            FORMS[0].to_scalars(update)
