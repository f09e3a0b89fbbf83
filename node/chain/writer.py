# SPDX-License-Identifier: Apache-2.0
"""What the writers share: the key they send with."""

from __future__ import annotations

from node.chain.sender import TransactionSender


class Writer:
    """Writes with one sender's key. An `intent` names what is to be done once: the same name again returns
    the first receipt. Methods without one name their intent themselves. What the contract refuses the second time
    is `repeatable`: it is sent anew by itself where its nonce was lost.
    """

    def __init__(self, sender: TransactionSender) -> None:
        self._sender = sender

    @property
    def key(self) -> TransactionSender:
        """The key that is written with."""
        return self._sender
