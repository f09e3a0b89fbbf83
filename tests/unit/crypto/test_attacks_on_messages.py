# SPDX-License-Identifier: Apache-2.0
"""Attacks through ciphertexts and through what a node forgets: each succeeds on a weakened variant, not on ours."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tenseal

from node.crypto import RoundContext, add, encrypt, open_sum, opening_share, read_ciphertext, read_share
from node.crypto.encryption import Ciphertext, data_ring, round_polynomial
from node.crypto.packing import pack
from node.crypto.parameters import MODULI
from node.crypto.prf import Words
from node.crypto.ring import Ring, ring
from node.errors import MalformedCiphertext, OpeningFailed, OpeningRefused, SecretUnavailable
from node.secrets import SecretStore
from node.state import NodeState
from tests.support.threshold import dealt_keys, extreme_values, secret_of
from tests.support.weakened import TwoComponents, centred, quotient, study, total_of, zeros

# Where an attacker puts what it wants to read: above every honest digit, below the modulus.
FREE_BIT = 94


class Victims:
    """A round of three hospitals under our scheme; the first two are honest, the third attacks."""

    def __init__(self) -> None:
        # As many values as a block holds, so that an opening shows every coefficient.
        self.ctx = study(3, 2, 3 * 8192)
        self.domain = data_ring(self.ctx)
        self.keys = dealt_keys(self.ctx, self.ctx.parties, self.ctx.parties)
        self.values = {party: extreme_values(self.ctx, party) for party in self.ctx.parties}
        self.files = {party: encrypt(self.ctx, party, self.keys[party], self.values[party]) for party in self.parties}
        self.blocks = {party: read_ciphertext(self.ctx, party, file).blocks[0] for party, file in self.files.items()}

    @property
    def parties(self) -> tuple[int, ...]:
        return self.ctx.parties

    def opened(self, third: Words) -> list[int]:
        """What everybody sees when the attacker sent `third`: the opened coefficients as centred integers."""
        quorum = self.parties[:2]
        shares = [
            read_share(self.ctx, k, self.parties, quorum,
                       opening_share(self.ctx, k, self.keys[k], self.parties, quorum)).blocks[0]
            for k in quorum
        ]  # fmt: skip
        sent = [self.blocks[self.parties[0]], self.blocks[self.parties[1]], third]
        opened = self.domain.inverse(total_of(self.domain, sent))
        return centred(self.domain, total_of(self.domain, [opened, *shares]))


@pytest.fixture(scope="module")
def victims() -> Victims:
    return Victims()


def constant(domain: Ring, value: int) -> Words:
    """A constant polynomial, NTT domain."""
    return np.stack([np.full(domain.degree, value % prime, dtype=np.uint64) for prime in domain.primes])


def times(domain: Ring, polynomial: Words, factor: int) -> Words:
    return domain.scale(polynomial, domain.constants([factor] * len(domain.primes)))


def rounded(coefficients: list[int]) -> list[int]:
    return [(value + (1 << (FREE_BIT - 1))) >> FREE_BIT for value in coefficients]


def test_a_constant_added_to_the_second_component__reveals_the_joint_key() -> None:
    weak = TwoComponents(seed=1)
    honest = [weak.encrypt(range(64)), weak.encrypt(range(64, 128))]
    first, second = weak.encrypt([0] * 64)
    tampered = weak.domain.add(second, constant(weak.domain, 1 << FREE_BIT))
    key = centred(weak.domain, weak.domain.inverse(weak.secret))
    assert rounded(weak.open([*honest, (first, tampered)])) == key


def test_a_constant_added_to_the_only_component__changes_the_senders_message_and_nothing_else(
    victims: Victims,
) -> None:
    sent = victims.blocks[victims.parties[2]]
    before = victims.opened(sent)
    after = victims.opened(victims.domain.add(sent, constant(victims.domain, 1 << FREE_BIT)))
    difference = [right - left for left, right in zip(before, after, strict=True)]
    assert difference == [1 << FREE_BIT] + [0] * 8191


@pytest.mark.parametrize("when", ["the same round", "an earlier round"])
def test_a_scaled_copy_of_anothers_ciphertext__opens_that_hospitals_message_under_a_joint_key(when: str) -> None:
    weak = TwoComponents(seed=2)
    secret_message = [7 * place + 1 for place in range(64)]
    target = weak.encrypt(secret_message)
    copy = tuple(times(weak.domain, part, 1 << (FREE_BIT - weak.SHIFT)) for part in target)
    this_round = [target if when == "the same round" else weak.encrypt([3] * 64), weak.encrypt([5] * 64)]
    assert rounded(weak.open([*this_round, copy])) == secret_message


@pytest.mark.parametrize("when", ["the same round", "an earlier round"])
def test_a_scaled_copy_of_anothers_ciphertext__opens_nothing_under_secrets_of_each_round(
    victims: Victims, when: str
) -> None:
    """The attacker even corrects for its own secret, which the opening takes away."""
    ctx, domain = victims.ctx, victims.domain
    target, _, attacker = victims.parties
    source = ctx if when == "the same round" else ctx.batch.round_context(2)
    keys = victims.keys if source is ctx else dealt_keys(source, [target], [])
    file = encrypt(source, target, keys[target], victims.values[target])
    if source is not ctx:
        with pytest.raises(MalformedCiphertext, match="seed"):
            read_ciphertext(ctx, attacker, file)
    words = read_ciphertext(source, target, file).blocks[0]
    scaled = times(domain, words, 1 << (FREE_BIT - ctx.parameters.shift))
    own = domain.multiply(round_polynomial(ctx, 0), secret_of(ctx, attacker))
    copy = domain.subtract(scaled, own)
    message = centred(domain, pack(ctx.parameters, victims.values[target], domain)[0])
    read = rounded(victims.opened(copy))
    assert sum(found == value >> ctx.parameters.shift for found, value in zip(read, message, strict=True)) == 0
    assert sum(abs(value) < 1 << (FREE_BIT + 60) for value in victims.opened(copy)) == 0
    total = add(
        ctx, [Ciphertext(p, (victims.blocks[p],)) for p in victims.parties[:2]] + [Ciphertext(attacker, (copy,))]
    )
    quorum = victims.parties[:2]
    shares = [
        read_share(ctx, k, victims.parties, quorum,
                   opening_share(ctx, k, victims.keys[k], victims.parties, quorum))
        for k in quorum
    ]  # fmt: skip
    with pytest.raises(OpeningFailed):
        open_sum(ctx, total, shares)


def test_seals_own_pair_beside_the_file__gives_the_key_to_who_knows_the_message(
    victims: Victims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both, the error cancels: c - c0' = (a' - a) * s + m. Our files are all that leaves `encrypt`."""
    ctx, domain, party = victims.ctx, victims.domain, victims.parties[0]
    pairs = []
    original = tenseal.ckks_vector

    def leaking(*arguments: object) -> object:
        pairs.append(original(*arguments))
        return pairs[-1]

    monkeypatch.setattr("node.crypto.encryption.tenseal.ckks_vector", leaking)
    file = encrypt(ctx, party, victims.keys[party], victims.values[party])
    kept = pairs[0].ciphertext()[0]
    words = np.array([kept[place] for place in range(2 * 3 * 8192)], dtype=np.uint64)
    first, second = words.reshape(2, 3, 8192)
    block = read_ciphertext(ctx, party, file).blocks[0]
    message = domain.forward(pack(ctx.parameters, victims.values[party], domain)[0])
    common = round_polynomial(ctx, 0)
    secret = secret_of(ctx, party)

    without_message = domain.subtract(block, message)
    with_pair = quotient(domain, domain.subtract(without_message, first), domain.subtract(second, common))
    assert np.array_equal(with_pair, secret)
    file_alone = quotient(domain, without_message, domain.subtract(zeros(domain), common))
    assert not (domain.inverse(file_alone) == domain.inverse(secret)).all(axis=0).any()
    for part in (first, second):
        assert part[0, :2].tobytes() not in file


