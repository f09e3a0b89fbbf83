# SPDX-License-Identifier: Apache-2.0
"""What a ceremony's numbers must fit to, and what a hospital keeps of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.crypto import (
    CeremonyContext,
    CeremonyIdentity,
    CeremonyKeys,
    keys_to_post,
    new_ceremony_seed,
    round_secrets,
)
from node.crypto.context import index_of
from node.crypto.framing import HEADER_BYTES
from node.crypto.round_secrets import read_pad_secrets
from node.errors import CryptoError, ParameterError
from tests.support.threshold import PlayedCeremony, ceremony_context, played_ceremony

WAYS = {"with ciphertexts": True, "pads alone": False}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def played(request: pytest.FixtureRequest) -> PlayedCeremony:
    return played_ceremony(parties=4, threshold=2, with_ckks=request.param)


def test_contexts__refuse_what_does_not_fit_together() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    wrong: list[dict[str, object]] = [
        {"keys_hash": bytes(31)},
        {"parties": (1, 2)},
        {"parties": (1, 2, 2)},
        {"parties": (0, 1, 2)},
        {"indices": (0, 1)},
        {"indices": (0, 2, 1)},
        {"indices": (0, 1, 64)},
        {"indices": (-1, 0, 1)},
        {"threshold": 1},
        {"threshold": 3},
        {"rounds": 0},
        {"first_round": 0},
        {"form": replace(ctx.form, coordinates=30)},
        {"form": replace(ctx.form, value_bits=25)},
    ]
    for change in wrong:
        with pytest.raises(ParameterError):
            replace(ctx, **change)  # type: ignore[arg-type]
    for contract, chain in (("5c" * 20, 1), ("0x" + "5c" * 20, -1)):
        with pytest.raises(ParameterError):
            CeremonyIdentity(chain, contract, 1, 1)
    with pytest.raises(ParameterError, match="round 3 is not one"):
        ctx.round_context(3)
    with pytest.raises(ParameterError, match="hospital 99 is not a party"):
        index_of(ctx, 99)
    with pytest.raises(ParameterError, match="32 bytes"):
        keys_to_post(ctx.identified, b"short")


def test_digests__differ_with_every_field_of_the_context() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    identity = ctx.identified
    changes: list[CeremonyContext] = [
        ctx,
        replace(ctx, identified=replace(identity, chain_id=1)),
        replace(ctx, identified=replace(identity, contract="0x" + "5d" * 20)),
        replace(ctx, identified=replace(identity, study_id=8)),
        replace(ctx, identified=replace(identity, ceremony=2)),
        replace(ctx, keys_hash=bytes(32)),
        replace(ctx, first_round=2),
        replace(ctx, rounds=1),
        replace(ctx, parties=(3, 5, 9)),
        replace(ctx, indices=(0, 1, 3)),
        replace(ctx, form=replace(ctx.form, packed=True)),
        replace(ctx, ckks=None),
        replace(ceremony_context(4, 2, 26, 42, 2), ckks=None),
        replace(ceremony_context(4, 3, 26, 42, 2), ckks=None),
        ceremony_context(3, 2, 25, 42, 2),
        ceremony_context(3, 2, 26, 43, 2),
    ]
    assert len({changed.digest for changed in changes}) == len(changes)
    assert ctx.round_context(1).digest != ctx.round_context(2).digest


def test_keys__are_of_exactly_the_dealt(played: PlayedCeremony) -> None:
    fewer = {party: played.posted[party] for party in played.ctx.parties[1:]}
    for posted in (fewer, {**played.posted, 99: played.posted[played.ctx.parties[0]]}):
        with pytest.raises(ParameterError, match="dealt to"):
            CeremonyKeys.of(played.ctx, posted)


def test_round_secrets__need_a_round_of_the_ceremony_and_ones_own_dealing(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    with pytest.raises(ParameterError):
        round_secrets(played.ctx, party, played.seeds[party], played.received[party], 9)
    without = {dealer: found for dealer, found in played.received[party].items() if dealer != party}
    with pytest.raises(ParameterError, match="own dealing"):
        round_secrets(played.ctx, party, played.seeds[party], without, 1)


def test_round_secrets__cut_off_or_longer__are_refused(played: PlayedCeremony) -> None:
    party, secrets = played.ctx.parties[0], played.secrets(played.ctx.parties[0], 1)
    rnd = played.ctx.round_context(1)
    assert read_pad_secrets(rnd, party, secrets).me == party
    for wrong in (secrets[:-1], secrets + b"\0", secrets[:HEADER_BYTES], b""):
        with pytest.raises(CryptoError):
            read_pad_secrets(rnd, party, wrong)


def test_a_ceremony_seed__is_drawn_anew() -> None:
    assert len(new_ceremony_seed()) == 32 and new_ceremony_seed() != new_ceremony_seed()
