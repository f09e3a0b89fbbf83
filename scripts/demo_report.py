# SPDX-License-Identifier: Apache-2.0
"""The demo's report: measured from the chain, the hospitals' stores and their own metrics. Keys: README."""

from __future__ import annotations

import io
import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from node.chain.client import ChainReader
from node.proofs.artefacts import circuits
from node.proofs.model_document import read_model_document
from node.storage.local import LocalStore
from node.types import ChainEvent, Phase, indices
from node.words import plain
from scripts.demo_liar_report import liar_found, told, unexpected
from scripts.demo_plan import NAMES, Cast
from scripts.localnet import Anvil

Report = dict[str, Any]
STUDY = 1
#: Where what was paid in can be.
MONEY_OUT = ("rewards_paid", "services_paid", "bonds_returned", "refunded", "burnt", "left_in_contracts")

#: Which event each kind of transaction leaves, by contract.
TRANSACTIONS = {
    "submitUpdate": ("RoundManager", "UpdateSubmitted"),
    "attest": ("RoundManager", "CiphertextsAttested"),
    "includeUpdates": ("RoundManager", "UpdatesIncluded"),
    "postShare": ("Openings", "SharePosted"),
    "postPadShare": ("Openings", "PadSharePosted"),
    "postPadShareFile": ("Openings", "PadShareFilePosted"),
    "accuse": ("Court", "Accused"),
    "finalise": ("RoundManager", "RoundFinalised"),
    "postModel": ("RoundManager", "ModelPosted"),
    "failRound": ("RoundManager", "RoundFailed"),
}


@dataclass(frozen=True)
class Measured:
    """A finished run."""

    folder: Path
    cast: Cast
    reader: ChainReader
    anvil: Anvil
    seconds: float
    liar: str | None = None


def build_report(run: Measured) -> Report:
    """Everything the demo measured, as JSON values."""
    plan = run.cast.plan
    pooled, alone = run.cast.pooled(), run.cast.alone()
    return {
        "machine": f"{platform.machine()}, {_cores()} cores, Python {platform.python_version()}",
        "chain_id": run.reader.deployment.chain_id,
        "hospitals": run.cast.hospitals,
        "sampled": _sampled(run.reader),
        "rounds": [_round(run, number) for number in range(1, plan.participation.rounds + 1)],
        "baseline": {
            "pooled_auc": pooled.auc,
            "pooled_accuracy": pooled.accuracy,
            "local_auc": [one.auc for one in alone],
            "local_accuracy": [one.accuracy for one in alone],
            "held_out_records": pooled.rows,
        },
        "proof": {
            "training": _proof(run, plan.training.circuit, "prove", "UpdateSubmitted"),
            "aggregation": _proof(run, plan.aggregation.circuit, "aggregate-prove", "RoundFinalised"),
        },
        "encryption": _encryption(run),
        "ledger": _ledger(run),
        **({"liar": liar_found(run.liar, run.folder, run.reader)} if run.liar else {}),
        "seconds_total": round(run.seconds, 1),
    }


def problems(report: Report, players: Cast) -> list[str]:
    """What makes the demo a failure, in words; empty when it succeeded."""
    found = [
        f"round {entry['round']} is {entry['status']}, not finalised"
        for entry in report["rounds"]
        if entry["status"] != "finalised"
    ]
    final, pooled = report["rounds"][-1]["auc"], report["baseline"]["pooled_auc"]
    if final is None or final < pooled - players.auc_margin:
        found.append(f"the final AUC {final} is more than {players.auc_margin} below pooled training's {pooled:.4f}")
    if "liar" in report:
        found += unexpected(report["liar"])
    money = report["ledger"]
    out = sum(money[part] for part in MONEY_OUT)
    if money["paid_in"] != out:
        found.append(f"money is missing: {money['paid_in']} came in, {out} is accounted for")
    if money["left_in_contracts"]:
        found.append(f"{money['left_in_contracts']} of the smallest token unit are stuck in the contracts")
    return found


