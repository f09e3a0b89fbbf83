// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "../interfaces/ICircuitCatalogue.sol";

/// @title Circuits a study may be proved with
abstract contract CircuitCatalogue is ICircuitCatalogue {
    /// @inheritdoc ICircuitCatalogue
    uint32 public circuitCount;
    /// @inheritdoc ICircuitCatalogue
    mapping(uint32 circuitId => bool) public isListed;

    mapping(uint32 circuitId => Circuit) internal _circuits;

    modifier onlyCouncil() {
        if (!_isCouncil(msg.sender)) revert StudyRegistryNotCouncil(msg.sender);
        _;
    }

    /// @inheritdoc ICircuitCatalogue
    function listCircuit(Circuit calldata entry) external onlyCouncil returns (uint32 circuitId) {
        _requireWellFormed(entry);
        circuitId = ++circuitCount;
        _circuits[circuitId] = entry;
        isListed[circuitId] = true;
        emit CircuitListed(circuitId, entry.name, entry.kind, entry.verifier, entry.verifyingKeyDigest);
    }

    /// @inheritdoc ICircuitCatalogue
    function delistCircuit(uint32 circuitId) external onlyCouncil {
        if (!isListed[circuitId]) revert StudyRegistryCircuitNotListed(circuitId);
        isListed[circuitId] = false;
        emit CircuitDelisted(circuitId);
    }

    /// @inheritdoc ICircuitCatalogue
    function circuit(uint32 circuitId) external view returns (Circuit memory) {
        Circuit memory entry = _circuits[circuitId];
        if (entry.kind == CircuitKind.None) revert StudyRegistryUnknownCircuit(circuitId);
        return entry;
    }

    function _isCouncil(address account) internal view virtual returns (bool);

    /// @dev A verifier without code would make every call to it fail later, in somebody's round.
    function _requireWellFormed(Circuit calldata entry) private view {
        bool common = bytes(entry.name).length != 0 && entry.verifier.code.length != 0 && entry.features != 0
            && entry.valueBits != 0 && entry.verifyingKeyDigest != bytes32(0);
        bool training = entry.kind == CircuitKind.Training && entry.batchSize != 0 && entry.maxEpochs != 0
            && entry.capacity != 0 && entry.loss != 0;
        if (!common || (!training && entry.kind != CircuitKind.Aggregation)) {
            revert StudyRegistryCircuitMalformed(entry.name);
        }
    }
}
