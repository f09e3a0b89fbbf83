# SPDX-License-Identifier: Apache-2.0
"""The command line: `consilium`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from node import VERSION
from node.cli.claiming import add_claim_command
from node.cli.council import council
from node.cli.data import data
from node.cli.group import common_options
from node.cli.hospital import hospital
from node.cli.keys import keys
from node.cli.local import add_local_commands
from node.cli.membership import add_membership_commands
from node.cli.models import add_predict_command, model
from node.cli.network import network
from node.cli.output import LogLine, show_error
from node.cli.participation import add_participation_commands
from node.cli.process import node
from node.cli.session import Options, Session
from node.cli.slashed import slashed
from node.cli.stake import stake
from node.cli.study import study
from node.cli.trust import add_trust_command
from node.cli.wallet import wallet
from node.errors import ConsiliumError, UsageError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@common_options(hidden=False)
@click.version_option(VERSION, message="consilium %(version)s")
def cli() -> None:
    """Hospitals train one model together; no record leaves its hospital.

    Amounts are whole tokens in decimals (250, 12.5). With --json they are in the token's smallest unit, fees in
    wei, times in seconds since 1970. Keys are opened with the passphrase in CONSILIUM_PASSPHRASE, or one typed
    at the prompt.

    \b
    A hospital's first steps:
      consilium node init --data records.csv --rpc http://127.0.0.1:8545 --deployment deployment.json
      consilium hospital register --name "St. Anna"      then the council admits it
      consilium stake deposit 100
      consilium enrol 1
      consilium node run

    \b
    Exit codes: 0 done; 2 wrong usage or configuration; 3 data; 4 chain; 5 storage; 6 encryption;
    7 proofs; 8 study or audit; 9 the node's own memory; 10 a study that was waited for was not
    completed; 1 anything else.
    """


for group in (wallet, council, hospital, stake, slashed, study, node, network, data, model, keys):
    cli.add_command(group)
add_trust_command(node)
add_participation_commands(cli)
add_claim_command(cli)
add_predict_command(cli)
add_local_commands(cli)
add_membership_commands(keys, study)


def main(arguments: Sequence[str] | None = None, command: click.Command = cli, name: str = "consilium") -> int:
    """Run one command; returns its exit code. Expected failures become one line (or JSON) on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    session = Session(Options(as_json="--json" in given))
    if logging.lastResort is not None:
        # Commands other than `node run` set up no log; their warnings go to standard error by way of this.
        logging.lastResort.setFormatter(LogLine())
    try:
        code = command.main(given, prog_name=name, standalone_mode=False, obj=session)
        return code if isinstance(code, int) else 0
    except ConsiliumError as error:
        error.args = (session.hinted(str(error)),)
        show_error(error, session.options.as_json)
        return error.exit_code
    except click.ClickException as error:
        if session.options.as_json:
            show_error(UsageError(error.format_message()), True)
        else:
            error.show()
        return 2
    except BrokenPipeError:
        # Whoever read the output has read enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        problem = f"{error.filename or 'A file'}: {error.strerror or error}. Check the path, its permissions, the disk."
        show_error(ConsiliumError(problem), session.options.as_json)
        return ConsiliumError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("consilium: interrupted", err=True)
        return INTERRUPTED
