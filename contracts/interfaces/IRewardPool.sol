// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Escrow of rewards
/// @notice Pays out only what came in, by pull. A round's reward is split by the rows of the included updates
/// with cumulative rounding, so that shares add up to it exactly.
interface IRewardPool {
    error RewardPoolZeroAmount();
    error RewardPoolStudyNotOpen(uint256 studyId);
    error RewardPoolStudyNotEnded(uint256 studyId);
    error RewardPoolNothingToClaim(uint256 studyId, uint32 hospitalId);
    error RewardPoolNotOwner(uint256 studyId, uint32 hospitalId, address caller);
    error RewardPoolWrongPayout(uint256 studyId, uint32 hospitalId);
    error RewardPoolNothingToRefund(uint256 studyId);

    event StudyFunded(uint256 indexed studyId, address indexed from, uint256 amount);
    event RewardClaimed(uint256 indexed studyId, uint32 indexed hospitalId, address indexed to, uint256 amount);
    event StudyRefunded(uint256 indexed studyId, address indexed sponsor, uint256 amount);

    /// @notice Escrows what arrives of `amount` from the caller; anyone, until enrolment ends.
    function fund(uint256 studyId, uint256 amount) external;

    /// @notice Pays a hospital's owner what it earned in `rounds` and was not yet paid; anyone may call, but where the
    /// hospital committed to another address only the owner.
    function claim(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds) external;

    /// @notice Pays it to the address that the hospital committed to when it enrolled; anyone may call.
    /// @param salt With `payout` what the commitment was made from.
    function claimTo(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address payout, bytes32 salt)
        external;

    /// @notice Pays the sponsor what no hospital earned; anyone may call, once the study ended.
    function refund(uint256 studyId) external;

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
}
