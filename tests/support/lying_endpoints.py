# SPDX-License-Identifier: Apache-2.0
"""Nodes one of whose two endpoints lies where it is asked alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from node.errors import ChainUnavailable
from tests.support.fake_chain import FakeChain
from tests.support.steps import Party

Result = TypeVar("Result")


class TwoEndpoints:
    """What a node sees through two endpoints: the first is asked alone, and then tells of the newest block what `lies`
    make of the truth, by the view's name."""

    def __init__(self, chain: FakeChain, lies: dict[str, Callable[[Any], Any]]) -> None:
        self._chain, self._lies = chain, lies

    def __getattr__(self, name: str) -> Any:
        view = getattr(self._chain, name)
        if name not in self._lies:
            return view

        def told(*given: Any, **named: Any) -> Any:
            at = inspect.signature(view).bind(*given, **named).arguments.get("at", "latest")
            truth = view(*given, **named)
            return self._lies[name](truth) if at == "latest" else truth

        return told

    def agreed(self, read: Callable[[Any], Result]) -> Result:
        first, second = read(self), read(self._chain)
        if first != second:
            raise ChainUnavailable("The RPC endpoints give different answers: waiting until they agree.")
        return first


def misled(chain: FakeChain, party: Party, **lies: Callable[[Any], Any]) -> Party:
    """The hospital's node, one of whose endpoints lies."""
    reader: Any = TwoEndpoints(chain, lies)
    return replace(party, context=replace(party.context, hospital=replace(party.hospital, reader=reader)))
