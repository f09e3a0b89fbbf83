# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of commitments, statements and pads: made by the Python reference, read by all tests.

Numbers beyond 2^53 are decimal strings, so that every JSON reader keeps them whole.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

from node.group import babyjubjub, pedersen
from node.group.babyjubjub import ORDER, Point
from node.learning import shortening
from node.learning.reference import aggregate, train, update
from node.padding import padded_vector
from node.proofs import commitments
from node.proofs.artefacts import circuits
from node.proofs.poseidon import MAX_ARITY
from node.proofs.prover import node_program
from node.proofs.statements import (
    AggregationStatement,
    TrainingStatement,
    aggregation_statement,
    training_statement,
)
from scripts.pad_vectors import pad_vectors

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "vectors"

_POSEIDON_SCRIPT = """
import { buildPoseidon } from "circomlibjs";
const poseidon = await buildPoseidon();
const lists = JSON.parse(process.argv[1]);
console.log(JSON.stringify(lists.map((list) => poseidon.F.toString(poseidon(list)))));
process.exit(0);
"""


def vector_files() -> dict[Path, bytes]:
    """Return every golden vector file of commitments, statements and pads."""
    made = {
        "poseidon": _poseidon(),
        "pedersen": _pedersen(),
        "context": _context(),
        "training": _training(),
        "padding": _padding(),
        "aggregation": _aggregation(),
        "pads": pad_vectors(),
    }
    return {FOLDER / f"{name}.json": text(content).encode() for name, content in made.items()}


def text(content: object) -> str:
    """Return indented JSON with each list of plain values on one line, as a person reads it."""
    indented = json.dumps(content, indent=2)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), indented) + "\n"


