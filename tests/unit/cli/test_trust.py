# SPDX-License-Identifier: Apache-2.0
"""Which keys a node takes part under: development keys on local chains, keys of set-ups that it has verified."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain.client import ChainReader
from node.chain.wallet import keyfile_address
from node.config import load_config
from node.errors import ArtefactMissing, KeyNotTrusted
from node.proofs.artefacts import DEFAULT_CACHE as CACHE
from node.proofs.artefacts import Artefacts, Circuit, circuits
from node.proofs.trust import known_key
from node.steps.enrolment import check_key
from tests.support.keys import CONTRIBUTORS, NAME, Held, hold
from tests.support.network import Network, Run

TRAINING = "training_64x30"
SEPOLIA = 11155111


# Keys by themselves


@pytest.mark.parametrize("chain_id", [1337, 31337])
def test_development_key__on_a_local_chain__is_known(chain_id: int) -> None:
    digest = circuits()[TRAINING].verifying_key_digest
    known = known_key(TRAINING, "0x" + digest.upper(), chain_id, (), CACHE)
    assert known.digest == digest and known.transcript is None


@pytest.mark.parametrize("chain_id", [1, SEPOLIA])
def test_development_key__on_a_public_chain__is_refused(chain_id: int) -> None:
    with pytest.raises(
        KeyNotTrusted, match=rf"chain {chain_id} is listed with its development key.*everybody can forge"
    ):
        known_key(TRAINING, circuits()[TRAINING].verifying_key_digest, chain_id, (), CACHE)


@pytest.mark.parametrize("chain_id", [1337, SEPOLIA])
def test_key__that_nobody_vouches_for__is_refused_and_says_how_to_trust_it(chain_id: int) -> None:
    with pytest.raises(KeyNotTrusted, match="node trust-keys"):
        known_key(TRAINING, "ab" * 32, chain_id, (), CACHE)


def test_development_key__of_another_circuit__is_refused() -> None:
    with pytest.raises(KeyNotTrusted):
        known_key(TRAINING, circuits()["training_192x30"].verifying_key_digest, 1337, (), CACHE)


# `consilium node trust-keys`, on a tiny circuit


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(tmp_path_factory.mktemp("ceremony"))


@pytest.fixture
def tiny(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which the tiny circuit is compiled, as this checkout's circuits are."""
    cache = tmp_path / "circuits"
    circuit = Circuit(NAME, "training", True, False, {"features": 1}, 200, "00" * 32)
    built = Artefacts(circuit, cache / f"{NAME}-compiled")
    built.folder.mkdir(parents=True)
    shutil.copy(held.r1cs, built.r1cs)
    shutil.copy(held.r1cs.parent / f"{NAME}_js" / f"{NAME}.wasm", built.wasm)

    def find(name: str, _cache: Path) -> Artefacts:
        assert name == NAME
        return built

    monkeypatch.setattr("node.cli.trust.find_artefacts", find)
    return cache


@pytest.fixture
def initialised(offline: Run, home: Path, tmp_path: Path, tiny: Path) -> Path:
    (tmp_path / "records.csv").write_text("a,b\n")
    files = ("--data", "records.csv", "--deployment", "deployment.json", "--artefacts", tiny)
    assert offline("node", "init", *files, "--light-kdf").code == 0
    return home


def test_trust_keys__verified_set_up__is_known_from_then_on_on_any_chain(
    offline: Run, initialised: Path, held: Held, tiny: Path
) -> None:
    transcript = held.folder / "transcript.json"
    files = ("--powers", held.powers, "--digest", held.digest, "--receipt", held.folder / "0002.json", "--yes")
    value = offline("node", "trust-keys", transcript, *files, "--json").value
    assert value["contributors"] == list(CONTRIBUTORS) and value["own_contribution"] == CONTRIBUTORS[1]
    kept = load_config(initialised).transcripts
    assert [str(path) for path in kept] == [value["transcript"]] and kept[0].stat().st_mode & 0o077 == 0
    known = known_key(NAME, value["verifying_key_digest"], SEPOLIA, kept, tiny)
    assert known.key == held.transcript.verifying_key and known.transcript == kept[0]
    assert Path(value["proving_key"]).read_bytes() == held.key.read_bytes()
    assert json.loads((Path(value["proving_key"]).parent / "vkey.json").read_text()) == known.key
    assert offline("node", "trust-keys", transcript, *files).code == 0, "again does no harm"


def test_trust_keys__neither_own_receipt_nor_waived__keeps_nothing(offline: Run, initialised: Path, held: Held) -> None:
    """Without the rule that asks for one's own receipt, all who contributed may be one party that forges proofs."""
    transcript = held.folder / "transcript.json"
    files = ("--powers", held.powers, "--digest", held.digest, "--yes")
    ended = offline("node", "trust-keys", transcript, *files)
    assert ended.code == 2 and "your own contribution" in ended.err
    both = offline(
        "node", "trust-keys", transcript, *files, "--receipt", held.folder / "0001.json", "--without-receipt"
    )
    assert both.code == 2 and load_config(initialised).transcripts == ()


def test_trust_keys__one_contributor_alone__is_refused(
    offline: Run, initialised: Path, held: Held, tmp_path: Path
) -> None:
    """Without the rule of two contributors, whoever made the keys alone may know their secret."""
    first = held.transcript.steps[0]
    alone = dataclasses.replace(
        held.transcript,
        steps=(first,),
        beacon_step=dataclasses.replace(held.transcript.beacon_step, before=first.after),
    )
    (tmp_path / "alone.json").write_text(alone.to_json())
    files = ("--powers", held.powers, "--digest", held.digest, "--key", held.key, "--yes")
    for given in (("--without-receipt",), ("--receipt", held.folder / "0001.json")):
        ended = offline("node", "trust-keys", tmp_path / "alone.json", *files, *given)
        assert ended.code == 7 and f"only {first.name} contributed" in ended.err
    assert load_config(initialised).transcripts == ()


