# SPDX-License-Identifier: Apache-2.0
"""Transactions that are sent once, whatever happens in between.

An intent ("submit the update of study 1, round 2") is signed, written down, then sent. After a crash the same
intent is looked for and waited on, never signed with another nonce while the first may still be mined. One
transaction of a key is on its way at a time; a slow one is sent again under the same nonce with higher fees.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from node.chain.connection import Connection
from node.chain.fees import Fees, raised, suggest
from node.chain.journal import SendingPolicy, TransactionJournal
from node.chain.limits import RpcError
from node.chain.refusals import refusal
from node.chain.wallet import Wallet
from node.errors import ChainError, ChainUnavailable, ContractReverted, SpendingCapReached
from node.types import Address, Receipt, TransactionAttempt, TransactionRecord, TransactionStatus

log = logging.getLogger("consilium.chain")

_MISSES = 5
"""Polls without a receipt, the nonce being used, before a transaction counts as displaced by another."""
_TAKEN = ("already known", "already imported", "known transaction", "already in the pool")
_TOO_CHEAP = ("underpriced", "less than block base fee", "fee too low", "max fee per gas")


class TransactionSender:
    """Sends one key's transactions. Raises `ContractReverted` before sending what a contract would refuse,
    `SpendingCapReached`, `ChainUnavailable` (send the same intent again later), and `ChainError`.
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

    def send(self, intent_key: str, contract: str, function: str, *arguments: Any) -> Receipt:
        """Carry out an intent and return the receipt of the block that includes it.

        An intent that was sent before is not sent again: the call first recorded stands, its receipt is
        returned. One that was mined and refused, or whose nonce another transaction used, is sent anew.
        """
        with self._lock, self._journal.sending(self.reader.pause):
            receipt = self._look_after_open(intent_key) or self._known(intent_key)
            while receipt is None:
                receipt = self._drive(self._sign_new(intent_key, contract, function, arguments))
            return receipt

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """The key's signature of typed data (EIP-712); nothing is sent."""
        return self._wallet.sign_typed(message)

    def settle(self) -> None:
        """Bring what an earlier run left open to its end: waited on, sent again, or noted as displaced."""
        with self._lock, self._journal.sending(self.reader.pause):
            self._look_after_open("")

    def _look_after_open(self, intent_key: str) -> Receipt | None:
        """Drive open transactions in order of nonce; the receipt of `intent_key` where it is among them."""
        found = None
        for record in self._journal.open_transactions(self.address, self._nonce()):
            log.info("looking after %s (%s.%s)", record.intent_key, record.contract, record.function)
            try:
                receipt = self._drive(record)
            except ContractReverted:
                if record.intent_key == intent_key:
                    raise
                continue
            if record.intent_key == intent_key:
                found = receipt
        return found

    def _known(self, intent_key: str) -> Receipt | None:
        record = self._journal.transaction(self.address, intent_key)
        if record is None or record.status is not TransactionStatus.MINED:
            return None
        return self._drive(record)

    def _sign_new(self, intent_key: str, contract: str, function: str, arguments: tuple[Any, ...]) -> TransactionRecord:
        data = self.reader.interfaces.encode_call(contract, function, arguments)
        destination = self.reader.address(contract)
        gas_limit = self._estimate(destination, data, f"{contract}.{function}")
        fees = suggest(self.reader)
        self._check_cap(gas_limit, fees)
        record = TransactionRecord(
            sender=self.address,
            intent_key=intent_key,
            nonce=self._nonce(),
            contract=contract,
            function=function,
            destination=destination,
            data=data,
            gas_limit=gas_limit,
            status=TransactionStatus.PENDING,
            tx_hash=None,
            attempts=(),
        )
        return self._sign(record, fees)

    def _sign(self, record: TransactionRecord, fees: Fees) -> TransactionRecord:
        """Sign with these fees and write it down; nothing has left yet."""
        tx_hash, raw = self._wallet.sign_transaction(
            {
                "type": 2,
                "chainId": self.reader.deployment.chain_id,
                "nonce": record.nonce,
                "to": record.destination,
                "data": record.data,
                "value": 0,
                "gas": record.gas_limit,
                "maxFeePerGas": fees.maximum,
                "maxPriorityFeePerGas": fees.priority,
            }
        )
        attempt = TransactionAttempt(tx_hash, raw, fees.maximum, fees.priority)
        record = dataclasses.replace(record, attempts=(*record.attempts, attempt))
        self._journal.save_transaction(record)
        return record

    def _drive(self, record: TransactionRecord) -> Receipt | None:
        """Wait until a transaction is mined, sending it again as needed; None when it was displaced."""
        deadline = time.monotonic() + self._policy.timeout
        sent_at: float | None = None
        misses = 0
        while True:
            mined = self._find_receipt(record)
            if mined is not None:
                return self._conclude(record, mined)
            now = time.monotonic()
            if self._nonce() > record.nonce:
                misses += 1
                if misses >= _MISSES:
                    self._displace(record)
                    return None
            elif sent_at is None:
                record, sent_at = self._broadcast(record), now
                continue
            elif now - sent_at >= self._policy.bump_after:
                record, sent_at = self._bump(record), now
            if now > deadline:
                raise ChainUnavailable(
                    f"{record.contract}.{record.function} was sent ({record.attempts[-1].tx_hash}) "
                    "and is not mined yet: it is waited for again on the next try, not sent twice."
                )
            self.reader.pause(self._policy.poll_interval)

    def _broadcast(self, record: TransactionRecord) -> TransactionRecord:
        """Send the latest attempt; mark it as accepted, or raise its fees where it is too cheap."""
        attempt = record.attempts[-1]
        try:
            self.reader.request("eth_sendRawTransaction", "0x" + attempt.raw.hex())
        except RpcError as error:
            message = error.message.lower()
            if any(text in message for text in _TOO_CHEAP):
                if len(record.attempts) > 1 and record.attempts[-2].accepted:
                    return record
                return self._bump(record)
            if "nonce too low" in message or "nonce is too low" in message:
                return record
            if not any(text in message for text in _TAKEN):
                return self._refused(record, error)
        accepted = dataclasses.replace(attempt, accepted=True)
        record = dataclasses.replace(record, attempts=(*record.attempts[:-1], accepted))
        self._journal.save_transaction(record)
        return record

    def _refused(self, record: TransactionRecord, error: RpcError) -> TransactionRecord:
        if not any(attempt.accepted for attempt in record.attempts):
            # No endpoint has it, so its nonce is free for whatever comes next.
            self._journal.drop_transaction(self.address, record.intent_key)
        if "insufficient funds" in error.message.lower():
            cost = record.gas_limit * record.attempts[-1].max_fee
            raise ChainError(
                f"{self.address} holds {self.reader.balance(self.address)} wei and "
                f"{record.contract}.{record.function} may cost {cost} wei in fees: "
                "send it some, then try again."
            ) from None
        raise self.reader.translate(error, f"{record.contract}.{record.function}") from None

    def _bump(self, record: TransactionRecord) -> TransactionRecord:
        last = record.attempts[-1]
        fees = raised(Fees(last.max_fee, last.priority_fee), suggest(self.reader))
        try:
            self._check_cap(record.gas_limit, fees)
        except SpendingCapReached:
            if not any(attempt.accepted for attempt in record.attempts):
                self._journal.drop_transaction(self.address, record.intent_key)
                raise
            log.warning("%s waits at its old fee: a higher one would pass the spending cap", record.intent_key)
            return record
        log.info("%s is slow: raising its fee to %d wei per gas", record.intent_key, fees.maximum)
        return self._broadcast(self._sign(record, fees))

    def _find_receipt(self, record: TransactionRecord) -> Mapping[str, Any] | None:
        for attempt in reversed(record.attempts):
            receipt: Mapping[str, Any] | None = self.reader.request("eth_getTransactionReceipt", attempt.tx_hash)
            if receipt is not None and receipt.get("blockNumber") is not None:
                return receipt
        return None

    def _conclude(self, record: TransactionRecord, mined: Mapping[str, Any]) -> Receipt:
        receipt = Receipt(
            intent_key=record.intent_key,
            call=f"{record.contract}.{record.function}",
            tx_hash=mined["transactionHash"],
            block_number=int(mined["blockNumber"], 16),
            block_hash=mined["blockHash"],
            gas_used=int(mined["gasUsed"], 16),
            effective_gas_price=int(mined.get("effectiveGasPrice", "0x0"), 16),
            events=self.reader.decode_logs(mined["logs"]),
        )
        succeeded = int(mined["status"], 16) == 1
        status = TransactionStatus.MINED if succeeded else TransactionStatus.REVERTED
        self._journal.add_fee(self.address, receipt.tx_hash, receipt.fee)
        self._journal.save_transaction(dataclasses.replace(record, status=status, tx_hash=receipt.tx_hash))
        if not succeeded:
            raise self._reason(record, receipt)
        return receipt

    def _reason(self, record: TransactionRecord, receipt: Receipt) -> Exception:
        """Why a mined transaction was refused, by running it again on the state before its block."""
        call = {"from": self.address, "to": record.destination, "data": "0x" + record.data.hex()}
        try:
            self.reader.request("eth_call", call, hex(receipt.block_number - 1))
        except RpcError as error:
            translated = self.reader.translate(error, receipt.call)
            if isinstance(translated, ContractReverted):
                return translated
        if receipt.gas_used >= record.gas_limit:
            return refusal("OutOfGas", {"gas_limit": record.gas_limit}, receipt.call)
        return refusal("RevertedWhenMined", {"transaction": receipt.tx_hash}, receipt.call)

    def _displace(self, record: TransactionRecord) -> None:
        log.warning("%s: its nonce %d was used by another transaction", record.intent_key, record.nonce)
        self._journal.save_transaction(dataclasses.replace(record, status=TransactionStatus.DISPLACED))

    def _estimate(self, destination: Address, data: bytes, call: str) -> int:
        transaction = {"from": self.address, "to": destination, "data": "0x" + data.hex()}
        try:
            estimate = int(self.reader.request("eth_estimateGas", transaction), 16)
        except RpcError as error:
            raise self.reader.translate(error, call) from None
        # Room for what others change between the estimate and the block.
        return estimate * 13 // 10 + 20_000

    def _check_cap(self, gas_limit: int, fees: Fees) -> None:
        cap = self._policy.spending_cap
        if cap is None:
            return
        paid = self._journal.fees_paid(self.address)
        if paid + gas_limit * fees.maximum > cap:
            raise SpendingCapReached(
                f"{self.address} has paid {paid} wei in fees and the next transaction may cost "
                f"{gas_limit * fees.maximum} wei: that passes the cap of {cap} wei. Raise `spending_cap_wei`."
            )

    def _nonce(self) -> int:
        return int(self.reader.request("eth_getTransactionCount", self.address, "latest"), 16)
