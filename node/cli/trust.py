# SPDX-License-Identifier: Apache-2.0
"""`consilium node trust-keys`: proving keys from a set-up, checked before a node takes part under them."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.group import command
from node.cli.session import Session
from node.files import make_private_folder, write_private
from node.proofs.artefacts import find_artefacts
from node.proofs.setup import check_receipt, install_keys, verify_setup
from node.proofs.transcript import read_receipt, read_transcript

_FILE = click.Path(path_type=Path)


def add_trust_command(node: click.Group) -> None:
    """Add the command to the node's."""

    @command(node, "trust-keys")
    @click.argument("transcript_file", type=_FILE, metavar="TRANSCRIPT")
    @click.option("--powers", required=True, type=_FILE, help="The prepared powers of tau (.ptau) it began from.")
    @click.option("--digest", help="BLAKE2b of powers of tau that are not a well-known file, if you trust them.")
    @click.option("--key", type=_FILE, help="The proving key [final.zkey beside the transcript].")
    @click.option("--receipt", type=_FILE, help="Of your own contribution, which must then be in the transcript.")
    def trust_keys(
        session: Session,
        transcript_file: Path,
        powers: Path,
        digest: str | None,
        key: Path | None,
        receipt: Path | None,
    ) -> None:
        """Verify a set-up's keys and use them.

        Checks the whole set-up against circuit, powers of tau and proving key, which takes some minutes for a
        large circuit, and keeps key and transcript. From then on this node enrols in studies proved under that key.

        \b
        Example: consilium node trust-keys transcript.json --powers powersOfTau28_hez_final_18.ptau
        """
        config = session.config
        transcript = read_transcript(transcript_file)
        built = find_artefacts(transcript.circuit, config.artefacts)
        proving_key = key or transcript_file.with_name("final.zkey")
        if receipt is not None:
            check_receipt(transcript, read_receipt(receipt))
        verify_setup(transcript, r1cs=built.r1cs, key=proving_key, powers=powers, powers_digest=digest)
        installed = install_keys(transcript, built, proving_key, config.artefacts)
        make_private_folder(config.transcripts_folder)
        kept = config.transcripts_folder / f"{installed.folder.name}.json"
        write_private(kept, transcript.to_json().encode())
        session.out.record(
            "Trusted keys",
            {
                "circuit": transcript.circuit,
                "verifying_key_digest": transcript.verifying_key_digest,
                "contributors": [step.name for step in transcript.steps],
                "beacon": transcript.beacon.value,
                "transcript": str(kept),
                "proving_key": str(installed.proving_key),
            },
        )
