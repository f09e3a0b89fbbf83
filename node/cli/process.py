# SPDX-License-Identifier: Apache-2.0
"""`consilium node`: a hospital's process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import click

from node.chain.deployment import load_deployment
from node.chain.wallet import LIGHT_WORK_FACTOR, WORK_FACTOR, create_keyfile
from node.cli.amounts import parse_amount
from node.cli.group import command
from node.cli.output import LogLine
from node.cli.progress import sampled, waits_for
from node.cli.session import DEFAULT_RPC, Session, passphrase
from node.config import FILE_NAME, NodeConfig, ProverName, StorageConfig
from node.config_file import save_config
from node.database import is_held
from node.endpoint import doubt, parse_endpoint
from node.errors import UsageError
from node.files import make_private_folder
from node.state import recent_steps
from node.words import format_amount, format_time

ROOT = Path(__file__).resolve().parents[2]
_FILE = click.Path(path_type=Path)


@click.group()
def node() -> None:
    """Set up, run and look at a hospital's node."""


@command(node, "init")
@click.option(
    "--data", required=True, type=_FILE, help="The hospital's table, a CSV file; each `enrol` can name another."
)
@click.option("--storage", type=click.Choice(["local", "ipfs"]), default="local", show_default=True)
@click.option("--gateway-host", default="127.0.0.1", show_default=True, help="Address or name to serve blocks on.")
@click.option("--gateway-port", type=int, default=0, help="Port of the gateway [a free one].")
@click.option("--advertise", metavar="URL", help="Where others reach the gateway [where it listens].")
@click.option("--private-gateways", is_flag=True, help="Fetch from hospitals at private addresses too (a VPN).")
@click.option("--ipfs-api", default=StorageConfig().ipfs_api, show_default=True, help="Your daemon's API.")
@click.option("--ipfs-token-file", type=_FILE, help="The secret for a daemon that asks for one, in a file.")
@click.option("--prover", type=click.Choice(get_args(ProverName)), default="native", show_default=True)
@click.option("--rapidsnark", type=_FILE, help="Your rapidsnark program, for that prover [found on PATH].")
@click.option("--artefacts", type=_FILE, help="Compiled circuits and keys [this checkout's .cache/circuits].")
@click.option("--websocket", help="ws:// address of the chain, to hear of blocks at once [polling].")
@click.option("--spending-cap", default="1", show_default=True, help="Most that the node pays in fees ever, in ether.")
@click.option("--owner-spending-cap", default="1", show_default=True, help="The same for the owner's key.")
@click.option("--study", "studies", type=click.IntRange(min=1), multiple=True, help="Follow only these [all].")
@click.option("--owner-keyfile", type=_FILE, help="An owner's keyfile that exists [made as owner.json].")
@click.option("--light-kdf", is_flag=True, help="Weaker keyfiles, for local test networks.")
def init(
    session: Session,
    data: Path,
    storage: str,
    gateway_host: str,
    gateway_port: int,
    advertise: str | None,
    private_gateways: bool,
    ipfs_api: str,
    ipfs_token_file: Path | None,
    prover: ProverName,
    rapidsnark: Path | None,
    artefacts: Path | None,
    websocket: str | None,
    spending_cap: str,
    owner_spending_cap: str,
    studies: tuple[int, ...],
    owner_keyfile: Path | None,
    light_kdf: bool,
) -> None:
    """Set up a node in --home.

    Writes its configuration, and a key each for operator and owner. Keyfiles that exist are kept. Nothing
    is sent; the addresses it prints need some ether for fees.

    \b
    Example: consilium --home ./st-anna node init --data records.csv --deployment deployment.json
    """
    home = session.home.resolve()
    if (home / FILE_NAME).exists():
        raise UsageError(f"{home / FILE_NAME} exists already: edit it, or name another --home.")
    if not data.exists():
        raise UsageError(f"There are no data at {data}.")
    config = NodeConfig(
        home=home,
        rpc_urls=session.options.rpc_urls or (DEFAULT_RPC,),
        websocket_url=websocket,
        deployment=session.deployment_path.resolve(),
        operator_keyfile=home / "operator.json",
        owner_keyfile=(owner_keyfile or home / "owner.json").resolve(),
        data=data.resolve(),
        artefacts=(artefacts or ROOT / ".cache" / "circuits").resolve(),
        storage=StorageConfig(
            backend="ipfs" if storage == "ipfs" else "local",
            gateway_host=gateway_host,
            gateway_port=gateway_port,
            ipfs_api=ipfs_api,
            advertise=advertise,
            private_gateways=private_gateways,
            ipfs_token_file=ipfs_token_file.resolve() if ipfs_token_file else None,
        ),
        prover=prover,
        rapidsnark=rapidsnark.resolve() if rapidsnark else None,
        spending_cap_wei=parse_amount(spending_cap, 18),
        owner_spending_cap_wei=parse_amount(owner_spending_cap, 18),
        studies=studies or None,
    )
    make_private_folder(home)
    addresses = {}
    for role, path in (("operator", config.operator_keyfile), ("owner", config.owner_keyfile)):
        assert path is not None
        if not path.exists():
            factor = LIGHT_WORK_FACTOR if light_kdf else WORK_FACTOR
            create_keyfile(path, passphrase(confirm=True), work_factor=factor)
        addresses[role] = session.address_of(path)
    written = save_config(config)
    session.out.record("Node", {"home": str(home), "configuration": str(written), **addresses})
    _note_gateway(session, config)
    session.out.note(
        session.hinted("Next: give both addresses some ether, then `consilium hospital register --name …`.")
    )


