// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "../interfaces/ICircuitCatalogue.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {PlanRules} from "./PlanRules.sol";

/// @title The rules of plans as a contract of its own, made by the StudyRegistry
/// @dev No contract may be larger than EIP-170 allows; the rules are asked once a study.
contract PlanChecker {
    /// @dev What a study's proofs are checked with, fixed when it is published.
    struct Proving {
        uint192 planRoot;
        uint32 capacity;
        address trainingVerifier;
        address aggregationVerifier;
    }

    /// @notice Reverts, with the StudyRegistry's errors, unless a plan is sound and its circuits are listed and can
    /// prove it.
    function check(IStudyRegistry.Plan calldata plan, ICircuitCatalogue catalogue, uint256 leastLength)
        external
        view
        returns (Proving memory)
    {
        ICircuitCatalogue.Circuit memory training = catalogue.listedCircuit(plan.trainingCircuit);
        ICircuitCatalogue.Circuit memory aggregation = catalogue.listedCircuit(plan.aggregationCircuit);
        PlanRules.requireSound(plan, leastLength);
        PlanRules.requireProvable(plan, training, aggregation);
        uint192 root = PlanRules.root(plan, training);
        return Proving(root, training.capacity, training.verifier, aggregation.verifier);
    }
}
