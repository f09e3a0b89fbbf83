# SPDX-License-Identifier: Apache-2.0
"""Compares the threshold encryption with others on one vector, and writes `out/bench/threshold.json`.

Each system sums five hospitals' vectors of a million parameters; Paillier and BFV take a smaller part of
them, and their figures are scaled to a million. Each runs in a process of its own, so that its peak memory is
its own. Seconds are processor time, all threads together, the least of some repeats in two processes at different
times, since other work on the machine slows both clocks; wall clock stands beside it under `parameters`.
`pads` tells of one-time pads: a head of 31 values and a network of 5,162, at their own size, exact sums as well.
`out/bench/ceremony.json` tells what ceremonies of 3, 16 and 64 hospitals cost, with ciphertexts and with pads alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import bench_pads  # noqa: E402
from scripts.bench_ceremony import CEREMONIES, played_ceremony  # noqa: E402

OUT = ROOT / "out" / "bench"
PARTIES, THRESHOLD, VALUE_BITS, COUNT = 5, 3, 16, 1_000_000
#: A coordinate is a float within the range; 16 bits give it steps of 2^-16.
RANGE, STEP = 0.5, 2.0**-16
PAILLIER_COUNT, PAILLIER_BITS = 32, 3072
BFV_COUNT, BFV_PLAIN_MODULUS = 8192, 1032193
REPEATS, PASSES = 5, 2

Result = TypeVar("Result")


class Stopwatch:
    """Least processor and wall seconds of named pieces of work, scaled to a million parameters."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], Result], repeats: int = REPEATS) -> Result:
        cpu, wall = [], []
        for _ in range(repeats):
            started, begun = time.process_time(), time.perf_counter()
            result = work()
            cpu.append(time.process_time() - started)
            wall.append(time.perf_counter() - begun)
        self.cpu[name] = round(min(cpu) * self.scale, 5)
        self.wall[name] = round(min(wall) * self.scale, 5)
        return result

    def row(self, name: str, **values: Any) -> dict[str, Any]:
        """One entry of `systems`; what was not timed takes no time."""
        scaled = ("bytes_per_parameter", "share_bytes_per_parameter", "ceremony_bytes_per_round", "max_error")
        return {
            "name": name,
            **{key: values.get(key, 0) for key in scaled},
            **{f"{step}_seconds": self.cpu.get(step, 0) for step in STEPS},
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "who_can_read_one_update": values["who_can_read_one_update"],
        }


STEPS = ("encrypt", "serialise", "add", "share", "combine")
SECONDS = {f"{step}_seconds" for step in STEPS}


def updates(count: int = COUNT) -> list[np.ndarray]:
    """The five hospitals' updates as floats: the same in every process, with both ends of the range."""
    generator = np.random.default_rng(20240)
    drawn = [np.clip(generator.normal(0, 0.1, COUNT), -RANGE, RANGE - STEP) for _ in range(PARTIES)]
    for update in drawn:
        update[:2] = -RANGE, RANGE - STEP
    return [update[:count].astype(np.float64) for update in drawn]


def quantised(count: int = COUNT) -> list[np.ndarray]:
    """The updates as 16-bit integers."""
    half = 1 << (VALUE_BITS - 1)
    return [np.clip(np.rint(update / STEP), -half, half - 1).astype(np.int64) for update in updates(count)]


def largest_error(found: Any, count: int = COUNT) -> float:
    """Against the exact sum of the floats."""
    return float(np.abs(np.asarray(found, dtype=np.float64) - sum(updates(count))).max())


def float32() -> tuple[dict[str, Any], Stopwatch]:
    """No encryption."""
    watch = Stopwatch()
    arrays = [update.astype(np.float32) for update in updates()]
    data = watch("serialise", arrays[0].tobytes)
    total = arrays[0]
    for array in arrays[1:]:
        total = watch("add", lambda left=total, right=array: left + right)
    found = watch("combine", total.tolist)
    row = watch.row(
        "float32",
        bytes_per_parameter=len(data) / COUNT,
        max_error=largest_error(found),
        who_can_read_one_update="anyone who receives it",
    )
    return row, watch


def flare() -> tuple[dict[str, Any], Stopwatch]:
    """TenSEAL with the parameters that NVIDIA FLARE sets by default."""
    import tenseal

    watch = Stopwatch()
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS,
        8192,
        coeff_mod_bit_sizes=[60, 40, 40],
        encryption_type=tenseal.ENCRYPTION_TYPE.SYMMETRIC,
    )
    context.global_scale = 2**40
    vectors = updates()
    encrypted = watch("encrypt", lambda: tenseal.ckks_vector(context, vectors[0]))
    data = watch("serialise", encrypted.serialize)
    total = tenseal.ckks_vector_from(context, data)
    for vector in vectors[1:]:
        other = tenseal.ckks_vector(context, vector)
        total = watch("add", lambda left=total, right=other: left + right)
    found = watch("combine", total.decrypt)
    row = watch.row(
        "flare",
        bytes_per_parameter=len(data) / COUNT,
        max_error=largest_error(found),
        who_can_read_one_update="any client together with the server: all clients hold the same secret key",
    )
    return row, watch


