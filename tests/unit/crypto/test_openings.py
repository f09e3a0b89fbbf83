# SPDX-License-Identifier: Apache-2.0
"""The two openings behind their one interface: exact sums whichever opens, and every false message refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.crypto import (
    CeremonyContext,
    OpenedSum,
    Payload,
    RoundOpening,
    UpdateForm,
    make_dealing,
    read_dealing,
    receive_dealing,
    round_opening,
    round_secrets,
)
from node.crypto.dealing import CeremonyKeys, ReceivedDealing, keys_to_post
from node.errors import (
    CryptoError,
    MalformedPayload,
    MalformedShare,
    OpeningFailed,
    OpeningRefused,
    ParameterError,
)
from node.group.babyjubjub import IDENTITY, ORDER, Point, add
from node.group.pedersen import commit
from tests.support.threshold import ceremony_context, seed_of

WAYS = ("ckks", "pads")


class Round:
    """A round of four hospitals, three of whom are in the set, with everybody's secrets; two open."""

    def __init__(self, ctx: CeremonyContext, ckks_first: bool) -> None:
        self.ctx = ctx.round_context(2)
        seeds = {party: seed_of(party) for party in ctx.parties}
        keys = CeremonyKeys.of(ctx, {party: keys_to_post(ctx.identified, seeds[party]) for party in ctx.parties})
        files = {party: make_dealing(ctx, party, seeds[party], keys) for party in ctx.parties}
        self.dealings = {party: read_dealing(ctx, party, file).pads[2] for party, file in files.items()}
        self.secrets = {}
        for me in ctx.parties:
            found = {d: receive_dealing(ctx, me, seeds[me], keys, d, file) for d, file in files.items()}
            received = {d: dealing for d, dealing in found.items() if isinstance(dealing, ReceivedDealing)}
            self.secrets[me] = round_secrets(ctx, me, seeds[me], received, 2)
        self.rules: RoundOpening = round_opening(self.ctx, self.dealings, ckks_first=ckks_first)
        self.included = ctx.parties[1:]
        self.quorum = (ctx.parties[3], ctx.parties[0])
        half = 1 << (ctx.form.value_bits - 1)
        draw = np.random.default_rng(5)
        self.updates = {p: [int(v) for v in draw.integers(-half, half, ctx.form.coordinates)] for p in self.included}
        self.updates[self.included[0]][:2] = [-half, half - 1]
        self.blindings = {p: ORDER - 5 * p for p in self.included}
        self.commitments = {p: commit(ctx.form.to_scalars(self.updates[p]), self.blindings[p]) for p in self.included}
        self.files = {
            p: self.rules.make_payload(p, self.secrets[p], self.updates[p], self.blindings[p]) for p in self.included
        }

    @property
    def commitment(self) -> Point:
        total = IDENTITY
        for point in self.commitments.values():
            total = add(total, point)
        return total

    @property
    def expected(self) -> OpenedSum:
        sums = np.sum([self.updates[party] for party in self.included], axis=0)
        return OpenedSum(tuple(int(value) for value in sums), sum(self.blindings.values()) % ORDER)

    def read(self) -> list[Payload]:
        return [self.rules.read_payload(p, self.files[p], self.commitments[p]) for p in self.included]


FORMS = {"head": UpdateForm(5, 26), "network": UpdateForm(45, 16, packed=True)}


def context(form: UpdateForm, *, with_ckks: bool) -> CeremonyContext:
    ctx = replace(ceremony_context(4, 2, 26, 42, 2, with_ckks=False), form=form, indices=(0, 2, 3, 9))
    return replace(ctx, ckks=form.parameters(4, 2)) if with_ckks else ctx


@pytest.fixture(scope="module", params=sorted(FORMS))
def by_ckks(request: pytest.FixtureRequest) -> Round:
    return Round(context(FORMS[request.param], with_ckks=True), ckks_first=True)


@pytest.fixture(scope="module", params=sorted(FORMS))
def by_pads(request: pytest.FixtureRequest) -> Round:
    return Round(context(FORMS[request.param], with_ckks=False), ckks_first=False)


def test_ckks__opens_the_exact_sum_of_what_was_committed_to(by_ckks: Round) -> None:
    way = by_ckks.rules.first(by_ckks.quorum)
    shares = {k: way.share(k, by_ckks.secrets[k], by_ckks.included) for k in by_ckks.quorum}
    for member, share in shares.items():
        assert len(share) == way.share_size
        way.check_share(member, by_ckks.included, share)
        assert share == way.share(member, by_ckks.secrets[member], by_ckks.included)
    assert way.name == "ckks"
    assert way.open(by_ckks.read(), shares, by_ckks.commitment) == by_ckks.expected


