# SPDX-License-Identifier: Apache-2.0
"""What each custom error of the suite means, in a sentence.

A value's unit stands behind it, as a format: `{wanted:tokens}`, `{deadline:time}`, `{length:span}`.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        "{operator} did not sign that it operates a hospital of this owner: make the signature with `consilium "
        "hospital operator-signature`, for the very owner that registers."
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
    "StudyRegistryThresholdTooLow": "The threshold {threshold} is too low: {minimum} is the least.",
    "StudyRegistryUpdateBoundWrong": "An update bound of {updateBound} does not fit the {kind} circuit or the noise.",
    "StudyRegistryWrongCircuitKind": "Circuit {circuitId} is a {kind} circuit, not of the kind that is needed there.",
    "StudyRegistryNotBlockDraws": "Only the suite's own contracts enrol for others or name their data.",
    "StudyRegistryNotCouncil": "Only the council pauses, and {caller} is not.",
    "StudyRegistryFewerFailuresThanThreshold": (
        "{unopenedRounds} failures in a row that end a study are fewer than its threshold {threshold}."
    ),
    "StudyRegistryFineOutOfRange": (
        "A fine of {fine:tokens} and at most {cap:tokens} in a batch do not fit: the first is no more than the second, "
        "and that is less than {slice:tokens}, what a lie costs."
    ),
    "StudyRegistryPatienceOutOfRange": "A patience of {patience:span} is not from {least:span} to {most:span}.",
    "StudyRegistryRecoveryOutOfRange": "A recovery of {recovery:span} is not from {least:span} to {most:span}.",
    "StudyRegistryServiceOutOfRange": "A service's fee of {fee:tokens} does not fit the budget of {budget:tokens}.",
    # StudyRegistry: enrolment
    "StudyRegistryAlreadyApproved": "Hospital {by} has approved of hospital {hospitalId} already.",
    "StudyRegistryAlreadyLeft": "Hospital {hospitalId} has left study {studyId} already.",
    "StudyRegistryJoiningClosed": "Study {studyId} runs and takes no newcomers: its plan says so.",
    "StudyRegistryNotApproved": (
        "Hospital {hospitalId} has {approvals} of the {needed} approvals that it needs to join study {studyId}: the "
        "hospitals that take part give them with `consilium study approve`."
    ),
    "StudyRegistryNotParticipant": "Hospital {hospitalId} takes no part in study {studyId} now.",
    "StudyRegistrySaltMissing": "An enrolment needs the commitment to a salt.",
    "StudyRegistryAlreadyClosed": "Study {studyId} is closed already.",
    "StudyRegistryAlreadyEnrolled": "Hospital {hospitalId} is enrolled in study {studyId} already.",
    "StudyRegistryFull": "Study {studyId} has its {maximum} hospitals already.",
    "StudyRegistryHospitalNotEnrolled": "Hospital {hospitalId} is not enrolled in study {studyId}.",
    "StudyRegistryNotAdmitted": "Hospital {hospitalId} is not admitted: the council admits hospitals.",
    "StudyRegistryNotEnrolled": "{operator} acts for no hospital in study {studyId}.",
    "StudyRegistryNotOperator": "{caller} is no hospital's operator.",
    "StudyRegistryNotOwner": "Only the owner of hospital {hospitalId} may do that, and {caller} is not.",
    "StudyRegistryOperatorTaken": "{operator} acts or acted for another hospital in study {studyId}: use another key.",
    "StudyRegistryRowsOutOfRange": "{rows} rows are none or more than the circuit's {capacity}.",
    "StudyRegistryTooManyRows": "{rows} rows in all are more than the {limit} that a sum can hold.",
    "StudyRegistryUnknownStudy": "There is no study {studyId}.",
    "StudyRegistryWrongState": "Study {studyId} is {state}: it is too early or too late for this.",
    # KeyCeremony
    "KeyCeremonyAlreadyComplained": "Hospital {hospitalId} has complained of this dealing already.",
    "KeyCeremonyAlreadyLeaving": "Hospital {hospitalId} is leaving study {studyId} already.",
    "KeyCeremonyAlreadyPosted": "Hospital {hospitalId} has done its part of the step {step} already.",
    "KeyCeremonyBatchEnding": "Round {lastRound} is the last with these keys anyway: a ceremony follows it.",
    "KeyCeremonyBoxKeyMissing": "Keys need one for the boxes of CKKS.",
    "KeyCeremonyEmptyDigest": "What is posted needs a digest.",
    "KeyCeremonyNoCeremony": "Study {studyId} holds no key ceremony now.",
    "KeyCeremonyNoRoundLeft": "Study {studyId} has no round left to make keys for.",
    "KeyCeremonyNotCounted": "That names dealings which do not count.",
    "KeyCeremonyNotDealt": "That names dealings which nobody posted.",
    "KeyCeremonyNotExpected": "Hospital {hospitalId} has no part in the ceremony's step {step}.",
    "KeyCeremonyNotInBatch": "Hospital {hospitalId} takes no part in the rounds of this ceremony.",
    "KeyCeremonyNotRoundManager": "Only the suite's own contracts cut a batch short.",
    "KeyCeremonyNotRunning": "Study {studyId} has no round going on.",
    "KeyCeremonyNotSatisfied": "Who does not hold every dealing cannot be satisfied with all.",
    "KeyCeremonyNotStudyRegistry": "Only the suite's own contracts let hospitals join or leave.",
    "KeyCeremonyOtherKeys": "The dealing was made for other keys than those on chain: make it anew.",
    "KeyCeremonyPadKeyInvalid": "The pad key is no point of the curve, or of small order.",
    "KeyCeremonyRoundOutOfRange": "The ceremony makes no keys for round {round}.",
    "KeyCeremonyStepOpen": "The ceremony's step ({step}) lasts until {deadline:time}.",
    "KeyCeremonyStepOver": "The time of the ceremony's step ({step}) was over at {deadline:time}.",
    "KeyCeremonyNothingLacking": "There is nothing to name: no dealing is lacking.",
    "KeyCeremonyTooLateToLack": "Dealings that are lacking were named until {middle:time}.",
    "KeyCeremonyWrongCeremony": "Ceremony {ceremony} is not the one going on, which is {current}.",
    "KeyCeremonyWrongSalt": "This is not the salt that hospital {hospitalId} committed to when it enrolled.",
    "KeyCeremonyWrongStep": "The ceremony is at its step {step}: it is too early or too late for this.",
    # RoundManager
    "RoundManagerAlreadyAttested": "Hospital {hospitalId} has attested in round {round} already.",
    "RoundManagerAlreadyFailed": "Round {round} is on record as failed already.",
    "RoundManagerAlreadySubmitted": "Hospital {hospitalId} has submitted its update of round {round} already.",
    "RoundManagerAttestedUnsubmitted": "Updates were attested that nobody submitted.",
    "RoundManagerEmptyDigest": "What is posted needs a digest.",
    "RoundManagerNoRows": "Hospital {hospitalId} has used none of its blocks yet: there is nothing to prove with.",
    "RoundManagerNotInField": "{value} is no element of the proofs' field.",
    "RoundManagerNotOnCurve": "The commitment is no point of the curve.",
    "RoundManagerNotParticipant": "Hospital {hospitalId} takes no part in this round.",
    "RoundManagerPrivacyBudgetSpent": "The study's privacy budget is spent: there is no round {round}.",
    "RoundManagerProofInvalid": "The verifier does not accept the proof for round {round}.",
    "RoundManagerWrongPhase": "Round {round} is in another phase ({phase}) than this needs.",
    "RoundManagerWrongSubmission": "What was given for hospital {hospitalId} is not what it submitted.",
    "RoundManagerWrongSubmissionCount": "{given} submissions were given for round {round}, {needed} are needed.",
    "RoundManagerWrongSum": "What was given is not the sum of round {round}'s included commitments.",
    # Openings
    "OpeningsAlreadyPosted": "Hospital {hospitalId} has posted its share of round {round} already.",
    "OpeningsAlreadyRecorded": "Who was absent from the opening of round {round} is on record already.",
    "OpeningsEmptyDigest": "What is posted needs a digest.",
    "OpeningsNotInQuorum": "Hospital {hospitalId} is not named for the opening of round {round} by CKKS.",
    "OpeningsNotParticipant": "Hospital {hospitalId} takes no part in this round.",
    "OpeningsNotYet": "Who was absent from the opening of round {round} can be recorded from {start:time} on.",
    "OpeningsWrongLength": "A share of {length} bytes is empty, or longer than the {limit} that an event tells.",
    "OpeningsWrongPhase": "Round {round} takes no such share now.",
    "OpeningsWrongSignature": "The share of round {round} is not signed by hospital {hospitalId}'s operator.",
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
    "StakeVaultNotSetAside": "Only {setAside:tokens} of fines are set aside for services, not {amount:tokens}.",
    "StakeVaultNotStudyRegistry": "Only the suite's own contracts lock bonds.",
    "StakeVaultNothingLocked": "Hospital {hospitalId} has no bond locked for study {studyId}.",
    "StakeVaultNothingPending": "Hospital {hospitalId} has asked no bond back: name an amount first.",
    "StakeVaultStillUnbonding": "Hospital {hospitalId}'s bond is paid from {availableAt:time} on.",
    "StakeVaultTooEarly": "Parts of pot {potId} can be claimed once no evidence is taken any more: {claimableAt:time}.",
    "StakeVaultTooLate": "Evidence about round {round} was accepted until {deadline:time}.",
    "StakeVaultUnbondingTooShort": (
        "An unbonding delay of {unbondingDelay:span} is too short: evidence is accepted for {evidenceWindow:span}."
    ),
    "StakeVaultUnknownHospital": "There is no hospital {hospitalId}.",
    "StakeVaultZeroAddress": "The zero address cannot be paid.",
    "StakeVaultZeroAmount": "The amount is zero.",
    # Court
    "CourtAlreadyAccused": "Hospital {hospitalId} has accused one of these hospitals of this in round {round} already.",
    "CourtNotParticipant": "Hospital {hospitalId} takes no part in this round: only participants accuse.",
    "CourtNothingToAccuse": "Round {round} has nothing of these hospitals that they could be accused of.",
    "CourtNothingToSlash": (
        "No bond of hospital {hospitalId} can be cut for round {round} now: its included set is not fixed yet, nothing "
        "is left of the bond, or nobody would have a part."
    ),
    "CourtSameDigest": "Both signatures are for the same share: that is no offence.",
    "CourtTooLate": "Evidence about round {round} was accepted until {deadline:time}.",
    "CourtWrongSigner": "{signer} did not act for hospital {hospitalId} in round {round}.",
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
    "RewardPoolWrongRecipient": "{to} can be paid only where owner or sponsor itself asks, and {caller} is not.",
    "RewardPoolZeroAddress": "The zero address cannot be paid.",
    "RewardPoolZeroAmount": "The amount is zero.",
    # The token, and what the node itself concludes
    "ERC20InsufficientAllowance": "{spender} may take {allowance:tokens} only, and {needed:tokens} are needed.",
    "ERC20InsufficientBalance": "{sender} has {balance:tokens}, and {needed:tokens} are needed.",
    "OutOfGas": "The transaction used all of its {gas_limit} gas: the chain changed while it waited. Try again.",
    "RevertedWhenMined": "The transaction {transaction} was refused when it was mined, and not when tried. Try again.",
}