def summary(report: Report, players: Cast) -> str:
    """The report as tables for a person."""
    console = Console(highlight=False, width=120, record=True, file=io.StringIO())
    table = Table(title="Rounds", title_justify="left")
    for column in (
        "round",
        "status",
        "took part",
        "proofs",
        "gas of the round",
        "seconds",
        "AUC",
        "accuracy",
    ):
        table.add_column(column, justify="left" if column in ("status", "took part") else "right")
    for entry in report["rounds"]:
        gas = sum(kind["total"] for kind in entry["gas"].values())
        table.add_row(
            str(entry["round"]),
            entry["status"],
            escape(plain(", ".join(name.removeprefix("Hospital ") for name in entry["participants"]))),
            str(entry["proofs"]),
            f"{gas:,}",
            f"{entry['seconds']['total']:.0f}",
            _shown(entry["auc"]),
            _shown(entry["accuracy"]),
        )
    base = report["baseline"]
    table.add_section()
    table.add_row("", "pooled, floating point", "all records in one place", "", "", "",
                  _shown(base["pooled_auc"]), _shown(base["pooled_accuracy"]))  # fmt: skip
    for name, auc, accuracy in zip(NAMES, base["local_auc"], base["local_accuracy"], strict=False):
        table.add_row("", f"{name} alone", "", "", "", "", _shown(auc), _shown(accuracy))
    console.print(table)
    proof, money, encryption = report["proof"], report["ledger"], report["encryption"]
    unit = 10**18
    console.print(
        f"\nProof of training: {proof['training']['constraints']:,} constraints, "
        f"{proof['training']['prove_seconds']:.1f} s ({proof['training']['prover']}), "
        f"{proof['training']['verify_gas']:,} gas to verify. "
        f"Aggregation: {proof['aggregation']['constraints']:,}, "
        f"{proof['aggregation']['prove_seconds']:.1f} s, {proof['aggregation']['verify_gas']:,} gas.\n"
        + (f"Liar: {told(report['liar'])}\n" if "liar" in report else "")
        + f"Encryption: {encryption['upload_bytes']:,} bytes uploaded for {encryption['parameters']} parameters; "
        f"any {encryption['threshold']} hospitals open; "
        f"ceremony {encryption['ceremony_bytes_per_round']:,} bytes a hospital and round.\n"
        f"Money: {money['paid_in'] / unit:,.2f} tokens in; {money['rewards_paid'] / unit:,.2f} rewards, "
        f"{money['services_paid'] / unit:,.2f} for services, {money['bonds_returned'] / unit:,.2f} bonds and "
        f"{money['refunded'] / unit:,.2f} refunds out; {money['burnt'] / unit:,.2f} of fines burnt, "
        f"{money['left_in_contracts']} units left.\n"
        f"{report['seconds_total']:.0f} s in all on {report['machine']}."
    )
    return console.export_text()


def _round(run: Measured, number: int) -> Report:
    reader = run.reader
    state = reader.round_state(STUDY, number)
    enrolled = reader.enrolled_ids(STUDY)
    included = [enrolled[index] for index in indices(state.included_bitmap)]
    weights = _weights(run, number) if state.closed_as is Phase.FINALISED else None
    measured = run.cast.quality(weights) if weights else None
    stages = _stages(run, number)
    return {
        "round": number,
        "status": state.closed_as.name.lower(),
        "participants": [reader.hospital(member).name for member in included],
        "proofs": bin(state.submitted_bitmap).count("1") + (state.closed_as is Phase.FINALISED),
        "rows": state.sum_rows,
        "auc": measured.auc if measured else None,
        "accuracy": measured.accuracy if measured else None,
        "seconds": {name: round(mean(values), 3) for name, values in stages.items()}
        | {"total": state.closed_at - state.started_at},
        "gas": _gas(reader, number),
    }


def _sampled(reader: ChainReader) -> list[Report]:
    """Of the hospitals with more rows than the circuit takes: which block of them was drawn."""
    found = []
    for place in reader.enrolments(STUDY):
        draw = reader.blocks_of(STUDY, place.hospital_id)
        if draw.used:
            name = reader.hospital(place.hospital_id).name
            found.append({"hospital": name, "block": draw.index + 1, "of": draw.blocks, "rows": place.rows})
    return found


def _weights(run: Measured, number: int) -> tuple[int, ...] | None:
    for post in run.reader.model_posts(STUDY, number):
        content = _content(run, post.digest, post.size)
        if content is not None:
            return read_model_document(content)
    return None


