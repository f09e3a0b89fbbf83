# SPDX-License-Identifier: Apache-2.0
"""A round: sums open exactly for any number of hospitals, any set, any quorum; shares bind to both."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.crypto import (
    CiphertextSum,
    RoundContext,
    add,
    choose_parameters,
    ciphertext_size,
    encrypt,
    open_sum,
    opening_share,
    read_ciphertext,
    read_share,
    share_size,
)
from node.crypto.encryption import data_ring, round_polynomial
from node.crypto.framing import HEADER_BYTES
from node.crypto.opening import PREFIX_BYTES
from node.crypto.packing import pack, unpack
from node.crypto.ring import ring
from node.errors import CryptoError, MalformedShare, OpeningFailed, OpeningRefused, ParameterError
from tests.support.threshold import (
    PlayedCeremony,
    ceremony_context,
    dealt_keys,
    extreme_values,
    played_ceremony,
    secret_of,
)


@pytest.fixture(scope="module")
def played() -> PlayedCeremony:
    return played_ceremony()


@pytest.fixture(scope="module")
def submitted(played: PlayedCeremony) -> tuple[RoundContext, dict[int, bytes], CiphertextSum]:
    ctx = played.ctx.round_context(1)
    files = {party: encrypt(ctx, party, played.secrets(party, 1), extreme_values(ctx, party)) for party in ctx.parties}
    return ctx, files, add(ctx, [read_ciphertext(ctx, party, files[party]) for party in ctx.parties])


def opened(ctx: RoundContext, keys: dict[int, bytes], total: CiphertextSum, quorum: tuple[int, ...]) -> list[int]:
    shares = []
    for member in quorum:
        data = opening_share(ctx, member, keys[member], total.included, quorum)
        shares.append(read_share(ctx, member, total.included, quorum, data))
    return open_sum(ctx, total, shares)


def test_every_quorum__opens_the_same_exact_sum(
    played: PlayedCeremony, submitted: tuple[RoundContext, dict[int, bytes], CiphertextSum]
) -> None:
    ctx, _, total = submitted
    keys = {party: played.secrets(party, 1) for party in ctx.parties}
    expected = [sum(column) for column in zip(*(extreme_values(ctx, p) for p in ctx.parties), strict=True)]
    for quorum in itertools.combinations(ctx.parties, 2):
        assert opened(ctx, keys, total, quorum) == expected


STUDIES = [
    (3, 2, 26, 42),
    (4, 2, 48, 9),
    (5, 3, 16, 300),
    (9, 5, 20, 42),
    (16, 8, 12, 40),
    (5, 4, 26, 42),
    (64, 4, 26, 42),
]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_sums__are_exact_for_any_parties_sets_quorums_and_values(data: st.DataObject) -> None:
    parties, threshold, bits, count = data.draw(st.sampled_from(STUDIES))
    ctx = ceremony_context(parties, threshold, bits, count, 1).round_context(1)
    size = data.draw(st.integers(3, min(parties, 6)))
    included = sorted(data.draw(st.permutations(ctx.parties))[:size])
    quorum = tuple(sorted(data.draw(st.permutations(ctx.parties))[:threshold]))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    value = st.one_of(st.sampled_from((low, high)), st.integers(low, high))
    updates = {party: data.draw(st.lists(value, min_size=count, max_size=count)) for party in included}
    keys = dealt_keys(ctx, included, quorum)
    files = [encrypt(ctx, party, keys[party], updates[party]) for party in included]
    total = add(ctx, [read_ciphertext(ctx, p, file) for p, file in zip(included, files, strict=True)])
    assert opened(ctx, keys, total, quorum) == [sum(column) for column in zip(*updates.values(), strict=True)]


@pytest.mark.parametrize("end", [0, 1])
def test_sixty_four_hospitals__all_at_one_end_of_the_range__sum_exactly(end: int) -> None:
    ctx = ceremony_context(64, 32, 26, 50_000, 1).round_context(1)
    domain = data_ring(ctx)
    value = ((1 << 25) - 1) if end else -(1 << 25)
    message = pack(ctx.parameters, [value] * 50_000, domain)
    # 64 messages and the largest noise there can be, added without encryption.
    times = domain.constants([64] * len(domain.primes))
    noise = np.full((ctx.parameters.blocks, ctx.parameters.degree), 1, dtype=np.int64)
    bound = domain.constants([ctx.parameters.noise_bound * (1 if end else -1)] * len(domain.primes))
    blocks = [
        domain.add(domain.scale(block, times), domain.scale(domain.from_signed(row), bound))
        for block, row in zip(message, noise, strict=True)
    ]
    assert unpack(ctx.parameters, blocks, 64) == [64 * value] * 50_000


@pytest.mark.parametrize("count", [1, 42, 24_576, 24_577])
def test_blocks__begin_and_end_anywhere(count: int) -> None:
    parameters = choose_parameters(3, 2, 26, count)
    values = [place % 50_000_000 - 25_000_000 for place in range(count)]
    blocks = pack(parameters, values, ring(parameters.degree, parameters.data_primes))
    assert len(blocks) == -(-count // (8192 * parameters.digits))
    assert unpack(parameters, blocks, 1) == values


def test_updates_of_several_blocks__open_exactly_in_both_degrees() -> None:
    for parties, threshold, bits, count in ((3, 2, 26, 30_000), (5, 3, 16, 500_000)):
        ctx = ceremony_context(parties, threshold, bits, count, 1).round_context(1)
        assert ctx.parameters.blocks == 2
        included, quorum = ctx.parties[:3], ctx.parties[-threshold:]
        keys = dealt_keys(ctx, included, quorum)
        updates = [extreme_values(ctx, party) for party in included]
        files = [encrypt(ctx, p, keys[p], update) for p, update in zip(included, updates, strict=True)]
        assert {len(file) for file in files} == {ciphertext_size(ctx)}
        total = add(ctx, [read_ciphertext(ctx, p, file) for p, file in zip(included, files, strict=True)])
        assert opened(ctx, keys, total, quorum) == np.sum(updates, axis=0).tolist()


def test_a_share__repeated__has_the_same_bytes_and_no_other_step_has_them(played: PlayedCeremony) -> None:
    ctx = played.ctx.round_context(1)
    me, other, third = ctx.parties
    keys = played.secrets(me, 1)
    first = opening_share(ctx, me, keys, ctx.parties, (me, other))
    assert first == opening_share(ctx, me, keys, ctx.parties[::-1], (other, me))
    assert len(first) == share_size(ctx)
    payloads = {
        opening_share(ctx, me, keys, ctx.parties, quorum)[HEADER_BYTES + PREFIX_BYTES :]
        for quorum in ((me, other), (me, third))
    }
    assert len(payloads) == 2


def test_masks__cancel_and_hide_a_single_share() -> None:
    ctx = ceremony_context(5, 3, 16, 42, 1).round_context(1)
    quorum = ctx.parties[1:4]
    keys = dealt_keys(ctx, ctx.parties, quorum)
    domain = data_ring(ctx)
    shares = [
        read_share(ctx, k, ctx.parties, quorum, opening_share(ctx, k, keys[k], ctx.parties, quorum)) for k in quorum
    ]
    secret = secret_of(ctx, ctx.parties[0])
    for party in ctx.parties[1:]:
        secret = domain.add(secret, secret_of(ctx, party))
    total = shares[0].blocks[0]
    for share in shares[1:]:
        total = domain.add(total, share.blocks[0])
    opened = domain.inverse(domain.multiply(round_polynomial(ctx, 0), secret))[:, : total.shape[1]]
    noise = domain.subtract(total, opened)
    shown = replace(ctx.parameters, value_count=noise.shape[1] * ctx.parameters.digits)
    assert not any(unpack(shown, [noise], 0))
    assert len({share.blocks[0].tobytes() for share in shares}) == 3


def test_a_share__shows_the_coefficients_that_carry_values_and_64_at_least() -> None:
    """A small update is opened with a few hundred bytes, and nothing is shown of the rest of the polynomial."""
    for count, shown in ((12, 64), (42, 64), (192, 64), (193, 65), (24_576, 8192), (24_577, 8192 + 64)):
        ctx = ceremony_context(3, 2, 26, count, 1).round_context(1)
        assert sum(ctx.parameters.opened_coefficients) == shown
        assert share_size(ctx) == HEADER_BYTES + PREFIX_BYTES + shown * 3 * 8


@pytest.mark.parametrize(
    ("included", "quorum", "complaint"),
    [
        ((3, 5), (3, 5), "2 updates is never opened"),
        ((3, 3, 5), (3, 5), "twice"),
        ((3, 5, 99), (3, 5), "99 is not a party"),
        ((3, 5, 7), (3,), "a quorum has 2"),
        ((3, 5, 7), (3, 5, 7), "a quorum has 2"),
        ((3, 5, 7), (5, 7), "hospital 3 is not in the quorum"),
    ],
)
def test_a_share_that_must_not_be_made__is_refused(
    played: PlayedCeremony, included: tuple[int, ...], quorum: tuple[int, ...], complaint: str
) -> None:
    ctx = played.ctx.round_context(1)
    with pytest.raises(OpeningRefused, match=complaint):
        opening_share(ctx, 3, played.secrets(3, 1), included, quorum)


def test_secrets_of_another_round_or_hospital__are_refused(played: PlayedCeremony) -> None:
    ctx = played.ctx.round_context(1)
    values = extreme_values(ctx, 3)
    for me, secrets in ((3, played.secrets(3, 2)), (3, played.secrets(5, 1)), (3, b"")):
        with pytest.raises(CryptoError):
            encrypt(ctx, me, secrets, values)
        with pytest.raises(CryptoError):
            opening_share(ctx, me, secrets, ctx.parties, (3, 5))


def test_values_out_of_range_or_number__are_refused_without_showing_them(played: PlayedCeremony) -> None:
    ctx = played.ctx.round_context(1)
    values: list[object] = list(extreme_values(ctx, 3))
    for wrong in (values[:-1], [*values, 0], [1 << 25, *values[1:]], [-(1 << 25) - 1, *values[1:]],
                  [0.5, *values[1:]], [1 << 70, *values[1:]]):  # fmt: skip
        with pytest.raises(ParameterError) as caught:
            encrypt(ctx, 3, played.secrets(3, 1), wrong)  # type: ignore[arg-type]
        assert str(1 << 25) not in str(caught.value)


def test_shares_of_another_set_quorum_or_member__are_refused(
    played: PlayedCeremony, submitted: tuple[RoundContext, dict[int, bytes], CiphertextSum]
) -> None:
    ctx = submitted[0]
    data = opening_share(ctx, 3, played.secrets(3, 1), ctx.parties, (3, 5))
    assert read_share(ctx, 3, ctx.parties, (3, 5), data).member == 3
    for member, quorum in ((5, (3, 5)), (3, (3, 7)), (7, (3, 5))):
        with pytest.raises(MalformedShare):
            read_share(ctx, member, ctx.parties, quorum, data)
    for bad in (data[:-1], data + b"\0", b"", data[:4] + b"\1" + data[5:], data[:-8] + b"\xff" * 8):
        with pytest.raises(MalformedShare):
            read_share(ctx, 3, ctx.parties, (3, 5), bad)
    with pytest.raises(MalformedShare, match="another study"):
        read_share(played.ctx.round_context(2), 3, ctx.parties, (3, 5), data)


def test_shares_that_do_not_open__are_told_apart_from_a_sum(
    played: PlayedCeremony, submitted: tuple[RoundContext, dict[int, bytes], CiphertextSum]
) -> None:
    ctx, _, total = submitted
    quorum = (3, 5)
    shares = [
        read_share(ctx, k, ctx.parties, quorum,
                   opening_share(ctx, k, played.secrets(k, 1), ctx.parties, quorum))
        for k in quorum
    ]  # fmt: skip
    others = [
        read_share(ctx, k, ctx.parties, (5, 7), opening_share(ctx, k, played.secrets(k, 1), ctx.parties, (5, 7)))
        for k in (5, 7)
    ]
    changed = shares[1].blocks[0].copy()
    changed[0, 0] ^= np.uint64(1)
    wrong_sets: list[tuple[CiphertextSum, list[object]]] = [
        (total, []),
        (total, shares[:1]),
        (total, [shares[0], shares[0]]),
        (total, [shares[0], others[0]]),
        (replace(total, included=(3, 5)), shares),
        (total, [shares[0], replace(shares[1], blocks=(changed,))]),
        (replace(total, blocks=(np.roll(total.blocks[0], 1, axis=1),)), shares),
    ]
    for given_total, given_shares in wrong_sets:
        with pytest.raises(OpeningFailed):
            open_sum(ctx, given_total, given_shares)  # type: ignore[arg-type]
    assert len(open_sum(ctx, total, shares)) == 42


def test_a_wrongly_packed_update__is_refused_at_the_opening() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 1).round_context(1)
    parameters, domain = ctx.parameters, data_ring(ctx)
    good = pack(parameters, [0] * 42, domain)[0]
    for coefficient, power in ((0, parameters.shift + 84), (20, parameters.shift), (0, parameters.shift + 27)):
        bad = good.copy()
        for row, prime in enumerate(domain.primes):
            bad[row, coefficient] = (int(bad[row, coefficient]) + (1 << power)) % prime
        with pytest.raises(OpeningFailed):
            unpack(parameters, [bad], 1)


def test_add__refuses_nothing_and_repetition(
    submitted: tuple[RoundContext, dict[int, bytes], CiphertextSum],
) -> None:
    ctx, files, _ = submitted
    one = read_ciphertext(ctx, 3, files[3])
    for wrong in ([], [one, one]):
        with pytest.raises(ParameterError):
            add(ctx, wrong)
