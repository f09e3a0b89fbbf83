# SPDX-License-Identifier: Apache-2.0
"""Which verifying keys a node takes part under: development keys on local chains, verified set-ups anywhere.

Whoever knows a key's secrets can have any model accepted, so a listing on chain is not enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node.errors import KeyNotTrusted
from node.proofs.artefacts import circuits, find_artefacts
from node.proofs.transcript import read_transcript
from node.proofs.verifying_key import VerifyingKey, load_verifying_key
from node.types import LOCAL_CHAINS


@dataclass(frozen=True)
class KnownKey:
    """A verifying key that a node knows; `transcript` is None for a development key."""

    circuit: str
    digest: str
    key: VerifyingKey
    transcript: Path | None


def known_key(circuit: str, digest: str, chain_id: int, transcripts: Iterable[Path], cache: Path) -> KnownKey:
    """Return the key with this digest (hex) if the node may take part under it on this chain.

    `transcripts`: files of set-ups that this node has verified; `cache`: compiled circuits. Raises
    KeyNotTrusted where the key is a development key on a public chain, or none that the node knows.
    """
    wanted = digest.removeprefix("0x").lower()
    for path in transcripts:
        transcript = read_transcript(path)
        if transcript.circuit == circuit and transcript.verifying_key_digest == wanted:
            return KnownKey(circuit, wanted, transcript.verifying_key, path)
    listed = circuits().get(circuit)
    if listed is None or listed.verifying_key_digest != wanted:
        raise KeyNotTrusted(
            f"The verifying key of circuit {circuit} on chain {chain_id} ({wanted[:16]}…) is none that this node "
            "knows. Get its set-up's transcript and proving key, and check them with `consilium node trust-keys`."
        )
    if chain_id not in LOCAL_CHAINS:
        raise KeyNotTrusted(
            f"Circuit {circuit} on chain {chain_id} is listed with its development key, under which everybody can "
            f"forge proofs: it is for chains {' and '.join(map(str, LOCAL_CHAINS))} alone. Do not take part."
        )
    found = find_artefacts(circuit, cache, wanted)
    return KnownKey(circuit, wanted, load_verifying_key(found.verifying_key), None)
