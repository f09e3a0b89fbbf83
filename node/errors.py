# SPDX-License-Identifier: Apache-2.0
"""The error tree of the project, on one screen.

Foreign exceptions are translated where they enter. A message says what is wrong and what to do;
it never carries rows, updates, keys or passphrases. `exit_code` is what the command ends with.
"""

from __future__ import annotations


class ConsiliumError(Exception):
    """Any expected failure: shown to a person as one clear message, without a traceback."""

    exit_code = 1


class StopAsked(BaseException):
    """The process was told to stop while it waited or worked.

    No failure, so outside the tree below: like KeyboardInterrupt it passes whatever handles failures and tries again.
    """


class UsageError(ConsiliumError):
    """The command or a configuration value is wrong; correct it and run again."""

    exit_code = 2


class ConfigError(UsageError):
    """A node's configuration or its key files do not fit together."""


class DataError(ConsiliumError):
    """A table, image file or model file cannot be used as it is."""

    exit_code = 3


class DataDoubtful(DataError):
    """Data can be read, and are probably wrong in kind; `findings` are all that was found, ready for JSON."""

    def __init__(self, message: str, findings: list[dict[str, str]]) -> None:
        self.findings = findings
        super().__init__(message)


class ChainError(ConsiliumError):
    """The chain did not do what was asked."""

    exit_code = 4


class ChainUnavailable(ChainError):
    """No RPC endpoint answered; worth trying again."""


class EtherNeeded(ChainError):
    """The key that signs cannot pay a transaction's fee; send it some ether."""


class ChainMismatch(ChainError):
    """The chain, the deployment record and this node's state belong to different networks."""


class ContractReverted(ChainError):
    """A contract refused a call: `name` is its custom error, `values` the offending values, `meaning` a sentence."""

    def __init__(self, name: str, values: dict[str, object] | None = None, call: str = "", meaning: str = "") -> None:
        self.name = name
        self.values = values or {}
        self.call = call
        shown = ", ".join(f"{key}={value}" for key, value in self.values.items())
        # A sentence has the values that matter, with their units; `values` has them all.
        said = f"{meaning} [{name}]" if meaning else f"{name}({shown})"
        super().__init__(f"{call + ' was refused: ' if call else ''}{said}")


class DrawLost(ChainError):
    """The chain no longer knows the hash that drew a hospital's block, and nobody had kept the draw."""


class NonceLost(ChainError):
    """Another transaction has the nonce of a payment, which was therefore not made and is not made anew by itself."""


class KeyInUse(ChainError):
    """Another node or program signs with this node's key; one of them must stop."""


class SpendingCapReached(ChainError):
    """A key's cap on fees is used up; raise it or wait."""


class StorageError(ConsiliumError):
    """A block store could not be read or written."""

    exit_code = 5


class StorageUnavailable(StorageError):
    """No store or daemon answered, or what did is none, or lets nobody in; worth trying again."""


class ContentNotFound(StorageError):
    """No reachable store holds this CID (yet)."""


class ContentMismatch(StorageError):
    """Bytes do not match their CID, their layout is not canonical, or they exceed the allowed size."""


class CryptoError(ConsiliumError):
    """The threshold layer refuses what it was given."""

    exit_code = 6


class ParameterError(CryptoError):
    """No parameter set meets the request, or two parties' parameters differ."""


class MalformedCiphertext(CryptoError):
    """Ciphertext bytes have another shape, prime, scale or version than the plan implies."""


class MalformedShare(CryptoError):
    """Opening-share bytes have another shape or belong to another set, attempt or hospital."""


class MalformedCeremonyMessage(CryptoError):
    """A dealing is not well formed: whoever made it is guilty, as its bytes show to all."""


class MalformedEncoding(CryptoError):
    """Bytes or numbers from outside are no canonical point or scalar of the commitments' group."""


class MalformedPadDealing(CryptoError):
    """A dealing of pads is not well formed, or its dealer does not prove that it knows its key: it is guilty."""


class FalseBox(CryptoError):
    """A box of a dealing of pads does not hold its recipient's share: the recipient complains."""


class MalformedPayload(CryptoError):
    """The masked scalars of a round's payload have another length than the plan implies, or one is out of range."""


class CeremonyFailed(CryptoError):
    """A ceremony cannot be judged or its keys not be used."""


class OpeningRefused(CryptoError):
    """This node will not make a share: another set is recorded, too few updates, or keys are erased."""


class OpeningFailed(CryptoError):
    """The shares at hand do not open the sum."""


class SecretUnavailable(CryptoError):
    """A secret was erased, never stored, is damaged, or its name holds other bytes already."""


class ProofError(ConsiliumError):
    """A statement could not be proved or a proof does not verify."""

    exit_code = 7


class ArtefactMissing(ProofError):
    """A compiled circuit or proving key is not in the cache: run `make setup`."""


class WitnessRefused(ProofError):
    """The circuit refuses these private inputs: the statement is false."""


class ProgramKilled(ProofError):
    """A signal ended a program that was to prove or check, mostly for want of memory; worth trying again."""


class GroupProgramFailed(ProofError):
    """The native program of the commitments' group failed, or answered nonsense: it says nothing about its inputs."""


class ProofInvalid(ProofError):
    """A proof does not verify under the expected key and public inputs."""


class SetupInvalid(ProofError):
    """A set-up's transcript and files do not belong together, or do not verify: use none of its keys."""


class KeyNotTrusted(ProofError):
    """The verifying key on chain is none that this node knows: it would take part under somebody else's key."""


class StudyError(ConsiliumError):
    """A study cannot go on, or its records disagree with each other."""

    exit_code = 8


class TrainingDiverged(StudyError):
    """Local training reached NaN or infinity; the plan's learning rate is too high for these records."""


class AuditFailed(StudyError):
    """A re-check of the ledger found a disagreement."""


class StudyIncomplete(StudyError):
    """A study that was waited for ended without being completed, or went on without this hospital."""

    exit_code = 10


class StateError(ConsiliumError):
    """A node's own memory is damaged, of another version, or in use by another process."""

    exit_code = 9
