# SPDX-License-Identifier: Apache-2.0
"""The options every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from node.cli.session import Session

_Function = TypeVar("_Function", bound=Callable[..., Any])


def common_options(*, hidden: bool, signing: bool = True) -> Callable[[_Function], _Function]:
    """The options that say where: shown once, at the top, and understood everywhere; less the key where none signs."""

    def decorate(function: _Function) -> _Function:
        for option in reversed(_options(hidden, signing)):
            function = option(function)
        return function

    return decorate


def command(group: click.Group, name: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of `group` that also takes the common options and gets the session first."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return group.command(name, **settings)(common_options(hidden=True)(click.pass_obj(function)))

    return decorate


#: Of commands that commit to data or write them.
accept_option = click.option(
    "--accept",
    metavar="NAME",
    multiple=True,
    help="A column, an image or the label that looks wrong and is right; once for each.",
)


def typed(context: click.Context, session: Session) -> list[str]:
    """The common options that were typed, before the command's name or after it, which wins, for another program."""
    found: list[str] = []
    for parameter in context.command.params:
        levels = [level for level in (context, context.parent) if level is not None]
        sources = [level.get_parameter_source(parameter.name or "") for level in levels]
        if ParameterSource.COMMANDLINE in sources and parameter.param_type_name == "option":
            value = getattr(session.options, str(parameter.name))
            for one in value if isinstance(value, tuple) else (value,):
                found += [parameter.opts[0]] if one is True else [parameter.opts[0], str(one)]
    return found


def _options(hidden: bool, signing: bool) -> list[Callable[[Any], Any]]:
    def option(*names: str, variable: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        return click.option(
            *names,
            expose_value=False,
            callback=_keep,
            hidden=hidden,
            # Only the top reads the environment, so that an option there is not undone by a variable.
            envvar=None if hidden else variable,
            show_envvar=not hidden,
            **settings,
        )

    path = click.Path(path_type=Path)
    key = option(
        "--keyfile",
        variable="CONSILIUM_KEYFILE",
        type=path,
        help="Key to sign with [owner.json or operator.json in the node's folder].",
    )
    fee_cap = option(
        "--fee-cap",
        variable="CONSILIUM_FEE_CAP",
        help="Most that the key may ever pay in fees, in ether [the configuration's, or 1].",
    )
    return [
        option("--home", variable="CONSILIUM_HOME", type=path, help="The node's folder [~/.consilium]."),
        option(
            "--rpc",
            "rpc_urls",
            variable="CONSILIUM_RPC",
            multiple=True,
            help="RPC endpoint of the chain; give two to have them checked against each other.",
        ),
        option(
            "--deployment",
            variable="CONSILIUM_DEPLOYMENT",
            type=path,
            help="Deployment record [the node's, or ./deployment.json].",
        ),
        *([key, fee_cap] if signing else []),
        option("--json", "as_json", is_flag=True, default=None, help="Print JSON, errors too."),
    ]


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or value == ():
        return
    session = context.find_object(Session)
    if session is None:
        return
    setattr(session.options, str(parameter.name), value)
    # What a variable of the environment says holds for the next command too.
    if context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE and parameter.name != "as_json":
        values = value if isinstance(value, tuple) else (value,)
        session.given[parameter.opts[0]] = [word for each in values for word in (parameter.opts[0], str(each))]
