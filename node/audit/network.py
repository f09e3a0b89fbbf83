# SPDX-License-Identifier: Apache-2.0
"""Compares a deployment with the repository: code, wiring, parameters, circuits and their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.audit.basics import Check, Verdict
from node.bytecode import created_code, is_verifier_of, key_in, suite_code
from node.chain.client import ChainReader
from node.chain.evidence import signed_hash
from node.errors import ArtefactMissing, ProofError
from node.proofs.artefacts import circuits
from node.proofs.trust import known_key
from node.types import LOCAL_CHAINS, Circuit, CircuitKind

#: Which contract an immutable address has to be.
WIRING = {
    "TOKEN": "ConsiliumToken",
    "HOSPITALS": "HospitalRegistry",
    "CATALOGUE": "CircuitCatalogue",
    "VAULT": "StakeVault",
    "STUDIES": "StudyRegistry",
    "KEYS": "KeyCeremony",
    "CEREMONY": "KeyCeremony",
    "ROUNDS": "RoundManager",
    "OPENINGS": "Openings",
    "COURT": "Court",
    "REWARDS": "RewardPool",
    "REWARD_POOL": "RewardPool",
    "BLOCKS": "BlockDraws",
}
#: Immutables that the contracts' libraries compute for themselves begin like this.
_OF_A_LIBRARY = "_"
_ADDRESS_MASK = (1 << 160) - 1
_TOKEN = "ConsiliumToken"


@dataclass(frozen=True)
class Expected:
    """What a network is compared with.

    `parameters`: those of `scripts/params/<network>.yaml`; `transcripts`: set-ups whose keys are accepted;
    `cache`: compiled circuits with their development keys.
    """

    parameters: Mapping[str, object]
    transcripts: Sequence[Path]
    cache: Path


def check_network(reader: ChainReader, expected: Expected) -> tuple[Check, ...]:
    """All checks of the deployment that the reader reads, in the order in which they are shown."""
    return (*_contracts(reader, expected), *_roles(reader, expected), *_circuits(reader, expected))


def _contracts(reader: ChainReader, expected: Expected) -> Iterator[Check]:
    """Code, wiring and parameters of every contract of the suite, all read from its code."""
    for name, code in suite_code().items():
        own_token = expected.parameters.get("token") if name == _TOKEN else None
        if own_token is not None:
            detail = f"{reader.address(name)}; the parameters name {own_token}"
            yield _check(name, "is the network's own token", _same(reader.address(name), own_token), detail)
            continue
        values = code.read(reader.code(reader.address(name)))
        detail = f"{code.length} bytes at {reader.address(name)}"
        yield _check(name, "has the repository's code", values is not None, detail)
        for immutable, found in (values or {}).items():
            if immutable in created_code():
                there = created_code()[immutable].read(reader.code(_address(found))) is not None
                yield _check(name, "made its helper from the repository's code", there, f"{_address(found)}")
            elif not immutable.startswith(_OF_A_LIBRARY):
                yield _immutable(reader, expected, name, immutable, found)
    yield _signatures(reader)


def _signatures(reader: ChainReader) -> Check:
    """What a share's signature is made over follows from immutables that a library computes when it is deployed."""
    share = (1, 2, 3, bytes([4] * 32))
    asked = bytes(reader.call("Openings", "openingShareHash", *share))
    made = signed_hash(reader.deployment, *share)
    return _check("Openings", "asks for the signatures that nodes make", asked == made, f"0x{asked.hex()}")


def _immutable(reader: ChainReader, expected: Expected, name: str, immutable: str, found: int) -> Check:
    if immutable in WIRING:
        wanted = reader.address(WIRING[immutable])
        detail = f"{immutable} is {_address(found)}; {WIRING[immutable]} is at {wanted}"
        return _check(name, f"knows the {WIRING[immutable]}", _same(_address(found), wanted), detail)
    parameter = immutable.lower()
    stated = expected.parameters.get(parameter, None)
    if isinstance(stated, str):
        detail = f"{_address(found)}; the parameters say {stated}"
        return _check(name, f"has the {_words(parameter)} of the parameters", _same(_address(found), stated), detail)
    detail = f"{found}; the parameters say {stated}"
    return _check(name, f"has the {_words(parameter)} of the parameters", found == stated, detail)


