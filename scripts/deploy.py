# SPDX-License-Identifier: Apache-2.0
"""`ape run deploy --network … --out deployment.json`: deploys the suite and writes the deployment record."""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ape
import click
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand, network_option

from node.chain.keyfile import read_keyfile
from node.chain.wallet import Wallet
from node.config import PASSPHRASE_VARIABLE
from node.errors import ConfigError
from node.secrets import checked_passphrase
from scripts import setup, solc
from scripts.children import give_home, reach_this_machine_directly
from scripts.deployment import (
    DEVELOPMENT_CHAINS,
    DeploymentRefused,
    catalogue,
    deploy,
    load_parameters,
    set_up_catalogue,
    stands,
)

# Before ape looks for its folder there.
give_home()
# Ape and web3 would ask it for a chain on this machine.
reach_this_machine_directly()


def _open_account(alias: str | None, keyfile: Path | None) -> AccountAPI:
    """The deployer, without a prompt: a keyfile, an ape alias, or the first test account of a local chain."""
    if keyfile is None and alias is None:
        if ape.chain.chain_id not in DEVELOPMENT_CHAINS:
            raise DeploymentRefused("name the deployer: --account ALIAS or --keyfile PATH")
        return ape.accounts.test_accounts[0]
    if keyfile is not None:
        passphrase = os.environ.get(PASSPHRASE_VARIABLE)
        if passphrase is None:
            raise DeploymentRefused(f"set {PASSPHRASE_VARIABLE} to the keyfile's passphrase")
        try:
            return _of_keyfile(keyfile, checked_passphrase(passphrase, PASSPHRASE_VARIABLE))
        except ConfigError as error:
            raise DeploymentRefused(str(error)) from None
    account = ape.accounts.load(alias)
    passphrase = os.environ.get(f"APE_ACCOUNTS_{alias}_PASSPHRASE")
    if passphrase is None:
        raise DeploymentRefused(f"set APE_ACCOUNTS_{alias}_PASSPHRASE to the account's passphrase")
    account.set_autosign(True, passphrase=passphrase)
    return account


def _of_keyfile(path: Path, passphrase: str) -> AccountAPI:
    """An unlocked account with a keyfile of any wallet's: ape itself needs all fields, the address too."""
    from ape_accounts import KeyfileAccount

    record = read_keyfile(path) | {"address": Wallet.load(path, passphrase).address}

    class Complete(KeyfileAccount):
        @property
        def keyfile(self) -> dict:
            return record

    account: AccountAPI = Complete(keyfile_path=path)
    account.set_autosign(True, passphrase=passphrase)
    return account


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--params", default="local", show_default=True, help="Name of a file in scripts/params.")
@click.option("--account", "alias", help="Ape alias of the deployer; passphrase from APE_ACCOUNTS_<alias>_PASSPHRASE.")
@click.option(
    "--keyfile",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="v3 keyfile of the deployer; passphrase from CONSILIUM_PASSPHRASE.",
)
@click.option("--with-test-circuits", is_flag=True, help="List the small circuits of the tests too.")
@click.option("--also", multiple=True, metavar="CIRCUIT", help="List a circuit that is built on demand; repeatable.")
@click.option(
    "--keys",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of a finished set-up of real keys (out/ceremony) [the development keys].",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("deployment.json"),
    show_default=True,
    help="Where the deployment record goes.",
)
def cli(
    params: str,
    alias: str | None,
    keyfile: Path | None,
    with_test_circuits: bool,
    also: tuple[str, ...],
    keys: Path | None,
    out: Path,
) -> None:
    """Deploy Consilium's contracts and verifiers and write the deployment record.

    Run again, it changes nothing; run again after it was cut off, it goes on where it was, as long as the
    deployer's account sent nothing else meanwhile.
    """
    started = time.monotonic()
    solc.prepare()
    setup.compile_if_changed()
    if keys is None:
        listings, development_keys = catalogue(with_test_circuits, also)
    else:
        listings, development_keys = set_up_catalogue(keys), False
    account, parameters = _open_account(alias, keyfile), load_parameters(params)
    journal = out.with_name(out.name + ".begun")
    if out.exists() and not journal.exists():
        if stands(json.loads(out.read_text()), account, parameters, listings):
            click.echo(f"{out}: everything is deployed already; nothing was sent")
            return
        click.echo(f"{out} is of a local chain that was started anew: deploying again")
    record = deploy(account, parameters, listings, development_keys, click.echo, journal)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    journal.unlink()
    click.echo(f"wrote    {out} ({time.monotonic() - started:.1f} s)")
