# SPDX-License-Identifier: Apache-2.0
"""`consilium network`: is what is deployed what this checkout says?"""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.group import command
from node.cli.session import Session
from node.errors import AuditFailed, ConfigError

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = ROOT / "scripts" / "params"
_FILE = click.Path(path_type=Path)


@click.group()
def network() -> None:
    """Look at a deployment as a whole."""


@command(network, "check")
@click.option("--params", help="Name of a file in scripts/params [the one for the record's chain].")
@click.option(
    "--transcript",
    "transcripts",
    type=_FILE,
    multiple=True,
    help="Transcript of a set-up whose keys to accept, beside those that this node has verified. Verify it first.",
)
@click.option("--artefacts", type=_FILE, help="Compiled circuits and keys [the node's, or .cache/circuits].")
def check(session: Session, params: str | None, transcripts: tuple[Path, ...], artefacts: Path | None) -> int:
    """Compare a deployment with this checkout.

    Reads code, wiring, parameters, roles and listed circuits from the chain, and the keys from the verifiers'
    code. Ends with 8 where anything differs: contracts of another version differ too. Nothing is sent.

    \b
    Example: consilium network check --deployment deployment.json --rpc http://127.0.0.1:8545
    """
    from node.audit.basics import Verdict
    from node.audit.network import Expected, check_network
    from node.proofs.artefacts import DEFAULT_CACHE

    reader = session.reader
    own = session.config if session.has_config else None
    expected = Expected(
        parameters=load_parameters(params, reader.deployment.chain_id),
        transcripts=(*transcripts, *(own.transcripts if own else ())),
        cache=artefacts or (own.artefacts if own else DEFAULT_CACHE),
    )
    checks = check_network(reader, expected)
    columns = ("verdict", "about", "statement", "detail")
    shown = ((one.verdict.value, one.subject, one.statement, one.detail) for one in checks)
    session.out.rows(f"Deployment on chain {reader.deployment.chain_id}", columns, shown, "")
    wrong = [one for one in checks if one.verdict is not Verdict.PASSED]
    if wrong:
        session.out.note(f"{len(wrong)} of {len(checks)} checks did not pass: do not use this deployment unexplained.")
        return AuditFailed.exit_code
    session.out.note(f"All {len(checks)} checks passed.")
    return 0


def load_parameters(name: str | None, chain_id: int) -> dict[str, object]:
    """A network's parameters by the file's name, or by the chain they are for; raises `ConfigError`."""
    import yaml

    known = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(PARAMETERS.glob("*.yaml"))}
    for stem, values in known.items():
        if name == stem or (name is None and chain_id in values["chain_ids"]):
            return dict(values)
    wanted = f"named {name}" if name else f"for chain {chain_id}"
    raise ConfigError(f"scripts/params has no parameters {wanted}; there is: {', '.join(known)}. Choose with --params.")
