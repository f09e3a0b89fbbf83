# SPDX-License-Identifier: Apache-2.0
"""What a contract's refusal means, put in words with its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.chain.sentences import SENTENCES
from node.errors import ContractReverted
from node.plan import RHO_UNITS
from node.types import CeremonyStep, CircuitKind, Offence, Phase, Standing, StudyState
from node.words import format_span, format_time

#: How a number of a kind of unit is put: by the unit's name and the number.
Show = Callable[[str, int], str]

_NAMES: Mapping[str, type[Any]] = {
    "phase": Phase,
    "standing": Standing,
    "state": StudyState,
    "step": CeremonyStep,
    "kind": CircuitKind,
    "offence": Offence,
}
"""Values that are numbers of something with a name."""

<<<<<<< HEAD
SENTENCES: Mapping[str, str] = {
    # HospitalRegistry
    "HospitalRegistryEmptyName": "A hospital needs a name.",
    "HospitalRegistryNoOwnerProposed": "No other owner is proposed for hospital {hospitalId}.",
    "HospitalRegistryNotOwner": "Only the owner of hospital {hospitalId} may do that, and {caller} is not.",
    "HospitalRegistryNotOwnerOrOperator": "Only hospital {hospitalId}'s owner or operator may do that.",
    "HospitalRegistryNotProposed": "{caller} is not the owner proposed for hospital {hospitalId}.",
    "HospitalRegistryOperatorTaken": "{operator} operates hospital {hospitalId} already: use another key.",
    "HospitalRegistryOwnerTaken": "{owner} owns hospital {hospitalId} already: an address owns one.",
    "HospitalRegistryTextTooLong": "A name or endpoint has {length} bytes; at most {maximum} are allowed.",
    "HospitalRegistryTooEarly": "Hospital {hospitalId}'s new owner can accept from {start:time} on.",
    "HospitalRegistryUnknownHospital": "There is no hospital {hospitalId}.",
    "HospitalRegistryWrongSignature": (
        "{operator} did not sign that it operates a hospital of this owner: make the signature with `consilium hospital "
        "operator-signature`, for the very owner that registers."
    ),
    "HospitalRegistryWrongStanding": "Hospital {hospitalId} is {standing} already, or not what this needs.",
    "HospitalRegistryZeroAddress": "The zero address cannot stand for anybody.",
    "AccessControlUnauthorizedAccount": "{account} does not have the role for this: the council does.",
    # CircuitCatalogue
    "CircuitCatalogueCircuitMalformed": "The circuit {name} cannot be listed: its numbers do not fit its kind.",
    "CircuitCatalogueCircuitNotListed": "Circuit {circuitId} is not listed: the council lists circuits.",
    "CircuitCatalogueNotCouncil": "Only the council lists circuits, and {caller} is not.",
    "CircuitCatalogueUnknownCircuit": "There is no circuit {circuitId}.",
    # StudyRegistry: publishing
    "StudyRegistryAttemptsOutOfRange": "A plan has 1 to {limit} attempts, not {attempts}.",
    "StudyRegistryBatchOutOfRange": "A key ceremony serves 1 to {rounds} rounds of the plan, not {batchRounds}.",
    "StudyRegistryBondMissing": "A plan without a bond is refused: silence would cost nothing.",
    "StudyRegistryCircuitsDiffer": "The circuits {trainingCircuit} and {aggregationCircuit} do not fit each other.",
    "StudyRegistryEpochsOutOfRange": "The circuit proves 1 to {maximum} epochs, not {epochs}.",
    "StudyRegistryLearningRateOutOfRange": "The learning rate {learningRate:rate} is 0 or above {maximum:rate}.",
    "StudyRegistryMaximumOutOfRange": "At most {limit} and at least {needed} hospitals can take part, not {maximum}.",
    "StudyRegistryMinimumTooLow": "The minimum of {minimum} is too low for the threshold: {needed} are needed.",
    "StudyRegistryNoiseNotProved": "The circuit proves no noise, so the plan's noise bound {noiseBound} must be 0.",
    "StudyRegistryNotInField": "{value} is no element of the proofs' field.",
    "StudyRegistryPaused": "The council has paused new studies and enrolments.",
    "StudyRegistryPhaseTooLong": "A phase of {length:span} is too long: {maximum:span} is the most.",
    "StudyRegistryPhaseTooShort": "A phase of {length:span} is too short on this network: {needed:span} is the least.",
    "StudyRegistryPlanDocumentMissing": "A study needs the digest and the size of its plan document.",
    "StudyRegistryPrivacyCostOutOfRange": "A round's privacy cost {cost:rho} does not fit the budget of {budget:rho}.",
    "StudyRegistryRoundsOutOfRange": "{rounds} rounds, ended by {unopenedRounds} failed in a row, do not fit.",
    "StudyRegistryShareOutOfRange": "A share of {basisPoints:share} is more than the whole.",
    "StudyRegistryThresholdTooLow": "The threshold {threshold} is too low: {minimum} is the least.",
    "StudyRegistryUpdateBoundWrong": "An update bound of {updateBound} does not fit the {kind} circuit or the noise.",
    "StudyRegistryWrongCircuitKind": "Circuit {circuitId} is a {kind} circuit, not of the kind that is needed there.",
    "StudyRegistryNotBlockDraws": "Only the suite's own contracts enrol for others or name their data.",
    "StudyRegistryNotCouncil": "Only the council pauses, and {caller} is not.",
    # StudyRegistry: enrolment and ceremony
    "StudyRegistryAlreadyClosed": "Study {studyId} is closed already.",
    "StudyRegistryAlreadyEnrolled": "Hospital {hospitalId} is enrolled in study {studyId} already.",
    "StudyRegistryAlreadyLeaving": "Hospital {hospitalId} is leaving study {studyId} already.",
    "StudyRegistryAlreadyPosted": "Hospital {hospitalId} has posted its {step} message already.",
    "StudyRegistryBarred": "Hospital {hospitalId} has left study {studyId}, or the study goes on without it.",
    "StudyRegistryBatchEnding": "Round {lastRound} is the last with these keys anyway: a ceremony follows it.",
    "StudyRegistryEmptyDigest": "What is posted needs a digest.",
    "StudyRegistryFull": "Study {studyId} has its {maximum} hospitals already.",
    "StudyRegistryHospitalNotEnrolled": "Hospital {hospitalId} is not enrolled in study {studyId}.",
    "StudyRegistryNoCeremony": "Study {studyId} holds no key ceremony now.",
    "StudyRegistryNoRoundLeft": "Study {studyId} has no round left to make keys for.",
    "StudyRegistryNotAdmitted": "Hospital {hospitalId} is not admitted: the council admits hospitals.",
    "StudyRegistryNotEnrolled": "{operator} acts for no hospital in study {studyId}.",
    "StudyRegistryNotInBatch": "Hospital {hospitalId} takes no part in the rounds of this ceremony.",
    "StudyRegistryNotOperator": "{caller} is no hospital's operator.",
    "StudyRegistryNotOwner": "Only the owner of hospital {hospitalId} may do that, and {caller} is not.",
    "StudyRegistryOperatorTaken": "{operator} acts or acted for another hospital in study {studyId}: use another key.",
    "StudyRegistryRowsOutOfRange": "{rows} rows are none or more than the circuit's {capacity}.",
    "StudyRegistryStepOpen": "The ceremony's step ({step}) lasts until {deadline:time}.",
    "StudyRegistryStepOver": "The time of the ceremony's step ({step}) was over at {deadline:time}.",
    "StudyRegistryTooManyRows": "{rows} rows in all are more than the {limit} that a sum can hold.",
    "StudyRegistryUnknownStudy": "There is no study {studyId}.",
    "StudyRegistryWrongCeremony": "Ceremony {ceremony} is not the one going on, which is {current}.",
    "StudyRegistryWrongState": "Study {studyId} is {state}: it is too early or too late for this.",
    "StudyRegistryWrongStep": "The ceremony is at another step than {step}.",
    # RoundManager
    "RoundManagerAlreadyAttested": "Hospital {hospitalId} has attested in round {round} already.",
    "RoundManagerAlreadyFailed": "Round {round} is on record as failed already.",
    "RoundManagerAlreadyPosted": "Hospital {hospitalId} has posted its share for attempt {attempt} already.",
    "RoundManagerAlreadySubmitted": "Hospital {hospitalId} has submitted its update of round {round} already.",
    "RoundManagerAttestedUnsubmitted": "Updates were attested that nobody submitted.",
    "RoundManagerEmptyDigest": "What is posted needs a digest.",
    "RoundManagerNoRows": "Hospital {hospitalId} has used none of its blocks yet: there is nothing to prove with.",
    "RoundManagerNotInField": "{value} is no element of the proofs' field.",
    "RoundManagerNotInQuorum": "Hospital {hospitalId} is not named for attempt {attempt} of round {round}.",
    "RoundManagerNotOnCurve": "The commitment is no point of the curve.",
    "RoundManagerNotParticipant": "Hospital {hospitalId} takes no part in this round.",
    "RoundManagerPrivacyBudgetSpent": "The study's privacy budget is spent: there is no round {round}.",
    "RoundManagerProofInvalid": "The verifier does not accept the proof for round {round}.",
    "RoundManagerWrongAttempt": "Attempt {attempt} of round {round} is not the one going on, which is {current}.",
    "RoundManagerWrongPhase": "Round {round} is in another phase ({phase}) than this needs.",
    "RoundManagerWrongSignature": "The share of round {round} is not signed by hospital {hospitalId}'s operator.",
    "RoundManagerWrongSubmission": "What was given for hospital {hospitalId} is not what it submitted.",
    "RoundManagerWrongSubmissionCount": "{given} submissions were given for round {round}, {needed} are needed.",
    "RoundManagerWrongSum": "What was given is not the sum of round {round}'s included commitments.",
    # StakeVault
    "StakeVaultAlreadyClaimed": "Hospital {hospitalId} has taken its part of pot {potId} already.",
    "StakeVaultAlreadyLocked": "Hospital {hospitalId}'s bond is locked for study {studyId} already.",
    "StakeVaultEvidenceUsed": "A bond was cut for this already: each offence counts once.",
    "StakeVaultInsufficient": (
        "Hospital {hospitalId} has a free bond of {available:tokens} and needs {wanted:tokens}: add to it with "
        "`consilium stake deposit`. What a study gave back less than a week ago cannot be locked again yet: "
        "`consilium stake show` says from when it can."
    ),
    "StakeVaultNoBounty": "{reporter} has earned no bounty.",
    "StakeVaultNotBeneficiary": "Hospital {hospitalId} has no part of pot {potId}.",
    "StakeVaultNotJudge": "Only the suite's own contracts cut bonds.",
    "StakeVaultNotOwner": "Only the owner of hospital {hospitalId} may do that, and {caller} is not.",
    "StakeVaultNotRewardPool": "Only the suite's own contracts spend fines.",
    "StakeVaultNotSetAside": "Of fines {setAside:tokens} are set aside for services, and {amount:tokens} were asked for.",
    "StakeVaultNotStudyRegistry": "Only the suite's own contracts lock bonds.",
    "StakeVaultNothingLocked": "Hospital {hospitalId} has no bond locked for study {studyId}.",
    "StakeVaultNothingPending": "Hospital {hospitalId} has asked no bond back: name an amount first.",
    "StakeVaultStillUnbonding": "Hospital {hospitalId}'s bond is paid from {availableAt:time} on.",
    "StakeVaultTooEarly": "Parts of pot {potId} can be claimed once no evidence is accepted any more: {claimableAt:time}.",
    "StakeVaultTooLate": "Evidence about round {round} was accepted until {deadline:time}.",
    "StakeVaultUnbondingTooShort": (
        "An unbonding delay of {unbondingDelay:span} is too short: evidence is accepted for {evidenceWindow:span}."
    ),
    "StakeVaultUnknownHospital": "There is no hospital {hospitalId}.",
    "StakeVaultZeroAddress": "The zero address cannot be paid.",
    "StakeVaultZeroAmount": "The amount is zero.",
    # EquivocationCourt
    "EquivocationCourtNothingToSlash": (
        "No bond of hospital {hospitalId} can be cut for round {round} now: its included set is not fixed yet, nothing "
        "is left of the bond, or nobody would have a part."
    ),
    "EquivocationCourtSameDigest": "Both signatures are for the same share: that is no offence.",
    "EquivocationCourtTooLate": "Evidence about round {round} was accepted until {deadline:time}.",
    "EquivocationCourtWrongSigner": "{signer} did not act for hospital {hospitalId} in round {round}.",
    # BlockDraws
    "BlockDrawsAlreadyKept": "The hash that draws hospital {hospitalId}'s block is on record already.",
    "BlockDrawsAlreadyRedrawn": (
        "Hospital {hospitalId}'s block was drawn anew once already: a further draw would be a choice. It takes no part."
    ),
    "BlockDrawsAlreadyUsed": "Hospital {hospitalId} uses its block {index} already.",
    "BlockDrawsBarred": "Hospital {hospitalId} has left study {studyId}, or the study goes on without it.",
    "BlockDrawsBlocksOutOfRange": "A hospital commits to 2 to {limit} blocks, not {blocks}.",
    "BlockDrawsLost": (
        "The chain no longer knows the hash of its block {drawAt}, which drew hospital {hospitalId}'s block: have "
        "another drawn, which is possible once."
    ),
    "BlockDrawsNoBlocks": "Hospital {hospitalId} committed to no blocks in study {studyId}.",
    "BlockDrawsNotDrawn": "Hospital {hospitalId}'s block is drawn by the hash of the chain's block {drawAt}: wait.",
    "BlockDrawsNotLost": "Hospital {hospitalId}'s draw by block {drawAt} stands, or is still to come.",
    "BlockDrawsNothingSampled": "Study {studyId} proves nothing about rows: enrol with one data root.",
    "BlockDrawsSaltsKnown": (
        "Hospitals of study {studyId} show their salts already: a further draw could be a choice. What was not kept in "
        "time stays lost."
    ),
    "BlockDrawsSaltsSecret": "Study {studyId}'s first keys are not all posted: no block is drawn before.",
    "BlockDrawsWrongBlock": "This is not block {index}, which was drawn of those hospital {hospitalId} committed to.",
    "BlockDrawsWrongDepth": "A path of {length} hashes was given, {depth} are needed.",
    # RewardPool
    "RewardPoolNoService": "{account} has earned nothing by moving studies on that was not paid.",
    "RewardPoolNotOwner": (
        "Hospital {hospitalId} committed to another address when it enrolled: only its owner can claim to the owner, "
        "and its node to that address with `consilium claim --payout`."
    ),
    "RewardPoolNotServed": "Only the suite's own contracts say whose service is paid.",
    "RewardPoolNothingToClaim": "Hospital {hospitalId} has nothing to claim in study {studyId} for these rounds.",
    "RewardPoolNothingToRefund": "There is nothing to give back of study {studyId}.",
    "RewardPoolStudyNotEnded": "Study {studyId} has not ended.",
    "RewardPoolStudyNotOpen": "Study {studyId} takes no more money: its enrolment is over, or there is none.",
    "RewardPoolWrongPayout": "Hospital {hospitalId} did not commit to this address with this salt.",
    "RewardPoolWrongRecipient": "{to} can be paid only where the owner or the sponsor itself asks, and {caller} is not.",
    "RewardPoolZeroAddress": "The zero address cannot be paid.",
    "RewardPoolZeroAmount": "The amount is zero.",
    # The token, and what the node itself concludes
    "ERC20InsufficientAllowance": "{spender} may take {allowance:tokens} only, and {needed:tokens} are needed.",
    "ERC20InsufficientBalance": "{sender} has {balance:tokens}, and {needed:tokens} are needed.",
    "OutOfGas": "The transaction used all of its {gas_limit} gas: the chain changed while it waited. Try again.",
    "RevertedWhenMined": "The transaction {transaction} was refused when it was mined, and not when tried. Try again.",
}

=======
>>>>>>> ceremony

def refusal(name: str, values: Mapping[str, object], call: str, show: Show | None = None) -> ContractReverted:
    """The refusal by a custom error, with its sentence where it is one of the suite's.

    `show`: how amounts and times are put, by default without what only the chain knows.
    """
    known = SENTENCES.get(name, "")
    meaning = known.format(**{key: _Value(_named(key, value), show or in_numbers) for key, value in values.items()})
    return ContractReverted(name, dict(values), call, meaning)


def in_numbers(unit: str, number: int) -> str:
    """A number with its unit, where nobody can say what the token is or what time it is on the chain."""
    match unit:
        case "tokens":
            return f"{number:,} of the token's smallest unit"
        case "time":
            return format_time(number)
        case "span":
            return format_span(number)
        case "rate":
            return f"{number}/256"
        case "rho":
            return f"{number / RHO_UNITS:.4g} rho"
    raise ValueError(f"no unit: {unit}")


@dataclass(frozen=True)
class _Value:
    """A value in a sentence."""

    value: object
    show: Show

    def __format__(self, unit: str) -> str:
        return self.show(unit, self.value) if unit and isinstance(self.value, int) else str(self.value)


def _named(key: str, value: object) -> object:
    kind = _NAMES.get(key)
    try:
        return kind(value).name.lower().replace("_", " ") if kind is not None else value
    except ValueError:
        return value