def noise_free_solution(domain: Ring, factor: Words, product: Words, used: int) -> np.ndarray | None:
    """A ternary s with factor * s = product in all coefficients but the first `used`, or None."""
    prime, degree = domain.primes[0], domain.degree
    column = domain.inverse(factor)[0].tolist()
    rows = [
        [(column[k - j] if k >= j else prime - column[k - j + degree]) % prime for j in range(degree)]
        for k in range(used, degree)
    ]
    right = domain.inverse(product)[0].tolist()[used:]
    system = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for pivot in range(len(system)):
        swap = next(k for k in range(pivot, len(system)) if system[k][pivot])
        system[pivot], system[swap] = system[swap], system[pivot]
        inverse = pow(system[pivot][pivot], -1, prime)
        system[pivot] = [value * inverse % prime for value in system[pivot]]
        for k, row in enumerate(system):
            if k != pivot and row[pivot]:
                system[k] = [(x - row[pivot] * y) % prime for x, y in zip(row, system[pivot], strict=True)]
    for free in itertools.product((0, 1, prime - 1), repeat=used):
        solved = [
            (row[-1] - sum(x * y for x, y in zip(row[len(system) : -1], free, strict=True))) % prime for row in system
        ]
        if set(solved) <= {0, 1, prime - 1}:
            return np.array([*solved, *free])
    return None


