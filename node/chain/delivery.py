# SPDX-License-Identifier: Apache-2.0
"""A signed transaction on its way into a block: sent, sent again with higher fees, waited for, looked up.

It is lost only where the chain shows another transaction with its nonce, deep enough and on every endpoint. A nonce
that is used while no receipt has come shows nothing: indexes lag, and so do some of the machines behind an endpoint.
"""

from __future__ import annotations

import dataclasses
import logging
import time

from node.chain import answers
from node.chain.connection import Connection
from node.chain.fees import Fees, raised, suggest
from node.chain.journal import SendingPolicy, TransactionJournal
from node.chain.limits import RpcError
from node.chain.nonces import NonceUse, transaction_count, used_by
from node.chain.refusals import refusal
from node.chain.wallet import Wallet
from node.errors import ChainUnavailable, ContractReverted, EtherNeeded, KeyInUse, SpendingCapReached
from node.types import Receipt, TransactionAttempt, TransactionRecord, TransactionStatus

log = logging.getLogger("consilium.chain")

_SLOWER = 1.25
"""By how much each wait for a receipt is longer than the one before."""
_LONGEST_POLL = 8
"""How many poll intervals the longest wait has."""
_TAKEN = ("already known", "already imported", "known transaction", "already in the pool")
_TOO_CHEAP = ("underpriced", "less than block base fee", "fee too low", "max fee per gas")


