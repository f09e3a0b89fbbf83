# SPDX-License-Identifier: Apache-2.0
"""`consilium node trust-keys`: proving keys from a set-up, checked before a node takes part under them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from node.cli.group import command
from node.cli.session import Session
from node.errors import UsageError
from node.files import make_private_folder, write_private
from node.proofs.artefacts import find_artefacts
from node.proofs.setup import check_contributors, check_receipt, install_keys, verify_setup
from node.proofs.transcript import SetupStep, Transcript, read_receipt, read_transcript

_FILE = click.Path(path_type=Path)


def add_trust_command(node: click.Group) -> None:
    """Add the command to the node's."""

    @command(node, "trust-keys")
    @click.argument("transcript_file", type=_FILE, metavar="TRANSCRIPT")
    @click.option("--powers", required=True, type=_FILE, help="The prepared powers of tau (.ptau) it began from.")
    @click.option("--digest", help="BLAKE2b of powers of tau that are not a well-known file, if you trust them.")
    @click.option("--key", type=_FILE, help="The proving key [final.zkey beside the transcript].")
    @click.option("--receipt", type=_FILE, help="Of your own contribution, which must be in the transcript.")
    @click.option("--without-receipt", is_flag=True, help="You contributed nothing, and rely on those who did.")
    @click.option("--yes", is_flag=True, help="Do not ask: you have read who contributed.")
    def trust_keys(
        session: Session,
        transcript_file: Path,
        powers: Path,
        digest: str | None,
        key: Path | None,
        receipt: Path | None,
        without_receipt: bool,
        yes: bool,
    ) -> None:
        """Verify a set-up's keys and use them.

        If all who contributed to a set-up kept their secrets and put them together, they could forge proofs under its
        keys; one that erased its own prevents it. The only one that you know of is your own hospital: name the receipt
        that it kept of its contribution. --without-receipt is for those who have none and rely on the others, of
        whom there must be two at least. You are shown who contributed, and asked.

        Checks the whole set-up against circuit, powers of tau and proving key, which takes some minutes for a
        large circuit, and keeps key and transcript. From then on this node enrols in studies proved under that key.

        \b
        Example: consilium node trust-keys transcript.json --powers powersOfTau28_hez_final_18.ptau --receipt 0001.json
        """
        config = session.config
        transcript = read_transcript(transcript_file)
        built = find_artefacts(transcript.circuit, config.artefacts)
        proving_key = key or transcript_file.with_name("final.zkey")
        own = _own_contribution(transcript, receipt, without_receipt)
        check_contributors(transcript)
        _confirm(session, transcript, own, yes)
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
                "own_contribution": own and own.name,
                "beacon": transcript.beacon.value,
                "transcript": str(kept),
                "proving_key": str(installed.proving_key),
            },
        )


def _own_contribution(transcript: Transcript, receipt: Path | None, waived: bool) -> SetupStep | None:
    """The node's own contribution, checked to be in the transcript; None where its operator goes without one."""
    if (receipt is None) != waived:
        raise UsageError(
            "Name the receipt of your own contribution with --receipt, or say with --without-receipt that you made "
            "none: then all who contributed could together forge proofs, and you rely on one of them not to."
        )
    if receipt is None:
        return None
    own = read_receipt(receipt)
    check_receipt(transcript, own)
    return own


def _confirm(session: Session, transcript: Transcript, own: SetupStep | None, yes: bool) -> None:
    """Show who contributed, and ask; raises `UsageError` where nobody can be asked, or the answer is no."""
    session.out.note(f"Contributions to the keys of circuit {transcript.circuit}, as the set-up's transcript has them:")
    for number, step in enumerate(transcript.steps, start=1):
        session.out.note(f"  {number}. {step.name}{' (yours)' if step == own else ''}  {step.hash[:16]}…")
    if yes:
        return
    if session.options.as_json or not sys.stdin.isatty():
        raise UsageError("Read who contributed, and say so with --yes, or run this in a terminal to be asked.")
    if not click.confirm("Are these whom you expected, each one a party of its own?", err=True):
        raise UsageError("Nothing was kept: these keys are not trusted.")
