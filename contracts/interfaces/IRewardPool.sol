// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Escrow of rewards
/// @notice Pays out only what came in, by pull. A round's reward is split by the rows of the included updates
/// with cumulative rounding, so that shares add up to it exactly.
interface IRewardPool {
    /// @dev Include and Finalise are paid the plan's `serviceFee`, the others half of it.
    enum Service {
        Include,
        Finalise,
        MoveOn,
        Fail
    }

    error RewardPoolZeroAmount();
    error RewardPoolStudyNotOpen(uint256 studyId);
    error RewardPoolStudyNotEnded(uint256 studyId);
    error RewardPoolNothingToClaim(uint256 studyId, uint32 hospitalId);
    error RewardPoolNotOwner(uint256 studyId, uint32 hospitalId, address caller);
    error RewardPoolWrongPayout(uint256 studyId, uint32 hospitalId);
    error RewardPoolNothingToRefund(uint256 studyId);
    error RewardPoolWrongRecipient(uint256 studyId, address caller, address to);
    error RewardPoolZeroAddress();
    error RewardPoolNotServed(address caller);
    error RewardPoolNoService(address account);

    event StudyFunded(uint256 indexed studyId, address indexed from, uint256 amount);
    event RewardClaimed(uint256 indexed studyId, uint32 indexed hospitalId, address indexed to, uint256 amount);
    event StudyRefunded(uint256 indexed studyId, address indexed to, uint256 amount);
    event ServiceEarned(uint256 indexed studyId, address indexed account, Service service, uint256 amount);
    event ServicePaid(address indexed account, address indexed to, uint256 amount);

    /// @notice Escrows what arrives of `amount` from the caller; anyone, until enrolment ends.
    function fund(uint256 studyId, uint256 amount) external;

    /// @notice Pays what a hospital earned in `rounds` and was not yet paid: to any address where its owner calls.
    /// Anyone else may have it paid to the owner, unless the hospital committed to another address.
    function claim(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address to) external;

    /// @notice Pays it to the address that the hospital committed to when it enrolled; anyone may call.
    /// @param salt With `payout` what the commitment was made from.
    function claimTo(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address payout, bytes32 salt)
        external;

    /// @notice Pays what no hospital earned and no service cost of what was escrowed, once the study ended: to any
    /// address where the sponsor calls, to the sponsor where anyone else does.
    function refund(uint256 studyId, address to) external;

    /// @notice Credits what a service earns to whoever did it, while the study's budget and then its fines last; only
    /// the KeyCeremony and the RoundManager. Never reverts for want of money, and moves none. Once the sponsor had its
    /// refund, nothing of the budget is left.
    function credit(uint256 studyId, address account, Service service) external;

    /// @notice Pays what the caller earned by services of all studies to `to`; what comes from fines, the vault pays.
    function claimService(address to) external;

    /// @notice Tokens that came in for a study.
    function funded(uint256 studyId) external view returns (uint256);

    /// @notice What a hospital earned in a round so far.
    function earned(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (uint256);

    /// @notice What `claim` would pay.
    function claimable(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds) external view returns (uint256);

    /// @notice What was paid to a hospital for a round.
    function paid(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (uint256);

    /// @notice What `refund` would pay; 0 while the study goes on.
    function refundable(uint256 studyId) external view returns (uint256);

    /// @notice What an account earned by services and was not yet paid.
    function serviceOwed(address account) external view returns (uint256);

    /// @notice What services of a study were credited, all in all; of it, what came from fines.
    function serviceSpent(uint256 studyId) external view returns (uint256 total, uint256 fromFines);
}