def test_seals_own_pair_beside_a_short_message__gives_the_key_without_knowing_it() -> None:
    """Coefficients that carry nothing are equations without noise: linear algebra and a few guesses."""
    domain = ring(64, MODULI[8192][:-1])
    generator = np.random.default_rng(5)

    def uniform() -> Words:
        return np.stack([generator.integers(0, prime, 64, dtype=np.uint64) for prime in domain.primes])

    secret = domain.from_signed(generator.integers(-1, 2, 64))
    error = domain.from_signed(generator.integers(-21, 22, 64))
    message = domain.from_signed(np.array([123456789, -987654321] + [0] * 62) << 20)
    common, seals = uniform(), uniform()
    key = domain.forward(secret)
    first = domain.subtract(domain.forward(error), domain.multiply(seals, key))
    file = domain.subtract(domain.forward(domain.add(message, error)), domain.multiply(common, key))
    found = noise_free_solution(domain, domain.subtract(seals, common), domain.subtract(file, first), used=2)
    assert found is not None and found.tolist() == secret[0].tolist()
    assert noise_free_solution(domain, domain.subtract(zeros(domain), common), file, used=2) is None


# What a node must not forget


#: The model that rounds start from.
ROOT = 1234567


def members(included: tuple[int, ...]) -> dict[int, bytes]:
    """A set as a node writes it down: hospitals, and digests of what they submitted."""
    return {party: bytes((party,)) * 32 for party in included}


def study_of_four() -> tuple[RoundContext, dict[int, bytes], dict[int, list[int]]]:
    ctx = study(4, 2, 42)
    return ctx, dealt_keys(ctx, ctx.parties, ctx.parties), {party: extreme_values(ctx, party) for party in ctx.parties}


def opened_by_willing_nodes(
    ctx: RoundContext,
    keys: dict[int, bytes],
    files: dict[int, bytes],
    included: tuple[int, ...],
    consent: Callable[[tuple[int, ...]], None],
) -> np.ndarray:
    """Opens a set if every member of the quorum consents."""
    quorum = ctx.parties[:2]
    shares = []
    for member in quorum:
        consent(included)
        data = opening_share(ctx, member, keys[member], included, quorum)
        shares.append(read_share(ctx, member, included, quorum, data))
    total = add(ctx, [read_ciphertext(ctx, party, files[party]) for party in included])
    return np.array(open_sum(ctx, total, shares))


def test_a_set_and_the_set_without_one_hospital__give_that_hospitals_update_unless_nodes_remember(
    tmp_path: Path,
) -> None:
    ctx, keys, values = study_of_four()
    files = {party: encrypt(ctx, party, keys[party], values[party]) for party in ctx.parties}
    forgetful = [opened_by_willing_nodes(ctx, keys, files, s, lambda _: None) for s in (ctx.parties, ctx.parties[:3])]
    assert (forgetful[0] - forgetful[1]).tolist() == values[ctx.parties[3]]

    with NodeState(tmp_path / "node.sqlite") as state:

        def remembering(included: tuple[int, ...]) -> None:
            state.record_set(ctx.identified.study_id, ROOT, ctx.round, members(included))

        opened_by_willing_nodes(ctx, keys, files, ctx.parties, remembering)
        with pytest.raises(OpeningRefused, match="no other"):
            opened_by_willing_nodes(ctx, keys, files, ctx.parties[:3], remembering)