def _content(run: Measured, digest: bytes, size: int) -> bytes | None:
    """A file from the stores of the hospitals, wherever it is."""
    for folder in sorted(run.folder.glob("hospital-*/store")):
        store = LocalStore(folder)
        if store.holds(digest, size):
            return store.get(digest, size)
    return None


def _metrics(run: Measured) -> Iterable[Report]:
    for path in sorted(run.folder.glob("hospital-*/metrics.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)


def _stages(run: Measured, number: int) -> dict[str, list[float]]:
    stages: dict[str, list[float]] = defaultdict(list)
    for record in _metrics(run):
        if record["round"] == number:
            stages[record["stage"]].append(record["seconds"])
    return stages


def _gas(reader: ChainReader, number: int) -> dict[str, dict[str, int]]:
    found = {}
    for kind, (contract, event) in TRANSACTIONS.items():
        used = [_gas_used(reader, e) for e in reader.events(contract, event, studyId=STUDY, round=number)]
        if used:
            found[kind] = {"transactions": len(used), "total": sum(used), "mean": round(mean(used))}
    return found


def _gas_used(reader: ChainReader, event: ChainEvent) -> int:
    return int(reader.request("eth_getTransactionReceipt", event.tx_hash)["gasUsed"], 16)


def _proof(run: Measured, circuit: str, stage: str, event: str) -> Report:
    seconds = [record["seconds"] for record in _metrics(run) if record["stage"] == stage]
    return {
        "circuit": circuit,
        "constraints": circuits()[circuit].constraints,
        "prover": _prover(run),
        "prove_seconds": round(mean(seconds), 3) if seconds else None,
        "verify_gas": _verify_gas(run.reader, circuit, event),
    }


def _prover(run: Measured) -> str:
    config = (run.folder / "hospital-1" / "config.toml").read_text()
    return "snarkjs" if 'prover = "snarkjs"' in config else "native"


def _verify_gas(reader: ChainReader, circuit: str, event: str) -> int | None:
    """Gas that the verifier's own call used inside the first transaction of its kind, traced on the chain."""
    events = reader.events("RoundManager", event, studyId=STUDY)
    if not events:
        return None
    trace = reader.request("debug_traceTransaction", events[0].tx_hash, {"tracer": "callTracer"})
    verifier = reader.deployment.circuits[circuit].verifier.lower()
    calls = [trace]
    while calls:
        call = calls.pop()
        if call.get("to", "").lower() == verifier:
            return int(call["gasUsed"], 16)
        calls += call.get("calls", [])
    return None


def _encryption(run: Measured) -> Report:
    reader, plan = run.reader, run.cast.plan
    sizes = [event.arguments["size"] for event in reader.events("RoundManager", "UpdateSubmitted", studyId=STUDY)]
    dealings = [event.arguments["size"] for event in reader.events("KeyCeremony", "DealingPosted", studyId=STUDY)]
    return {
        "upload_bytes": max(sizes, default=0),
        "parameters": len(plan.model.initial),
        "threshold": plan.encryption.threshold,
        "openings": list(plan.encryption.openings),
        "ceremony_bytes_per_round": max(dealings, default=0) // plan.participation.batch_rounds,
    }


def _ledger(run: Measured) -> Report:
    """Money in the token's smallest unit, added up from the contracts' events and balances."""
    reader = run.reader

    def total(contract: str, event: str) -> int:
        return sum(int(e.arguments["amount"]) for e in reader.events(contract, event))

    # Fines that no service was paid with are nobody's once the study has ended: they stay in the vault for good.
    burnt = reader.fines(STUDY)
    return {
        "paid_in": total("RewardPool", "StudyFunded") + total("StakeVault", "BondDeposited"),
        "rewards_paid": total("RewardPool", "RewardClaimed"),
        "services_paid": total("RewardPool", "ServicePaid"),
        "bonds_returned": total("StakeVault", "BondWithdrawn"),
        "refunded": total("RewardPool", "StudyRefunded"),
        "burnt": burnt,
        "left_in_contracts": sum(
            reader.token_balance(address)
            for name, address in reader.deployment.contracts.items()
            if name != "ConsiliumToken"
        )
        - burnt,
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
