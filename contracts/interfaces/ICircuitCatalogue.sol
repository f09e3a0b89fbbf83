// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Circuits a study may be proved with
/// @notice The council lists compiled circuits with their verifiers. Delisting stops new studies only: a
/// published one keeps the verifier it named. Implemented by the StudyRegistry, whose name the errors carry.
interface ICircuitCatalogue {
    enum CircuitKind {
        None,
        Training,
        Aggregation
    }

    /// @param features Training: features D (without the bias). Aggregation: coordinates P = D + 1.
    /// @param batchSize Rows of a batch (training only, as all that follow but valueBits).
    /// @param maxEpochs Epochs compiled in; a plan may use fewer.
    /// @param capacity Rows compiled in; a hospital may use fewer.
    /// @param valueBits Bits V of an update's coordinate.
    /// @param loss Number of the loss (1: hard-sigmoid logistic).
    /// @param verifyingKeyDigest SHA-256 of the canonical JSON of the verifying key.
    struct Circuit {
        string name;
        CircuitKind kind;
        address verifier;
        uint16 features;
        uint16 batchSize;
        uint16 maxEpochs;
        uint32 capacity;
        uint8 valueBits;
        uint8 loss;
        bytes32 verifyingKeyDigest;
    }

    error StudyRegistryNotCouncil(address caller);
    error StudyRegistryUnknownCircuit(uint32 circuitId);
    error StudyRegistryCircuitNotListed(uint32 circuitId);
    error StudyRegistryCircuitMalformed(string name);

    event CircuitListed(
        uint32 indexed circuitId, string name, CircuitKind kind, address indexed verifier, bytes32 verifyingKeyDigest
    );
    event CircuitDelisted(uint32 indexed circuitId);

    /// @notice Lists a circuit; only the council.
    /// @return circuitId Number from 1.
    function listCircuit(Circuit calldata circuit) external returns (uint32 circuitId);

    /// @notice Refuses a circuit to new studies; only the council.
    function delistCircuit(uint32 circuitId) external;

    /// @notice A circuit, listed or not; reverts for a number never given.
    function circuit(uint32 circuitId) external view returns (Circuit memory);

    /// @notice Whether new studies may name the circuit.
    function isListed(uint32 circuitId) external view returns (bool);

    /// @notice Circuits are numbered 1 to this.
    function circuitCount() external view returns (uint32);
}
