# SPDX-License-Identifier: Apache-2.0
"""Transactions that are sent once, whatever happens in between.

An intent ("submit the update of study 1, round 2") is signed, written down, then sent. After a crash the same
intent is looked for and waited on, never signed with another nonce while the first may still be mined: not before
the chain shows another transaction with its nonce, deep enough and on every endpoint. One transaction of a key is on
its way at a time; a slow one is sent again under the same nonce with higher fees.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from node.chain import answers
from node.chain.connection import Connection
from node.chain.delivery import Delivery, in_use
from node.chain.fees import suggest
from node.chain.journal import SendingPolicy, TransactionJournal
from node.chain.limits import RpcError
from node.chain.nonces import fewest_transactions, transaction_count
from node.chain.wallet import Wallet
from node.errors import ChainUnavailable, ContractReverted, NonceLost
from node.types import Address, Receipt, TransactionRecord, TransactionStatus

log = logging.getLogger("consilium.chain")


class TransactionSender:
    """Sends one key's transactions. Raises `ContractReverted` before sending what a contract would refuse,
    `SpendingCapReached`, `ChainUnavailable` (send the same intent again later), `NonceLost` (see what was done instead
    and decide), `KeyInUse` once the key was taken over, and `ChainError`.
    """

    def __init__(
        self,
        reader: Connection,
        wallet: Wallet,
        journal: TransactionJournal,
        policy: SendingPolicy | None = None,
    ) -> None:
        self.reader = reader
        self.address: Address = wallet.address
        self._wallet = wallet
        self._journal = journal
        self._policy = policy or SendingPolicy()
        self._lock = threading.RLock()
        self._delivery = Delivery(reader, wallet, journal, self._policy)

    def send(self, intent_key: str, contract: str, function: str, *arguments: Any, repeatable: bool = False) -> Receipt:
        """Carry out an intent and return the receipt of the block that includes it.

        An intent that was sent before is not sent again: the call first recorded stands, its receipt is
        returned. One that was mined and refused is sent anew. So is one whose nonce another transaction used, if
        it is `repeatable`: if it does no harm twice, mostly since the contract refuses the second.
        """
        with self._lock, self._journal.sending(self.reader.pause):
            receipt = self._look_after_open(intent_key)
            while receipt is None:
                record = self._journal.transaction(self.address, intent_key)
                if record is not None and record.status is TransactionStatus.MINED:
                    receipt = self._delivery.drive(record)
                    continue
                if record is not None and record.status is TransactionStatus.DISPLACED and not repeatable:
                    raise self._lost(record)
                receipt = self._delivery.drive(self._sign_new(intent_key, contract, function, arguments))
            return receipt

    def intent(self, name: str) -> str:
        """A name for something that may be done again: that of the same thing left unfinished, or else a new one.

        So what was cut off and is asked for once more is brought to its end instead of being paid for twice. Whoever
        has seen the end says so with `finish`.
        """
        number = 0
        while self._is_over(f"{name}/{number}"):
            number += 1
        return f"{name}/{number}"

    def finish(self, intent_key: str) -> None:
        """Take note that whoever gave an intent has seen its receipt."""
        self._journal.finish(self.address, intent_key)

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """The key's signature of typed data (EIP-712); nothing is sent."""
        return self._wallet.sign_typed(message)

    def settle(self) -> None:
        """Bring what an earlier run left open to its end: waited on, sent again, or noted as displaced."""
        with self._lock, self._journal.sending(self.reader.pause):
            self._look_after_open("")

    def take_over(self, unknown_found: Callable[[int], None]) -> None:
        """From now on nobody else signs with this key: whatever another one does with it raises `KeyInUse`.

        Where the chain has transactions of the key that this memory does not know, `unknown_found` is told how many
        before they are taken note of; what it raises leaves them unknown. Nothing is sent.
        """
        with self._lock, self._journal.sending(self.reader.pause):
            count = fewest_transactions(self.reader, self.address)
            unknown = self._lost_below(count) + max(0, count - self._known())
            if unknown:
                unknown_found(unknown)
            self._delivery.alone_from = count
            self._journal.adopt_nonce(self.address, count)

    def check_alone(self) -> None:
        """Raise `KeyInUse` where the chain has a transaction of the key, since it was taken over, from elsewhere."""
        with self._lock:
            if self._delivery.alone_from is None or self._count() <= self._known():
                return
            with self._journal.sending(self.reader.pause):
                self._check_alone(self._count())

    def _lost_below(self, count: int) -> int:
        """Look up the open transactions whose nonces were used, and tell how many gave theirs to another one."""
        lost = 0
        for record in self._journal.open_transactions(self.address, count):
            if record.nonce < count:
                self._look_after(record)
                after = self._journal.transaction(self.address, record.intent_key)
                lost += after is not None and after.status is TransactionStatus.DISPLACED
        return lost

    def _check_alone(self, count: int) -> None:
        if count <= self._known():
            return
        # What an endpoint refused and had taken all the same was sent from here.
        for record in self._journal.open_transactions(self.address, count):
            self._look_after(record)
        known = self._known()
        if fewest_transactions(self.reader, self.address) > known:
            raise in_use(f"the chain has transaction {known} of {self.address}, which was not sent from here")
        if count > known:
            raise ChainUnavailable(
                f"The RPC endpoints disagree about how many transactions {self.address} has sent: "
                "waiting until they agree."
            )

    def _look_after_open(self, intent_key: str) -> Receipt | None:
        """Drive open transactions in order of nonce; the receipt of `intent_key` where it is among them."""
        found = None
        for record in self._journal.open_transactions(self.address, self._count()):
            own = record.intent_key == intent_key
            if record.status is TransactionStatus.REFUSED and not own:
                continue
            receipt = self._look_after(record, raising=own)
            found = receipt if own else found
        return found

    def _look_after(self, record: TransactionRecord, *, raising: bool = False) -> Receipt | None:
        log.debug("looking after %s (%s.%s)", record.intent_key, record.contract, record.function)
        try:
            return self._delivery.drive(record)
        except ContractReverted:
            if raising:
                raise
            return None

    def _is_over(self, intent_key: str) -> bool:
        record = self._journal.transaction(self.address, intent_key)
        if record is None or record.status in (TransactionStatus.PENDING, TransactionStatus.REFUSED):
            return False
        return record.status is not TransactionStatus.MINED or self._journal.is_finished(self.address, intent_key)

    def _sign_new(self, intent_key: str, contract: str, function: str, arguments: tuple[Any, ...]) -> TransactionRecord:
        nonce = self._next_nonce()
        data = self.reader.interfaces.encode_call(contract, function, arguments)
        destination = self.reader.address(contract)
        gas_limit = self._estimate(destination, data, f"{contract}.{function}")
        fees = suggest(self.reader)
        self._delivery.check_cap(gas_limit, fees)
        refused = self._journal.transaction(self.address, intent_key)
        record = TransactionRecord(
            sender=self.address,
            intent_key=intent_key,
            nonce=nonce,
            contract=contract,
            function=function,
            destination=destination,
            data=data,
            gas_limit=gas_limit,
            status=TransactionStatus.PENDING,
            tx_hash=None,
            # An endpoint that refused it may have taken it all the same: any of them can be mined.
            attempts=refused.attempts if refused is not None and refused.nonce == nonce else (),
        )
        return self._delivery.sign(record, fees)

    def _next_nonce(self) -> int:
        """The nonce after all that were used, once the endpoint knows of all that were sent from here."""
        deadline = time.monotonic() + self._policy.timeout
        while (count := self._count()) < self._known():
            if time.monotonic() > deadline:
                raise ChainUnavailable(
                    f"The RPC endpoint knows of {count} transactions of {self.address} and {self._known()} were mined: "
                    "it is behind, or the chain went back. Give another endpoint, or wait."
                )
            self.reader.pause(self._policy.poll_interval)
        if self._delivery.alone_from is not None:
            self._check_alone(count)
        return count

    def _known(self) -> int:
        return self._journal.next_nonce(self.address)

    def _count(self) -> int:
        return transaction_count(self.reader, self.address)

    def _estimate(self, destination: Address, data: bytes, call: str) -> int:
        transaction = {"from": self.address, "to": destination, "data": "0x" + data.hex()}
        try:
            estimate = self.reader.request("eth_estimateGas", transaction, parse=answers.quantity)
        except RpcError as error:
            raise self.reader.translate(error, call) from None
        # Room for what others change between the estimate and the block: whoever acts last also ends the step.
        return estimate * 13 // 10 + 150_000

    def _lost(self, record: TransactionRecord) -> NonceLost:
        return NonceLost(
            f"{record.contract}.{record.function} was signed with nonce {record.nonce} of {self.address}, which "
            f"another transaction used that was not sent from here: {record.tx_hash}. Look what that one did. If it "
            "was this very order, nothing is left to do; if not, give the order again."
        )
