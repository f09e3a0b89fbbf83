# SPDX-License-Identifier: Apache-2.0
"""What a transaction called a contract with, and the listed verifiers asked about the posted proofs again.

A proof's eight numbers are taken from the transaction that posted it; every public input is computed from
the study's records by this side's own code, not taken from the contract that accepted the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_utils.crypto import keccak

from node.audit.ledger import Source
from node.audit.round_views import RoundView, SubmissionView
from node.audit.views import StudyView
from node.chain import answers
from node.errors import ChainError
from node.proofs.commitments import aggregation_context, training_context

_WORD = 32
_PROOF_WORDS = 8
_PROOF = "(uint256[2],uint256[2][2],uint256[2])"
SUBMIT = keccak(text=f"submitUpdate(uint256,uint32,bytes32,uint64,uint256,uint256,{_PROOF})")[:4]
FINALISE = keccak(text=f"finalise(uint256,uint32,uint256,uint256,uint256,{_PROOF})")[:4]
KEYS = keccak(text="postKeys(uint256,uint32,uint256,uint256,bytes32,bytes32)")[:4]
DEAL = keccak(text="postDealing(uint256,uint32,bytes32,bytes32,uint64)")[:4]


class CallUnavailable(ChainError):
    """The transaction cannot be read here, or called the contract through another one."""


def training_signals(view: StudyView, item: RoundView, submission: SubmissionView) -> tuple[int, ...]:
    """The public inputs of a hospital's training proof, in the verifier's order."""
    hospital = view.hospital(submission.hospital_id)
    assert hospital is not None, "only enrolled hospitals can submit"
    context = training_context(
        chain_id=view.network.chain_id,
        round_manager=view.network.contracts["RoundManager"],
        study_id=view.study_id,
        round_number=item.number,
        hospital_id=submission.hospital_id,
        ciphertext_digest=submission.file.digest,
    )
    return (context, item.root_before, hospital.data_root, hospital.rows, view.plan.root, *submission.commitment)


def aggregation_signals(view: StudyView, item: RoundView) -> tuple[int, ...]:
    """The public inputs of a round's aggregation proof, in the verifier's order."""
    places = {hospital.hospital_id: hospital.index for hospital in view.hospitals}
    context = aggregation_context(
        chain_id=view.network.chain_id,
        round_manager=view.network.contracts["RoundManager"],
        study_id=view.study_id,
        round_number=item.number,
        included_bitmap=sum(1 << places[hospital] for hospital in item.included),
    )
    return (context, *item.sum_commitment, item.sum_rows, item.root_before, item.root_after)


def training_proof_holds(source: Source, view: StudyView, item: RoundView, submission: SubmissionView) -> bool:
    """Whether the training circuit's verifier accepts the posted proof; raises ChainError."""
    proof = posted_proof(source, submission.act.tx_hash, SUBMIT)
    return _verify(source, view.plan.training.verifier, proof, training_signals(view, item, submission))


def aggregation_proof_holds(source: Source, view: StudyView, item: RoundView) -> bool:
    """Whether the aggregation circuit's verifier accepts the posted proof; raises ChainError."""
    assert item.finalised is not None, "only a finalised round has an aggregation proof"
    proof = posted_proof(source, item.finalised.tx_hash, FINALISE)
    return _verify(source, view.plan.aggregation.verifier, proof, aggregation_signals(view, item))


def posted_proof(source: Source, tx_hash: str, selector: bytes) -> bytes:
    """The proof's words: the last ones of the call, since all arguments have a fixed size."""
    return b"".join(posted_words(source, tx_hash, selector)[-_PROOF_WORDS:])


def posted_words(source: Source, tx_hash: str, selector: bytes) -> tuple[bytes, ...]:
    """The arguments of a call that has only such of a fixed size, in words of 32 bytes; raises CallUnavailable."""
    data = source.request("eth_getTransactionByHash", tx_hash, parse=_call_data)
    if data is None:
        raise CallUnavailable("The RPC endpoint does not keep this transaction: ask one with the full history.")
    if data[:4] != selector:
        raise CallUnavailable("It came through another contract: what was called cannot be taken from the call alone.")
    return tuple(data[start : start + _WORD] for start in range(4, len(data), _WORD))


def _verify(source: Source, verifier: str, proof: bytes, signals: Sequence[int]) -> bool:
    selector = keccak(text=f"verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{len(signals)}])")[:4]
    words = b"".join(signal.to_bytes(_WORD, "big") for signal in signals)
    call = {"to": verifier, "data": "0x" + (selector + proof + words).hex()}
    return int.from_bytes(source.request("eth_call", call, "latest", parse=answers.data)) == 1


def _call_data(transaction: Any) -> bytes | None:
    """What a transaction called with; None where the endpoint does not keep it."""
    return None if transaction is None else answers.member(transaction, "input", answers.data)