def paillier() -> tuple[dict[str, Any], Stopwatch]:
    """One value to a ciphertext, as libraries for federated learning do."""
    from phe import paillier as library

    watch = Stopwatch(COUNT / PAILLIER_COUNT)
    public, private = library.generate_paillier_keypair(n_length=PAILLIER_BITS)
    vectors = [update.tolist() for update in quantised(PAILLIER_COUNT)]
    size = PAILLIER_BITS // 4
    columns = [[public.encrypt(value) for value in vector] for vector in vectors[1:]]
    total = watch("encrypt", lambda: [public.encrypt(value) for value in vectors[0]], 1)
    data = watch("serialise", lambda: b"".join(number.ciphertext().to_bytes(size, "big") for number in total), 1)
    for column in columns:
        total = watch("add", lambda left=total, right=column: [a + b for a, b in zip(left, right, strict=True)], 1)
    found = watch("combine", lambda: [private.decrypt(number) for number in total], 1)
    row = watch.row(
        "paillier",
        bytes_per_parameter=len(data) / PAILLIER_COUNT,
        max_error=largest_error(np.array(found) * STEP, PAILLIER_COUNT),
        who_can_read_one_update="whoever holds the one private key",
    )
    return row, watch


def bfv() -> tuple[dict[str, Any], Stopwatch]:
    """TenSEAL's exact scheme, one ciphertext of it."""
    import tenseal

    watch = Stopwatch(COUNT / BFV_COUNT)
    context = tenseal.context(
        tenseal.SCHEME_TYPE.BFV,
        8192,
        plain_modulus=BFV_PLAIN_MODULUS,
        encryption_type=tenseal.ENCRYPTION_TYPE.SYMMETRIC,
    )
    vectors = quantised(BFV_COUNT)
    encrypted = watch("encrypt", lambda: tenseal.bfv_vector(context, vectors[0].tolist()))
    data = watch("serialise", encrypted.serialize)
    total = tenseal.bfv_vector_from(context, data)
    for vector in vectors[1:]:
        other = tenseal.bfv_vector(context, vector.tolist())
        total = watch("add", lambda left=total, right=other: left + right)
    found = watch("combine", total.decrypt)
    row = watch.row(
        "bfv",
        bytes_per_parameter=len(data) / BFV_COUNT,
        max_error=largest_error(np.array(found) * STEP, BFV_COUNT),
        who_can_read_one_update="whoever holds the one secret key",
    )
    return row, watch


def consilium() -> tuple[dict[str, Any], Stopwatch]:
    """Ours, with keys dealt among the five hospitals."""
    from node import crypto

    watch = Stopwatch()
    ceremony = played_ceremony(PARTIES, THRESHOLD, VALUE_BITS, COUNT)
    ctx, parties = ceremony.ctx.round_context(1), ceremony.ctx.parties
    quorum = parties[:THRESHOLD]
    first, secret = parties[0], ceremony.secrets[parties[0]]
    vectors = dict(zip(parties, quantised(), strict=True))
    files = {party: crypto.encrypt(ctx, party, ceremony.secrets[party], vectors[party]) for party in parties}
    watch("encrypt", lambda: crypto.encrypt(ctx, first, secret, vectors[first]))
    read = [crypto.read_ciphertext(ctx, party, data) for party, data in files.items()]
    watch("serialise", lambda: crypto.write_sum(ctx, crypto.CiphertextSum((first,), read[0].blocks)))
    watch("add", lambda: crypto.add(ctx, read[:2]))
    # Encryption gives the file itself: what writing takes is counted once.
    for seconds in (watch.cpu, watch.wall):
        seconds["encrypt"] = round(seconds["encrypt"] - seconds["serialise"], 5)
    total = crypto.add(ctx, read)
    shares = {party: crypto.opening_share(ctx, party, ceremony.secrets[party], parties, quorum) for party in quorum}
    watch("share", lambda: crypto.opening_share(ctx, first, secret, parties, quorum))

    def combine() -> list[int]:
        return crypto.open_sum(
            ctx, total, [crypto.read_share(ctx, k, parties, quorum, data) for k, data in shares.items()]
        )

    found = np.array(watch("combine", combine))
    if not np.array_equal(found, sum(vectors.values())):
        raise SystemExit("the opened sum is not exact")
    row = watch.row(
        "consilium",
        bytes_per_parameter=len(files[first]) / COUNT,
        share_bytes_per_parameter=len(shares[first]) / COUNT,
        ceremony_bytes_per_round=ceremony.sent_bytes,
        max_error=largest_error(found * STEP),
        who_can_read_one_update=f"any {THRESHOLD} of the {PARTIES} hospitals together",
    )
    return row, watch