def test_pads__open_the_same_sum_after_ckks_by_any_two(by_ckks: Round) -> None:
    way = by_ckks.rules.later()
    shares = {k: way.share(k, by_ckks.secrets[k], by_ckks.included) for k in by_ckks.ctx.parties}
    assert way.name == "pads" and {len(share) for share in shares.values()} == {way.share_size}
    for pair in ((3, 5), (3, 9), (7, 9)):
        chosen = {k: shares[k] for k in pair}
        assert way.open(by_ckks.read(), chosen, by_ckks.commitment) == by_ckks.expected


def test_pads_alone__open_in_every_window_and_their_payloads_have_no_ciphertext(by_pads: Round) -> None:
    for way in (by_pads.rules.first(by_pads.quorum), by_pads.rules.later()):
        shares = {k: way.share(k, by_pads.secrets[k], by_pads.included) for k in (3, 7)}
        assert way.name == "pads"
        assert way.open(by_pads.read(), shares, by_pads.commitment) == by_pads.expected
    assert {len(file) for file in by_pads.files.values()} == {by_pads.rules.payload_size}
    assert by_pads.rules.payload_size == 32 * (by_pads.ctx.form.scalars + 1)
    assert all(payload.ciphertext is None for payload in by_pads.read())


def test_false_pad_shares__are_named_and_stand_in_nobodys_way(by_ckks: Round) -> None:
    way = by_ckks.rules.later()
    good = {k: way.share(k, by_ckks.secrets[k], by_ckks.included) for k in (3, 9)}
    other_set = way.share(5, by_ckks.secrets[5], by_ckks.ctx.parties[:3])
    false = {5: other_set, 7: b"\xff" * way.share_size}
    for sender, data in false.items():
        with pytest.raises(MalformedShare, match=f"hospital {sender}"):
            way.check_share(sender, by_ckks.included, data)
    with pytest.raises(MalformedShare):
        way.check_share(7, by_ckks.included, good[3])
    assert way.open(by_ckks.read(), {**false, **good}, by_ckks.commitment) == by_ckks.expected
    with pytest.raises(OpeningFailed):
        way.open(by_ckks.read(), {**false, 3: good[3]}, by_ckks.commitment)


def test_a_payload_of_another_update_than_was_committed_to__is_refused(by_ckks: Round) -> None:
    sender, other = by_ckks.included[:2]
    with pytest.raises(MalformedPayload, match=f"hospital {sender} holds another update"):
        by_ckks.rules.read_payload(sender, by_ckks.files[sender], by_ckks.commitments[other])
    with pytest.raises(MalformedPayload, match=f"hospital {sender} holds another update"):
        by_ckks.rules.read_payload(sender, by_ckks.files[other], by_ckks.commitments[other])


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("first", [True, False])
def test_a_payload_with_one_changed_byte_outside_the_residues__is_refused(
    by_ckks: Round, by_pads: Round, place: int, first: bool
) -> None:
    played = by_ckks if first else by_pads
    sender = played.included[0]
    data = bytearray(played.files[sender])
    data[place] ^= 1
    with pytest.raises(MalformedPayload, match=f"hospital {sender}"):
        played.rules.read_payload(sender, bytes(data), played.commitments[sender])


@pytest.mark.parametrize("change", ["short", "long", "empty", "pads alone"])
def test_a_payload_of_another_size__is_refused_with_the_right_one(by_ckks: Round, change: str) -> None:
    sender = by_ckks.included[0]
    file = by_ckks.files[sender]
    pads = 32 * (by_ckks.ctx.form.scalars + 1)
    bad = {"short": file[:-1], "long": file + b"\0", "empty": b"", "pads alone": file[:pads]}[change]
    with pytest.raises(MalformedPayload, match=f"the plan implies {len(file)}"):
        by_ckks.rules.read_payload(sender, bad, by_ckks.commitments[sender])


def test_a_scalar_that_is_not_reduced__is_refused(by_pads: Round) -> None:
    sender = by_pads.included[0]
    file = by_pads.files[sender]
    bad = (int.from_bytes(file[:32], "little") + ORDER).to_bytes(32, "little") + file[32:]
    with pytest.raises(MalformedPayload, match="order"):
        by_pads.rules.read_payload(sender, bad, by_pads.commitments[sender])