@command(node, "run")
@click.option("--until-ended", is_flag=True, help="Stop once every study of this hospital has ended.")
def run(session: Session, until_ended: bool) -> None:
    """Run the node until it is stopped.

    It follows its studies, trains, proves, encrypts and helps to open sums. It makes outbound connections
    only, and serves its own encrypted blocks where storage is local.
    Stop it with Ctrl-C: it ends within seconds, and goes on from there when it is started again.
    """
    from node.runner import run as run_node

    config = session.node_config
    _log_to(config.log_file)
    run_node(config, passphrase(), until_ended=until_ended)


@command(node, "status")
def status(session: Session) -> None:
    """Show the node and its studies.

    Works beside a running node.
    """
    from node.steps.enrolment import data_file

    config, reader = session.config, session.reader
    operator = session.address_of(config.operator_keyfile)
    number = reader.hospital_id_of_operator(operator)
    balance = reader.balance(operator)
    studies = [study for study in range(1, reader.study_count() + 1) if number and number in reader.enrolled_ids(study)]
    rows = {study: sampled(reader, study, number) or f"all {reader.enrolment(study, number).rows}" for study in studies}
    session.out.record(
        "Node",
        {
            "running": is_held(config.state_file),
            "hospital": number or None,
            "standing": reader.hospital(number).standing if number else None,
            "operator": operator,
            "operator_balance_wei": balance,
            "block": reader.head().number,
            "studies": {study: waits_for(reader, study) for study in studies},
            "rows": rows,
            "data": {study: data_file(config.state_file, study) for study in studies},
            "latest_steps": [_step(step.key, step.done_at) for step in recent_steps(config.state_file, 5)],
        },
        {
            "operator_balance_wei": f"{format_amount(balance, 18)} ether",
            "studies": "\n".join(f"{study}: waits for {waits_for(reader, study)}" for study in studies) or "none",
            "rows": "\n".join(f"{study}: {text}" for study, text in rows.items()) or "none",
            "data": "\n".join(f"{study}: {data_file(config.state_file, study) or 'unknown'}" for study in studies)
            or "none",
            "latest_steps": "\n".join(_step(step.key, step.done_at) for step in recent_steps(config.state_file, 5))
            or "none",
        },
    )


def _note_gateway(session: Session, config: NodeConfig) -> None:
    """Say at once that others could not use the gateway's address, where the network is known already."""
    storage = config.storage
    if storage.backend != "local" or not config.deployment.is_file() or load_deployment(config.deployment).is_local:
        return
    problem = doubt(parse_endpoint(storage.advertise).host if storage.advertise else storage.gateway_host)
    if problem is not None:
        session.out.note(
            f"Others have to fetch this node's blocks: {problem} Set storage.advertise in {FILE_NAME} to an address "
            "that they reach (docs/networks.md says how)."
        )


def _step(key: str, done_at: float | None) -> str:
    if done_at is None:
        return f"{key}: begun"
    return f"{key}: done {format_time(int(done_at))}"


def _log_to(path: Path) -> None:
    """The node's own log to its file and to standard error; other libraries' at warnings and above."""
    formatter = LogLine("%(asctime)s %(levelname)s %(message)s")
    path.touch(mode=0o600)
    for handler in (logging.FileHandler(path), logging.StreamHandler()):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("consilium").setLevel(logging.INFO)