SYSTEMS: Mapping[str, Callable[[], tuple[dict[str, Any], Stopwatch]]] = {
    work.__name__: work for work in (float32, flare, paillier, bfv, consilium)
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--no-ceremonies", action="store_true", help="leave out the ceremonies of 3, 16 and 64")
    options = parser.parse_args()
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
    options.out.mkdir(parents=True, exist_ok=True)
    passes = [{name: _alone(_system, name) for name in SYSTEMS} for _ in range(PASSES)]
    systems, wall = [], {}
    for name in SYSTEMS:
        rows, clocks = zip(*(done[name] for done in passes), strict=True)
        wall[name] = {step: min(clock[step] for clock in clocks) for step in clocks[0]}
        systems.append({**rows[0], **{key: min(row[key] for row in rows) for key in rows[0] if key in SECONDS}})
        _show(systems[-1])
    pads = [_alone(bench_pads.pads_round, *model) for model in bench_pads.MODELS]
    for row in pads:
        print(f"  {row['name']} of {row['count']}: {row}", flush=True)
    report = {"machine": machine, "parameters": _parameters(wall), "systems": systems, "pads": pads}
    _write(options.out / "threshold.json", report)
    _compare({row["name"]: row for row in systems})
    if not options.no_ceremonies:
        rows = [_alone(_ceremony, *sizes) for sizes in CEREMONIES]
        rows += [_alone(_pads_ceremony, *sizes) for sizes in bench_pads.CEREMONIES]
        _write(options.out / "ceremony.json", {"machine": machine, "seconds": "processor", "ceremonies": rows})
    return 0


def _system(name: str) -> tuple[dict[str, Any], dict[str, float]]:
    row, watch = SYSTEMS[name]()
    return row, watch.wall


def _ceremony(parties: int, threshold: int, value_bits: int, count: int) -> dict[str, Any]:
    row = played_ceremony(parties, threshold, value_bits, count).figures()
    print(f"  ceremony of {parties}: {row}", flush=True)
    return row


def _pads_ceremony(parties: int, threshold: int) -> dict[str, Any]:
    row = bench_pads.pads_ceremony(parties, threshold)
    print(f"  pads' ceremony of {parties}: {row}", flush=True)
    return row


def _parameters(wall: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    from node.crypto import choose_parameters

    chosen = choose_parameters(PARTIES, THRESHOLD, VALUE_BITS, COUNT)
    return {
        "count": COUNT,
        "hospitals": PARTIES,
        "threshold": THRESHOLD,
        "value_bits": VALUE_BITS,
        "repeats": REPEATS * PASSES,
        "seconds": "processor time, all threads, least of the repeats; encrypt, serialise and share: one hospital; "
        "add: one ciphertext to another; combine: shares and sum to integers, or decryption with the secret key",
        "wall_seconds": wall,
        "max_error": "against the sum of the floats; consilium, paillier and bfv sum 16-bit integers exactly, "
        "theirs is rounding to 16 bits",
        "peak_mb": "of the whole process, all five hospitals and the ceremony in it",
        "flare": {"degree": 8192, "bits": [60, 40, 40], "scale_bits": 40, "encryption": "symmetric"},
        "paillier": {"key_bits": PAILLIER_BITS, "count": PAILLIER_COUNT, "scaled_to": COUNT},
        "bfv": {"degree": 8192, "plain_modulus": BFV_PLAIN_MODULUS, "count": BFV_COUNT, "scaled_to": COUNT},
        "consilium": {
            "degree": chosen.degree,
            "data_bits": chosen.modulus.bit_length(),
            "digits": chosen.digits,
            "noise_bits": chosen.noise_bits,
            "shift": chosen.shift,
            "statistical_security": chosen.statistical_security,
            "ceremony": "bytes that one hospital posts for ciphertexts in a ceremony of one round",
        },
    }


def _compare(rows: Mapping[str, Mapping[str, Any]]) -> None:
    ours, theirs = rows["consilium"], rows["flare"]
    ratios = {
        "bytes (goal 1/13)": ours["bytes_per_parameter"] / theirs["bytes_per_parameter"],
        "encrypt + serialise (goal 0.6)": (ours["encrypt_seconds"] + ours["serialise_seconds"])
        / (theirs["encrypt_seconds"] + theirs["serialise_seconds"]),
        "add (goal 1)": ours["add_seconds"] / theirs["add_seconds"],
        "combine (goal 2)": ours["combine_seconds"] / theirs["combine_seconds"],
    }
    print("ours / FLARE's parameters: " + "; ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()))


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Runs the work in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _show(row: Mapping[str, Any]) -> None:
    steps = "  ".join(f"{step} {row[f'{step}_seconds']:.4f}" for step in STEPS)
    print(f"  {row['name']:<10} {row['bytes_per_parameter']:8.2f} B  {steps}  {row['peak_mb']} MB", flush=True)


def _write(path: Path, report: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"Report: {path}")


if __name__ == "__main__":
    sys.exit(main())