def test_a_ciphertext_of_another_update__makes_ckks_fail_and_pads_open(by_ckks: Round) -> None:
    """What nobody can check: the pads' part is right, the ciphertext is not."""
    liar = by_ckks.included[1]
    rules, pads = by_ckks.rules, 32 * (by_ckks.ctx.form.scalars + 1)
    shifted = [value // 2 for value in by_ckks.updates[liar]]
    false = rules.make_payload(liar, by_ckks.secrets[liar], shifted, by_ckks.blindings[liar])
    files = {**by_ckks.files, liar: by_ckks.files[liar][:pads] + false[pads:]}
    read = [rules.read_payload(p, files[p], by_ckks.commitments[p]) for p in by_ckks.included]
    first, later = rules.first(by_ckks.quorum), rules.later()
    shares = {k: first.share(k, by_ckks.secrets[k], by_ckks.included) for k in by_ckks.quorum}
    with pytest.raises(OpeningFailed, match="not what was committed to"):
        first.open(read, shares, by_ckks.commitment)
    shares = {k: later.share(k, by_ckks.secrets[k], by_ckks.included) for k in by_ckks.quorum}
    assert later.open(read, shares, by_ckks.commitment) == by_ckks.expected


def test_a_missing_or_false_ckks_share__makes_it_fail(by_ckks: Round) -> None:
    way = by_ckks.rules.first(by_ckks.quorum)
    shares = {k: way.share(k, by_ckks.secrets[k], by_ckks.included) for k in by_ckks.quorum}
    one, other = by_ckks.quorum
    with pytest.raises(OpeningFailed):
        way.open(by_ckks.read(), {one: shares[one]}, by_ckks.commitment)
    changed = bytearray(shares[other])
    changed[-5] ^= 1
    with pytest.raises(OpeningFailed):
        way.open(by_ckks.read(), {one: shares[one], other: bytes(changed)}, by_ckks.commitment)
    with pytest.raises(OpeningFailed):
        way.open(by_ckks.read(), {one: shares[one], other: b""}, by_ckks.commitment)


def test_a_sum_over_two__is_never_opened(by_ckks: Round) -> None:
    for way in (by_ckks.rules.first(by_ckks.quorum), by_ckks.rules.later()):
        with pytest.raises(OpeningRefused, match="over 2"):
            way.share(by_ckks.quorum[0], by_ckks.secrets[by_ckks.quorum[0]], by_ckks.included[:2])


def test_a_round_of_a_ceremony_without_ciphertexts__cannot_open_by_ckks(by_pads: Round) -> None:
    with pytest.raises(ParameterError, match="pads alone"):
        round_opening(by_pads.ctx, by_pads.dealings, ckks_first=True)


def test_a_round_of_a_ceremony_with_ciphertexts__may_open_by_pads_at_once(by_ckks: Round) -> None:
    rules = round_opening(by_ckks.ctx, by_ckks.dealings, ckks_first=False)
    files = {
        p: rules.make_payload(p, by_ckks.secrets[p], by_ckks.updates[p], by_ckks.blindings[p]) for p in by_ckks.included
    }
    assert files == {p: file[: rules.payload_size] for p, file in by_ckks.files.items()}
    way = rules.first(by_ckks.quorum)
    shares = {k: way.share(k, by_ckks.secrets[k], by_ckks.included) for k in (3, 5)}
    read = [rules.read_payload(p, files[p], by_ckks.commitments[p]) for p in by_ckks.included]
    assert way.open(read, shares, by_ckks.commitment) == by_ckks.expected


def test_another_rounds_secrets__make_no_payload_and_no_share(by_ckks: Round) -> None:
    sender = by_ckks.included[0]
    rules = round_opening(by_ckks.ctx.batch.round_context(1), {}, ckks_first=True)
    with pytest.raises(CryptoError, match="another study, ceremony or round"):
        rules.make_payload(sender, by_ckks.secrets[sender], by_ckks.updates[sender], 1)
    with pytest.raises(CryptoError, match="another study, ceremony or round"):
        rules.later().share(sender, by_ckks.secrets[sender], by_ckks.included)


def test_opened_scalars_that_are_no_packed_sum__are_refused() -> None:
    form = UpdateForm(45, 16, packed=True)
    scalars = form.to_scalars([3] * 45)
    assert form.from_scalars(scalars, 7) == OpenedSum((3,) * 45, 7)
    with pytest.raises(OpeningFailed, match="no packed sum"):
        form.from_scalars([*scalars[:-1], scalars[-1] + (1 << 100)], 7)