@pytest.mark.parametrize("answer", ["n\n", "y\n"])
def test_trust_keys__in_a_terminal__shows_who_contributed_and_asks(
    offline: Run, initialised: Path, held: Held, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    transcript = held.folder / "transcript.json"
    files = ("--powers", held.powers, "--digest", held.digest, "--receipt", held.folder / "0001.json")
    unasked = offline("node", "trust-keys", transcript, *files)
    assert unasked.code == 2 and "--yes" in unasked.err, "nobody is there to be asked"
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    ended = offline("node", "trust-keys", transcript, *files)
    assert f"1. {CONTRIBUTORS[0]} (yours)" in ended.err and f"2. {CONTRIBUTORS[1]} " in ended.err
    assert (ended.code, len(load_config(initialised).transcripts)) == ((0, 1) if answer == "y\n" else (2, 0))


def test_trust_keys__anything_wrong__keeps_nothing(
    offline: Run, initialised: Path, held: Held, tiny: Path, tmp_path: Path
) -> None:
    transcript = held.folder / "transcript.json"
    waived = ("--without-receipt", "--yes")
    unknown = offline("node", "trust-keys", transcript, "--powers", held.powers, *waived)
    assert unknown.code == 7 and "none of the public files" in unknown.err
    tampered = tmp_path / "tampered.zkey"
    tampered.write_bytes(held.key.read_bytes()[:-1] + b"\1")
    files = ("--powers", held.powers, "--digest", held.digest)
    refused = offline("node", "trust-keys", transcript, *files, "--key", tampered, *waived)
    assert refused.code == 7 and "do not belong together" in refused.err
    receipt = json.loads((held.folder / "0001.json").read_text())
    (tmp_path / "mine.json").write_text(json.dumps({**receipt, "hash": "ab" * 64}))
    missing = offline("node", "trust-keys", transcript, *files, "--receipt", tmp_path / "mine.json")
    assert missing.code == 7 and "is not in the transcript" in missing.err
    assert load_config(initialised).transcripts == () and list(tiny.iterdir()) == [tiny / f"{NAME}-compiled"]


# What enrolment checks on chain


def circuit_id(reader: ChainReader, name: str) -> int:
    return reader.deployment.circuits[name].id


def test_check_key__development_keys_on_a_local_chain__pass(network: Network) -> None:
    reader = network.reader()
    for name in ("training_192x30", "aggregation_31"):
        assert check_key(reader, circuit_id(reader, name), (), CACHE).circuit == name


@pytest.fixture
def public(network: Network) -> Iterator[ChainReader]:
    """The same chain under Sepolia's number: development keys where they must not be."""
    network.anvil.request("anvil_setChainId", SEPOLIA)
    try:
        local = network.reader()
        yield ChainReader([network.anvil.url], dataclasses.replace(local.deployment, chain_id=SEPOLIA))
    finally:
        network.anvil.request("anvil_setChainId", 1337)


def test_check_key__development_key_on_a_public_chain__is_refused(public: ChainReader) -> None:
    with pytest.raises(KeyNotTrusted, match=f"chain {SEPOLIA} is listed with its development key"):
        check_key(public, circuit_id(public, "training_192x30"), (), CACHE)


def test_check_key__proving_key_not_here__says_what_to_do(network: Network, tmp_path: Path) -> None:
    reader = network.reader()
    with pytest.raises(ArtefactMissing, match="make setup"):
        check_key(reader, circuit_id(reader, "aggregation_31"), (), tmp_path)


def test_check_key__verifier_of_another_key__is_refused(network: Network) -> None:
    reader = network.reader()
    number = circuit_id(reader, "training_192x30")
    verifier = reader.circuit(number).verifier
    genuine = network.anvil.request("eth_getCode", verifier, "latest")
    other = network.anvil.request(
        "eth_getCode", reader.circuit(circuit_id(reader, "training_64x30")).verifier, "latest"
    )
    for code in (other, "0x600160005260206000f3", genuine[:-2] + "00"):
        network.anvil.request("anvil_setCode", verifier, code)
        try:
            with pytest.raises(KeyNotTrusted, match="not the verifier of circuit training_192x30"):
                check_key(reader, number, (), CACHE)
        finally:
            network.anvil.request("anvil_setCode", verifier, genuine)
    assert check_key(reader, number, (), CACHE)


def test_enrol__development_keys_on_a_public_chain__is_refused_before_anything_is_sent(
    run: Run, network: Network, registered: int, plan: Path, home: Path, tmp_path: Path
) -> None:
    study = run("study", "publish", plan, "--keyfile", network.council, "--json").value["study"]
    record = json.loads(network.deployment.read_text())
    (tmp_path / "public.json").write_text(json.dumps({**record, "chain_id": SEPOLIA}))
    assert run("node", "init", "--data", plan, "--deployment", tmp_path / "public.json").code == 0
    operator = keyfile_address(home / "operator.json")
    before = network.anvil.request("eth_getTransactionCount", operator, "latest")
    network.anvil.request("anvil_setChainId", SEPOLIA)
    try:
        ended = run("--deployment", tmp_path / "public.json", "enrol", study, "--plan", plan, "--json")
    finally:
        network.anvil.request("anvil_setChainId", 1337)
    assert ended.error["error"] == "KeyNotTrusted" and ended.code == 7
    assert f"chain {SEPOLIA} is listed with its development key" in ended.error["message"]
    assert network.anvil.request("eth_getTransactionCount", operator, "latest") == before
