// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "../interfaces/ICircuitCatalogue.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {PlanRules} from "./PlanRules.sol";

/// @title The rules of plans as a contract of its own, made by the StudyRegistry
/// @dev No contract may be larger than EIP-170 allows; the rules are asked once a study.
contract PlanChecker {
    /// @notice Reverts, with the StudyRegistry's errors, unless a plan is sound and its circuits can prove it.
    /// @return planRoot As `IStudyRegistry.planRoot`.
    function check(
        IStudyRegistry.Plan calldata plan,
        uint256 leastLength,
        ICircuitCatalogue.Circuit calldata training,
        ICircuitCatalogue.Circuit calldata aggregation
    ) external pure returns (uint192 planRoot) {
        PlanRules.requireSound(plan, leastLength);
        PlanRules.requireProvable(plan, training, aggregation);
        return PlanRules.root(plan, training);
    }
}
