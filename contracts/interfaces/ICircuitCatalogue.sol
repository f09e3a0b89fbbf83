// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Circuits a study may be proved with
/// @notice The council lists compiled circuits with their verifiers. Delisting stops new studies only: a
/// published one keeps the verifier it named. The council is the HospitalRegistry's.
interface ICircuitCatalogue {
    enum CircuitKind {
        None,
        Training,
        Aggregation,
        Bounded
    }

    /// @dev Bounded proves that an update's L2 norm keeps within the plan's bound, and nothing of how it was trained;
    /// its public signals are in the order of Training's.
    /// @param features Training: features D (without the bias). Aggregation: coordinates P = D + 1. Bounded: P − 1.
    /// @param batchSize Rows of a batch (training only).
    /// @param maxEpochs Epochs compiled in (training only); a plan may use fewer.
    /// @param capacity Rows compiled in; a hospital may use fewer. Bounded: 1, as every hospital weighs the same.
    /// @param valueBits Bits V of an update's coordinate.
    /// @param loss Number of the loss (training and bounded; 1: hard-sigmoid logistic, 2: none that is proved).
    /// @param noisy It bounds an update's length and the noise that a hospital adds: always so for Bounded, never for
    /// Aggregation.
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
        bool noisy;
        bytes32 verifyingKeyDigest;
    }

    error CircuitCatalogueNotCouncil(address caller);
    error CircuitCatalogueUnknownCircuit(uint32 circuitId);
    error CircuitCatalogueCircuitNotListed(uint32 circuitId);
    error CircuitCatalogueCircuitMalformed(string name);

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

    /// @notice A circuit that new studies may name; reverts for any other.
    function listedCircuit(uint32 circuitId) external view returns (Circuit memory);

    /// @notice Whether new studies may name the circuit.
    function isListed(uint32 circuitId) external view returns (bool);

    /// @notice Circuits are numbered 1 to this.
    function circuitCount() external view returns (uint32);
}