class Delivery:
    """Delivers one key's transactions, each written down in the journal before it leaves.

    `alone_from`: the nonce from which on nobody else signs with the key; None where others may.
    """

    def __init__(self, reader: Connection, wallet: Wallet, journal: TransactionJournal, policy: SendingPolicy) -> None:
        self.alone_from: int | None = None
        self._reader = reader
        self._wallet = wallet
        self._address = wallet.address
        self._journal = journal
        self._policy = policy

    def sign(self, record: TransactionRecord, fees: Fees) -> TransactionRecord:
        """Sign with these fees and write it down; nothing has left yet."""
        tx_hash, raw = self._wallet.sign_transaction(
            {
                "type": 2,
                "chainId": self._reader.deployment.chain_id,
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
        earlier = tuple(known for known in record.attempts if known.tx_hash != tx_hash)
        record = dataclasses.replace(record, attempts=(*earlier, attempt))
        self._journal.save_transaction(record)
        return record

    def check_cap(self, gas_limit: int, fees: Fees) -> None:
        """Raise `SpendingCapReached` where a transaction could cost more than the key may still pay."""
        self._policy.check_cap(self._address, self._journal.fees_paid(self._address), gas_limit * fees.maximum)

    def drive(self, record: TransactionRecord) -> Receipt | None:
        """Wait until a transaction is mined, sending it again as needed; None when it was displaced."""
        sent_at: float | None = None
        used_since: float | None = None
        deadline, wait = time.monotonic() + self._policy.timeout, self._policy.poll_interval
        look_after, seen = self._policy.look_after, ""
        while True:
            mined = self._find_receipt(record)
            if mined is not None:
                return self._conclude(record, mined)
            now = time.monotonic()
            if transaction_count(self._reader, self._address) > record.nonce:
                used_since = used_since or now
                if now - used_since >= look_after:
                    # Receipts are often late, and looking is dear: each look comes after twice the time.
                    look_after *= 2
                    seen, displaced = self._look_at_nonce(record)
                    if displaced:
                        return None
            elif sent_at is None:
                record, sent_at = self._broadcast(record), now
                continue
            elif now - sent_at >= self._policy.bump_after:
                record, sent_at = self._bump(record), now
            if now > deadline:
                state = f"nonce {record.nonce} is used but no receipt has come" if used_since else "is not mined yet"
                raise ChainUnavailable(
                    f"{record.contract}.{record.function} was sent ({record.attempts[-1].tx_hash}) and {state}{seen}: "
                    "it is waited for again on the next try, not sent twice."
                )
            self._reader.pause(wait)
            wait = min(wait * _SLOWER, self._policy.poll_interval * _LONGEST_POLL)

    def _look_at_nonce(self, record: TransactionRecord) -> tuple[str, bool]:
        """Who has a used nonce, in words, and whether that displaces the transaction for good."""
        try:
            use = used_by(self._reader, self._address, record.nonce)
            if use.tx_hash in [attempt.tx_hash for attempt in record.attempts]:
                return f" although it is in block {use.block}", False
            if (
                self.alone_from is not None
                and record.nonce >= self.alone_from
                and not self._journal.is_own(use.tx_hash)
            ):
                raise in_use(f"nonce {record.nonce} of {self._address} was used by {use.tx_hash}, not sent from here")
            if not self._reader.is_confirmed(use.block, self._policy.depth):
                return f"; {use.tx_hash} has it, in block {use.block}: not {self._policy.depth} blocks deep", False
        except ChainUnavailable as error:
            return f" ({error})", False
        self._displace(record, use)
        return "", True

    def _broadcast(self, record: TransactionRecord) -> TransactionRecord:
        """Send the latest attempt; mark it as accepted, or raise its fees where it is too cheap."""
        attempt = record.attempts[-1]
        try:
            self._reader.request("eth_sendRawTransaction", "0x" + attempt.raw.hex())
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
        self._set_aside(record)
        if "insufficient funds" in error.message.lower():
            cost = record.gas_limit * record.attempts[-1].max_fee
            raise EtherNeeded(
                f"{self._address} holds {self._reader.balance(self._address)} wei and "
                f"{record.contract}.{record.function} may cost {cost} wei in fees: "
                "send it some, then try again."
            ) from None
        raise self._reader.translate(error, f"{record.contract}.{record.function}") from None

    def _set_aside(self, record: TransactionRecord) -> None:
        """Where no endpoint took it, its nonce is free for whatever comes next."""
        if not any(attempt.accepted for attempt in record.attempts):
            self._journal.save_transaction(dataclasses.replace(record, status=TransactionStatus.REFUSED))

    def _bump(self, record: TransactionRecord) -> TransactionRecord:
        last = record.attempts[-1]
        fees = raised(Fees(last.max_fee, last.priority_fee), suggest(self._reader))
        try:
            self.check_cap(record.gas_limit, fees)
        except SpendingCapReached:
            if not any(attempt.accepted for attempt in record.attempts):
                self._set_aside(record)
                raise
            log.warning("%s waits at its old fee: a higher one would pass the spending cap", record.intent_key)
            return record
        log.info("%s is slow: raising its fee to %d wei per gas", record.intent_key, fees.maximum)
        return self._broadcast(self.sign(record, fees))

    def _find_receipt(self, record: TransactionRecord) -> answers.RawReceipt | None:
        for attempt in reversed(record.attempts):
            found = self._reader.request("eth_getTransactionReceipt", attempt.tx_hash, parse=answers.receipt)
            # One of another transaction tells nothing about this one.
            if found is not None and found["transactionHash"].lower() == attempt.tx_hash.lower():
                return found
        return None

    def _conclude(self, record: TransactionRecord, mined: answers.RawReceipt) -> Receipt:
        receipt = Receipt(
            intent_key=record.intent_key,
            call=f"{record.contract}.{record.function}",
            tx_hash=mined["transactionHash"].lower(),
            block_number=answers.quantity(mined["blockNumber"]),
            block_hash=mined["blockHash"],
            gas_used=answers.quantity(mined["gasUsed"]),
            effective_gas_price=answers.quantity(mined["effectiveGasPrice"]),
            events=self._reader.decode_logs(mined["logs"]),
        )
        succeeded = answers.quantity(mined["status"]) == 1
        status = TransactionStatus.MINED if succeeded else TransactionStatus.REVERTED
        self._journal.add_fee(self._address, receipt.tx_hash, receipt.fee)
        self._journal.drop_refused(self._address, record.nonce)
        self._journal.save_transaction(dataclasses.replace(record, status=status, tx_hash=receipt.tx_hash))
        if not succeeded:
            raise self._reason(record, receipt)
        return receipt

    def _reason(self, record: TransactionRecord, receipt: Receipt) -> Exception:
        """Why a mined transaction was refused, by running it again on the state before its block."""
        call = {"from": self._address, "to": record.destination, "data": "0x" + record.data.hex()}
        try:
            self._reader.request("eth_call", call, hex(receipt.block_number - 1))
        except RpcError as error:
            translated = self._reader.translate(error, receipt.call)
            if isinstance(translated, ContractReverted):
                return translated
        if receipt.gas_used >= record.gas_limit:
            return refusal("OutOfGas", {"gas_limit": record.gas_limit}, receipt.call)
        return refusal("RevertedWhenMined", {"transaction": receipt.tx_hash}, receipt.call)

    def _displace(self, record: TransactionRecord, use: NonceUse) -> None:
        if record.status is TransactionStatus.REFUSED and self._journal.is_own(use.tx_hash):
            # It gave way to another one from here and can never be mined.
            self._journal.drop_refused(self._address, record.nonce)
            return
        log.warning("%s: its nonce %d was used by %s", record.intent_key, record.nonce, use.tx_hash)
        displaced = dataclasses.replace(record, status=TransactionStatus.DISPLACED, tx_hash=use.tx_hash)
        self._journal.save_transaction(displaced)


def in_use(what: str) -> KeyInUse:
    """The error of a key with which somebody else signs, and what to do."""
    return KeyInUse(
        f"Another node uses this key: {what}. Nothing more is sent from here. Two nodes with one key spoil their "
        "hospital's rounds: let one of them run, the one whose memory is complete, and switch the other one off."
    )
