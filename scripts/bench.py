# SPDX-License-Identifier: Apache-2.0
"""Measures every stage of a hospital's round at full size, and writes `out/bench/stages.json`.

Each stage runs in a process of its own, so that its peak memory is its own, above what the modules take. The two
provers prove the same witness, and are compared by their medians within this run. Records: the demo's first hospital.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node import crypto
from node.group.babyjubjub import IDENTITY, add
from node.group.pedersen import commit, random_blinding
from node.learning.scaling import Scaling
from node.plan import HeadPlan
from node.proofs.artefacts import find_artefacts
from node.proofs.prover import NATIVE_BINARY, SNARKJS, compute_witness, node_program
from node.steps.head_records import HeadRecords
from node.steps.records import read_records
from node.steps.trained import Trained
from node.storage.cid import address
from scripts.children import ROOT
from scripts.demo_plan import TableCast, table_cast

OUT = ROOT / "out" / "bench"
REPEATS = 3
#: A hospital's table as large as its reading, scaling and committing to is measured with.
TABLE_ROWS = 50_000
PARTIES = (1, 2, 3)
CONTRACT = "0x" + "11" * 20
TABLE = "table.csv"


@dataclass(frozen=True)
class Measurement:
    """One stage: median seconds, bytes of what it makes (0: nothing that travels), peak memory in MB."""

    stage: str
    seconds: float
    bytes: int
    peak_mb: int


class Hospital:
    """Everything that one round of one hospital needs, made once before the measuring starts."""

    def __init__(self) -> None:
        self.cast: TableCast = table_cast(len(PARTIES), 1, 0)
        self.plan = self.cast.plan
        table = self.cast.tables.hospitals[0]
        rows = tuple(map(tuple, Scaling(self.plan.scaling).apply(table.rows)))
        self.records = HeadRecords(self.plan, rows, table.labels, salt=1)
        self.bits = self.plan.quantisation.value_bits
        self.weights = self.plan.model.initial
        self.trained = self.train()
        self.blinding = random_blinding()
        self.commitment = commit(self.trained.values, self.blinding)
        form, threshold = crypto.UpdateForm(len(self.weights), self.bits), self.plan.encryption.threshold
        self.ceremony = crypto.CeremonyContext(
            crypto.CeremonyIdentity(1337, CONTRACT, 1, 1), bytes(32), PARTIES, tuple(range(len(PARTIES))), threshold,
            1, 1, form, form.parameters(len(PARTIES), threshold),
        )  # fmt: skip
        self.seeds = {party: crypto.new_ceremony_seed() for party in PARTIES}
        posted = {party: crypto.keys_to_post(self.ceremony.identified, self.seeds[party]) for party in PARTIES}
        self.keys = crypto.CeremonyKeys.of(self.ceremony, posted)
        self.dealings = {party: self.deal(party) for party in PARTIES}
        self.secrets = {
            party: crypto.round_secrets(self.ceremony, party, self.seeds[party], self.receive(party), 1)
            for party in PARTIES
        }
        dealt = {party: crypto.read_dealing(self.ceremony, party, self.dealings[party]).pads[1] for party in PARTIES}
        self.rules = crypto.round_opening(self.ceremony.round_context(1), dealt, ckks_first=True)
        self.payloads = {party: self.hide(party) for party in PARTIES}
        self.read = [self.check_payload(party) for party in PARTIES]
        self.quorum = PARTIES[:threshold]
        self.ckks, self.pads = self.rules.first(self.quorum), self.rules.later()
        self.shares = {party: self.share(party, self.ckks) for party in self.quorum}
        self.sigmas = {party: self.share(party, self.pads) for party in self.quorum}

    def train(self) -> Trained:
        return self.records.train(self.weights, round=1, seed="")

    def deal(self, party: int) -> bytes:
        return crypto.make_dealing(self.ceremony, party, self.seeds[party], self.keys)

    def receive(self, me: int) -> dict[int, crypto.ReceivedDealing]:
        received = {}
        for dealer in PARTIES:
            found = crypto.receive_dealing(self.ceremony, me, self.seeds[me], self.keys, dealer, self.dealings[dealer])
            assert isinstance(found, crypto.ReceivedDealing)
            received[dealer] = found
        return received

    def judge(self) -> crypto.Judgement:
        posted = {
            party: crypto.PostedDealing(address(data)[0].digest, len(data), True, data)
            for party, data in self.dealings.items()
        }
        return crypto.judge_ceremony(self.ceremony, self.keys, posted, ())

    def hide(self, party: int) -> bytes:
        return self.rules.make_payload(party, self.secrets[party], self.trained.values, self.blinding)

    def check_payload(self, party: int) -> crypto.Payload:
        return self.rules.read_payload(party, self.payloads[party], self.commitment)

    def share(self, party: int, way: crypto.SumOpening) -> bytes:
        return way.share(party, self.secrets[party], PARTIES)

    def open(self, way: crypto.SumOpening, shares: dict[int, bytes]) -> crypto.OpenedSum:
        total = IDENTITY
        for _ in PARTIES:
            total = add(total, self.commitment)
        return way.open(self.read, shares, total)

    def witness(self, path: Path) -> None:
        """Write the training circuit's witness."""
        statement = self.records.statement(
            context=1, weights=self.weights, trained=self.trained, blinding=self.blinding
        )
        compute_witness(find_artefacts(self.plan.training.circuit), statement, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    started = time.monotonic()
    print("Preparing one round of three hospitals …", flush=True)
    hospital = Hospital()
    sums = tuple(3 * value for value in hospital.trained.values)
    assert hospital.open(hospital.ckks, hospital.shares).values == sums
    assert hospital.open(hospital.pads, hospital.sigmas).values == sums
    with tempfile.TemporaryDirectory(prefix="consilium-bench-") as name:
        folder = Path(name)
        _write_table(hospital.plan, folder / TABLE)
        stages = [measure(stage, work) for stage, work in _stages(hospital, folder).items()]
        provers = _compare_provers(hospital, folder, stages)
    report = {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "parameters": {
            "hospitals": len(PARTIES),
            "threshold": hospital.plan.encryption.threshold,
            "rows": hospital.records.rows,
            "coordinates": len(hospital.weights),
            "value_bits": hospital.bits,
            "circuit": hospital.plan.training.circuit,
            "repeats": REPEATS,
            "table_rows": TABLE_ROWS,
        },
        "stages": [vars(stage) for stage in stages],
        "provers": provers,
        "seconds_total": round(time.monotonic() - started, 1),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "stages.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"native prover {provers['ratio']:.1f}× as fast as snarkjs. Report: {path}")
    return 0


def measure(stage: str, work: Callable[[], bytes]) -> Measurement:
    """Run a stage REPEATS times in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        seconds, size = [], 0
        for _ in range(REPEATS):
            begun = time.perf_counter()
            size = len(work())
            seconds.append(time.perf_counter() - begun)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        sender.send((median(seconds), size, max(own, children) // 1024))

    process = context.Process(target=child)
    process.start()
    sender.close()
    try:
        seconds, size, peak = receiver.recv()
    except EOFError:
        raise SystemExit(f"the stage {stage} failed") from None
    finally:
        process.join()
    print(f"  {stage:<22} {seconds:9.3f} s  {size:>9,} bytes  {peak:>6,} MB", flush=True)
    return Measurement(stage, round(seconds, 5), size, peak)


def _stages(hospital: Hospital, folder: Path) -> dict[str, Callable[[], bytes]]:
    """What a hospital does in a ceremony of one round and in a round, by name; each gives its file."""

    def silently(work: Callable[[], Any]) -> Callable[[], bytes]:
        def run() -> bytes:
            work()
            return b""

        return run

    first = PARTIES[0]
    return {
        "read-table": silently(lambda: read_records(folder / TABLE, hospital.plan, 1)),
        "ceremony-deal": lambda: hospital.deal(first),
        "ceremony-read-dealings": silently(lambda: hospital.receive(first)),
        "ceremony-judge": silently(hospital.judge),
        "train": silently(hospital.train),
        "commit": silently(lambda: commit(hospital.trained.values, hospital.blinding)),
        "make-payload": lambda: hospital.hide(first),
        "witness": lambda: _witness(hospital, folder),
        "check-payload": silently(lambda: hospital.check_payload(first)),
        "share-ckks": lambda: hospital.share(first, hospital.ckks),
        "open-ckks": silently(lambda: hospital.open(hospital.ckks, hospital.shares)),
        "share-pads": lambda: hospital.share(first, hospital.pads),
        "open-pads": silently(lambda: hospital.open(hospital.pads, hospital.sigmas)),
    }


def _write_table(plan: HeadPlan, path: Path) -> None:
    """Records that nobody has, with four digits as a laboratory gives them."""
    random = np.random.default_rng(0)
    columns = [random.normal(float(f.mean), float(f.std), TABLE_ROWS) for f in plan.scaling]
    label = plan.model.label
    labels = np.where(random.random(TABLE_ROWS) < 0.4, label.positive, label.negative)
    with path.open("w") as stream:
        stream.write(",".join([*plan.model.features, label.name]) + "\n")
        for *values, answer in zip(*columns, labels, strict=True):
            stream.write(",".join(f"{value:.4g}" for value in values) + f",{answer}\n")


def _witness(hospital: Hospital, folder: Path) -> bytes:
    path = folder / "witness.wtns"
    path.unlink(missing_ok=True)
    hospital.witness(path)
    return b""


def _compare_provers(hospital: Hospital, folder: Path, stages: list[Measurement]) -> dict[str, object]:
    """Both provers on one witness, one after the other."""
    artefacts = find_artefacts(hospital.plan.training.circuit)
    hospital.witness(folder / "both.wtns")
    files = [str(path) for path in (artefacts.proving_key, folder / "both.wtns")]
    outputs = [str(folder / "proof.json"), str(folder / "public.json")]
    commands = {
        "native": [str(NATIVE_BINARY), "prove", *files, *outputs],
        "snarkjs": [node_program(), str(SNARKJS), "groth16", "prove", *files, *outputs],
    }
    for name, command in commands.items():

        def work(command: list[str] = command) -> bytes:
            subprocess.run(command, check=True, capture_output=True)
            return Path(outputs[0]).read_bytes()

        stages.append(measure(f"prove-{name}", work))
    native, snarkjs = stages[-2], stages[-1]
    return {
        "circuit": artefacts.circuit.name,
        "constraints": artefacts.circuit.constraints,
        "native_seconds": native.seconds,
        "snarkjs_seconds": snarkjs.seconds,
        "native_peak_mb": native.peak_mb,
        "snarkjs_peak_mb": snarkjs.peak_mb,
        "ratio": round(snarkjs.seconds / native.seconds, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