def _roles(reader: ChainReader, expected: Expected) -> Iterator[Check]:
    registry, council = "HospitalRegistry", _council(reader, expected)
    if council is None:
        yield _check(registry, "is the council's", False, "neither parameters nor record say who the council is")
        return
    role = reader.call(registry, "COUNCIL_ROLE")
    holds = bool(reader.call(registry, "hasRole", role, council))
    yield _check(registry, "is the council's", holds, f"{council} {'holds' if holds else 'does not hold'} the role")
    admin = reader.call(registry, "defaultAdmin")
    yield _check(registry, "has the council as admin", _same(admin, council), f"{admin}; the council is {council}")
    delay, stated = reader.call(registry, "defaultAdminDelay"), expected.parameters.get("admin_delay")
    yield _check(
        registry, "has the admin delay of the parameters", delay == stated, f"{delay}; the parameters say {stated}"
    )


def _circuits(reader: ChainReader, expected: Expected) -> Iterator[Check]:
    recorded = dict(reader.deployment.circuits)
    kinds = set()
    for number in range(1, reader.circuit_count() + 1):
        if not reader.is_listed(number):
            continue
        circuit = reader.circuit(number)
        kinds.add(circuit.kind)
        yield from _circuit(reader, expected, circuit)
        record = recorded.pop(circuit.name, None)
        listed = (number, circuit.verifier, "0x" + circuit.verifying_key_digest.hex())
        stated = (record.id, record.verifier, record.verifying_key_digest) if record else None
        yield _check(
            circuit.name, "is listed as the record says", listed == stated, f"circuit {number}, {circuit.verifier}"
        )
    for name in recorded:
        yield _check(name, "is listed as the record says", False, "in the record, and not listed on chain")
    missing = {CircuitKind.TRAINING, CircuitKind.AGGREGATION} - kinds
    detail = f"none for {', '.join(kind.name.lower() for kind in missing)}" if missing else "training and aggregation"
    yield _check("circuits", "are there for every proof", not missing, detail)


def _circuit(reader: ChainReader, expected: Expected, circuit: Circuit) -> Iterator[Check]:
    name, chain_id, digest = circuit.name, reader.deployment.chain_id, circuit.verifying_key_digest.hex()
    yield _check(name, "has the shape of the repository's circuit", _has_shape(circuit), _shape(circuit))
    code = reader.code(circuit.verifier)
    numbers = key_in(code)
    detail = f"read from the code of {circuit.verifier}" if numbers else f"{circuit.verifier} is no verifier of ours"
    yield _check(name, "has a key with γ ≠ δ", numbers is not None and not _is_forgeable(numbers), detail)
    statement = "has a verifying key that the repository or a set-up vouches for"
    try:
        known = known_key(name, digest, chain_id, expected.transcripts, expected.cache)
    except ArtefactMissing as error:
        yield Check(name, statement, Verdict.UNREACHABLE, str(error))
        return
    except ProofError as error:
        yield _check(name, statement, False, str(error))
        return
    source = f"the set-up of {known.transcript}" if known.transcript else "development key, on a local chain"
    yield _check(name, statement, True, f"{digest[:16]}…: {source}")
    yield _check(name, "is verified under that key", is_verifier_of(code, known.key), f"code of {circuit.verifier}")
    flag = reader.deployment.development_keys
    fits = flag == (known.transcript is None) and (not flag or chain_id in LOCAL_CHAINS)
    yield _check(
        name, "has the kind of key that the record says", fits, "development keys" if flag else "keys of a set-up"
    )


def _has_shape(circuit: Circuit) -> bool:
    listed = circuits().get(circuit.name)
    return listed is not None and listed.listing() == replace(circuit, verifier="", verifying_key_digest=b"")


def _shape(circuit: Circuit) -> str:
    if circuit.kind is CircuitKind.TRAINING:
        return (
            f"{circuit.capacity} rows × {circuit.features}, batches of {circuit.batch_size}, "
            f"up to {circuit.max_epochs} epochs, {circuit.value_bits} bits"
        )
    return f"{circuit.kind.name.lower()} of {circuit.features} coordinates, {circuit.value_bits} bits"


def _is_forgeable(numbers: Mapping[str, int]) -> bool:
    return all(numbers[f"gamma{part}"] == numbers[f"delta{part}"] for part in ("x1", "x2", "y1", "y2"))


def _council(reader: ChainReader, expected: Expected) -> str | None:
    """The council of the parameters; where they leave it open, whoever deployed."""
    stated = expected.parameters.get("council")
    return str(stated) if stated is not None else reader.deployment.deployer


def _check(subject: str, statement: str, passed: bool, detail: str) -> Check:
    return Check(subject, statement, Verdict.PASSED if passed else Verdict.FAILED, detail)


def _same(left: object, right: object) -> bool:
    return str(left).lower() == str(right).lower()


def _address(number: int) -> str:
    return f"0x{number & _ADDRESS_MASK:040x}"


def _words(name: str) -> str:
    return name.replace("_", " ")