def _poseidon() -> object:
    """Hashes by circomlibjs, so that the Python implementation is compared with another one."""
    rng = random.Random("poseidon vectors")
    largest = commitments.MODULUS - 1
    lists = [[str(value) for value in range(1, arity + 1)] for arity in range(1, MAX_ARITY + 1)]
    lists += [[str(rng.randrange(largest)) for _ in range(arity)] for arity in range(1, MAX_ARITY + 1)]
    lists += [["0"], [str(largest)] * 2, [str(largest)] * MAX_ARITY]
    command = [node_program(), "--input-type=module", "-e", _POSEIDON_SCRIPT, json.dumps(lists)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    hashes = json.loads(done.stdout)
    return {
        "about": "Poseidon of circomlibjs 0.1.7",
        "hashes": [{"inputs": i, "hash": h} for i, h in zip(lists, hashes, strict=True)],
    }


def _pedersen() -> object:
    rng = random.Random("pedersen vectors")
    low, high = -(1 << 25), (1 << 25) - 1
    cases = [
        ([0], 0),
        ([1], 0),
        ([0], 1),
        ([-1, 2, -3], ORDER - 1),
        ([low] * 31, 0),
        ([high] * 31, ORDER - 1),
        ([rng.randint(low, high) for _ in range(31)], rng.randrange(ORDER)),
    ]
    return {
        "about": "generators by hash to curve; commitments are sum values_j * G_j + blinding * H",
        "curve": {"a": babyjubjub.A, "d": babyjubjub.D, "subgroup_order": str(ORDER)},
        "G": [_point(pedersen.generator(index)) for index in range(8)],
        "H": _point(pedersen.blinding_generator()),
        "commitments": [
            {"values": values, "blinding": str(blinding), "point": _point(pedersen.commit(values, blinding))}
            for values, blinding in cases
        ],
        "limbs": [
            {
                "blinding": str(blinding),
                "value_bits": bits,
                "limbs": pedersen.blinding_limbs(blinding, bits),
            }
            for bits in (26, 20)
            for blinding in (0, ORDER - 1)
        ],
    }


def _context() -> object:
    address = "0x" + "0123456789abcdef" * 2 + "01234567"
    training = {
        "chain_id": 1337,
        "round_manager": address,
        "study_id": 1,
        "round_number": 2,
        "hospital_id": 3,
    }
    digest = bytes(range(224, 256))
    aggregation = {
        "chain_id": 1337,
        "round_manager": address,
        "study_id": 1,
        "round_number": 2,
        "included_bitmap": 0b1011,
    }
    plan = {"features": 30, "batch_size": 32, "epochs": 4, "learning_rate": 64, "value_bits": 26, "loss": 1}
    return {
        "about": "contexts of proofs, and the packing of a plan's proved numbers",
        "training": {
            **training,
            "ciphertext_digest": "0x" + digest.hex(),
            "context": str(
                commitments.training_context(
                    chain_id=1337,
                    round_manager=address,
                    study_id=1,
                    round_number=2,
                    hospital_id=3,
                    ciphertext_digest=digest,
                )
            ),
        },
        "aggregation": {
            **aggregation,
            "context": str(
                commitments.aggregation_context(
                    chain_id=1337, round_manager=address, study_id=1, round_number=2, included_bitmap=0b1011
                )
            ),
        },
        "plan": {**plan, "plan_root": str(commitments.plan_root(**plan))},
    }


def _training() -> object:
    """Statements of the small circuit: a plain one, one that clips both ways, a single row, a shortened noisy one."""
    plain, noisy = random.Random("training vectors"), random.Random("noisy training vectors")
    extreme = ((127, -128, 127, -128),) * 8
    return {
        "about": "statements of 8 rows of 4 features, in batches of 4",
        "statements": [
            _training_case(
                weights=tuple(plain.randint(-(1 << 16), 1 << 16) for _ in range(5)),
                rows=tuple(tuple(plain.randint(-128, 127) for _ in range(4)) for _ in range(6)),
                labels=(0, 1, 1, 0, 1, 0),
                epochs=2,
                learning_rate=64,
                salt=plain.getrandbits(248),
                blinding=plain.randrange(ORDER),
            ),
            _training_case(
                weights=(0,) * 5,
                rows=extreme,
                labels=(1,) * 8,
                epochs=2,
                learning_rate=1023,
                salt=0,
                blinding=ORDER - 1,
            ),
            _training_case(
                weights=(-(1 << 23), (1 << 23) - 1, 0, 1, -1),
                rows=((1, -1, 0, 5),),
                labels=(1,),
                epochs=1,
                learning_rate=1,
                salt=(1 << 248) - 1,
                blinding=0,
            ),
            _training_case(
                weights=tuple(noisy.randint(-(1 << 16), 1 << 16) for _ in range(5)),
                rows=tuple(tuple(noisy.randint(-128, 127) for _ in range(4)) for _ in range(7)),
                labels=(1, 0, 0, 1, 1, 0, 1),
                epochs=2,
                learning_rate=256,
                salt=noisy.getrandbits(248),
                blinding=noisy.randrange(ORDER),
                update_bound=10**9,
                noise_bound=20_000,
                noise=(20_000, -20_000, 0, 1, -12_345),
            ),
        ],
    }


def _padding() -> object:
    """Statements of plans that name fewer features than their circuit has: one with noise, and one from a model whose
    other weights are not zero, as a hospital makes it that commits to something else than zeros there.
    """
    rng = random.Random("padding vectors")

    def case(circuit: str, named: int, rows: int, **settings: Any) -> object:
        shape = circuits()[circuit].parameters
        strange = settings.pop("strange", False)
        weights = tuple(rng.randint(-(1 << 16), 1 << 16) for _ in range(named + 1))
        weights = padded_vector(weights, shape["features"] + 1)
        if strange:
            weights = (*weights[:named], *range(5, 5 + shape["features"] - named), weights[-1])
        return _training_case(
            circuit,
            weights=weights,
            rows=tuple(tuple(rng.randint(-128, 127) for _ in range(named)) for _ in range(rows)),
            labels=tuple(rng.randint(0, 1) for _ in range(rows)),
            epochs=2,
            salt=rng.getrandbits(248),
            blinding=rng.randrange(ORDER),
            **settings,
        )

    return {
        "about": "statements of rows with fewer features than the circuit has: the others are zero",
        "statements": [
            case("training_8x4", 1, 6, learning_rate=64),
            case("training_8x4", 3, 7, learning_rate=256, update_bound=10**9, noise_bound=9, noise=(9, -9, 1, 0, 5)),
            case("training_8x4", 2, 8, learning_rate=1023, strange=True),
            case("training_64x30", 1, 40, learning_rate=64),
            case("training_64x30", 13, 33, learning_rate=128),
            case("training_64x30", 29, 64, learning_rate=1023),
        ],
    }


def _training_case(
    circuit: str = "training_8x4",
    *,
    weights: tuple[int, ...],
    rows: tuple[tuple[int, ...], ...],
    labels: tuple[int, ...],
    epochs: int,
    learning_rate: int,
    salt: int,
    blinding: int,
    update_bound: int = 0,
    noise_bound: int = 0,
    noise: tuple[int, ...] | None = None,
) -> object:
    shape = circuits()[circuit].parameters
    capacity, batch_size, bits = shape["capacity"], shape["batch_size"], shape["value_bits"]
    noise = noise or (0,) * len(weights)
    local = train(
        weights, rows, labels, capacity=capacity, batch_size=batch_size, epochs=epochs, learning_rate=learning_rate
    )
    clipped = update(weights, local, len(rows), bits)
    factor = shortening.factor(clipped, update_bound)
    shortened = tuple(shortening.shorten(clipped, factor))
    statement: TrainingStatement = training_statement(
        context=commitments.MODULUS - 1,
        weights=weights,
        rows=rows,
        labels=labels,
        salt=salt,
        update=shortened,
        shortening=factor,
        noise=noise,
        blinding=blinding,
        capacity=capacity,
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=learning_rate,
        value_bits=bits,
        update_bound=update_bound,
        noise_bound=noise_bound,
    )
    return {
        "circuit": circuit,
        "weights": weights,
        "rows": rows,
        "labels": labels,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "salt": str(salt),
        "blinding": str(blinding),
        "update_bound": str(update_bound),
        "noise_bound": noise_bound,
        "shortening": factor,
        "update": shortened,
        "noise": noise,
        "public_signals": [str(signal) for signal in statement.public_signals()],
    }


def _aggregation() -> object:
    """Statements of the small circuit: a plain one, and one that saturates both ways."""
    rng = random.Random("aggregation vectors")
    largest = 1 << 31
    cases = [
        ((5, -7, 0, 1 << 16, -(1 << 16)), (-1, 1, 449, -451, 1 << 20), 450, rng.randrange(ORDER)),
        (
            ((1 << 23) - 1, -(1 << 23), 0, 0, -1),
            (largest - 1, -largest, largest - 1, -largest, -1),
            1,
            ORDER - 1,
        ),
        ((1, 2, 3, 4, 5), (-1, 0, 1, -largest, largest - 1), (1 << 22) - 1, 0),
    ]
    return {
        "about": "statements of aggregation_5: next weight = clamp(weight + floor(sum / rows))",
        "statements": [_aggregation_case(*case) for case in cases],
    }


def _aggregation_case(weights: tuple[int, ...], sums: tuple[int, ...], rows: int, blinding: int) -> object:
    after = tuple(aggregate(weights, sums, rows))
    statement: AggregationStatement = aggregation_statement(
        context=commitments.MODULUS - 1,
        weights=weights,
        weights_after=after,
        sums=sums,
        blinding=blinding,
        row_sum=rows,
    )
    return {
        "weights": weights,
        "sums": sums,
        "row_sum": rows,
        "blinding": str(blinding),
        "weights_after": after,
        "public_signals": [str(signal) for signal in statement.public_signals()],
    }


def _point(point: Point) -> dict[str, str]:
    return {"x": str(point.x), "y": str(point.y)}
