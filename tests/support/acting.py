# SPDX-License-Identifier: Apache-2.0
"""Contracts of the suite that send transactions of their own, as no key can: for what only they may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape

#: The account of a contract, with ether for any number of transactions.
Acting = Callable[[Any], Any]


def act_as(accounts: Any, contract: Any) -> Any:
    """The contract's account, which the local chain signs for."""
    ape.chain.provider.make_request("anvil_setBalance", [contract.address, hex(10**20)])
    return accounts.impersonate_account(contract.address)