def test_a_round_that_was_spoiled_and_the_next_from_the_same_model__give_an_update_unless_nodes_remember_the_model(
    tmp_path: Path,
) -> None:
    """Each round has keys of its own and opens one set: a memory of rounds refuses neither."""
    first, keys, values = study_of_four()
    second = first.batch.round_context(first.round + 1)
    rounds = [
        (first, keys, first.parties),
        (second, dealt_keys(second, second.parties, second.parties), first.parties[:3]),
    ]

    def opened(allow: Callable[[RoundContext, tuple[int, ...]], None]) -> list[np.ndarray]:
        sums = []
        for ctx, secrets, included in rounds:
            # Without noise, the same model and the same records give the same values again.
            files = {party: encrypt(ctx, party, secrets[party], values[party]) for party in included}
            sums.append(opened_by_willing_nodes(ctx, secrets, files, included, partial(allow, ctx)))
        return sums

    with NodeState(tmp_path / "node.sqlite") as state:

        def by_round(ctx: RoundContext, included: tuple[int, ...]) -> None:
            # As if every round started from a model of its own.
            state.record_set(ctx.identified.study_id, ctx.round, ctx.round, members(included))

        whole, rest = opened(by_round)
        assert (whole - rest).tolist() == values[first.parties[3]]

        def by_model(ctx: RoundContext, included: tuple[int, ...]) -> None:
            state.record_set(ctx.identified.study_id, ROOT, ctx.round, members(included))

        with pytest.raises(OpeningRefused):
            opened(by_model)


def test_an_old_backup_of_a_nodes_memory__opens_a_second_set_unless_round_secrets_stay_out_of_backups(
    tmp_path: Path,
) -> None:
    ctx, keys, values = study_of_four()
    files = {party: encrypt(ctx, party, keys[party], values[party]) for party in ctx.parties}
    memory, backup, name = tmp_path / "node.sqlite", tmp_path / "backup.sqlite", "study-7/ceremony-0/round-1"
    secrets = SecretStore(tmp_path / "secrets", "a passphrase", work_factor=2)
    secrets.put(name, keys[ctx.parties[0]])
    NodeState(memory).close()
    shutil.copy(memory, backup)

    def consent(included: tuple[int, ...]) -> None:
        with NodeState(memory) as state:
            state.record_set(ctx.identified.study_id, ROOT, ctx.round, members(included))
        secrets.get(name)

    whole = opened_by_willing_nodes(ctx, keys, files, ctx.parties, consent)
    shutil.copy(backup, memory)
    rest = opened_by_willing_nodes(ctx, keys, files, ctx.parties[:3], consent)
    assert (whole - rest).tolist() == values[ctx.parties[3]]

    # Ours: backups leave round secrets out, so a restored node has none to open with and sits the batch out.
    shutil.copy(backup, memory)
    restored = SecretStore(tmp_path / "restored", "a passphrase", work_factor=2)
    secrets = restored
    with pytest.raises(SecretUnavailable):
        opened_by_willing_nodes(ctx, keys, files, ctx.parties[:3], consent)


def test_an_old_backup_of_a_closed_rounds_secrets__does_not_open_under_the_store_that_erased_their_key(
    tmp_path: Path,
) -> None:
    folder, name = tmp_path / "secrets", "study-7/ceremony-0/round-1"
    store = SecretStore(folder, "a passphrase", work_factor=2)
    store.put(name, b"round secrets")
    shutil.copy(folder / f"{name}.item", tmp_path / "old.item")
    store.erase(name)
    shutil.copy(tmp_path / "old.item", folder / f"{name}.item")
    with pytest.raises(SecretUnavailable):
        SecretStore(folder, "a passphrase", work_factor=2).get(name)
