// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "./interfaces/ICircuitCatalogue.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";

/// @title Circuits a study may be proved with
contract CircuitCatalogue is ICircuitCatalogue {
    /// @notice Knows the council.
    IHospitalRegistry public immutable HOSPITALS;

    /// @inheritdoc ICircuitCatalogue
    uint32 public circuitCount;
    /// @inheritdoc ICircuitCatalogue
    mapping(uint32 circuitId => bool) public isListed;

    mapping(uint32 circuitId => Circuit) private _circuits;

    constructor(IHospitalRegistry hospitals) {
        HOSPITALS = hospitals;
    }

    modifier onlyCouncil() {
        if (!HOSPITALS.isCouncil(msg.sender)) revert CircuitCatalogueNotCouncil(msg.sender);
        _;
    }

    /// @inheritdoc ICircuitCatalogue
    function listCircuit(Circuit calldata entry) external onlyCouncil returns (uint32 circuitId) {
        if (!_isWellFormed(entry)) revert CircuitCatalogueCircuitMalformed(entry.name);
        circuitId = ++circuitCount;
        _circuits[circuitId] = entry;
        isListed[circuitId] = true;
        emit CircuitListed(circuitId, entry.name, entry.kind, entry.verifier, entry.verifyingKeyDigest);
    }

    /// @inheritdoc ICircuitCatalogue
    function delistCircuit(uint32 circuitId) external onlyCouncil {
        if (!isListed[circuitId]) revert CircuitCatalogueCircuitNotListed(circuitId);
        isListed[circuitId] = false;
        emit CircuitDelisted(circuitId);
    }

    /// @inheritdoc ICircuitCatalogue
    function circuit(uint32 circuitId) external view returns (Circuit memory) {
        Circuit memory entry = _circuits[circuitId];
        if (entry.kind == CircuitKind.None) revert CircuitCatalogueUnknownCircuit(circuitId);
        return entry;
    }

    /// @inheritdoc ICircuitCatalogue
    function listedCircuit(uint32 circuitId) external view returns (Circuit memory) {
        if (!isListed[circuitId]) revert CircuitCatalogueCircuitNotListed(circuitId);
        return _circuits[circuitId];
    }

    /// @dev A verifier without code would make every call to it fail later, in somebody's round.
    function _isWellFormed(Circuit calldata entry) private view returns (bool) {
        bool common = bytes(entry.name).length != 0 && entry.verifier.code.length != 0 && entry.features != 0
            && entry.valueBits != 0 && entry.verifyingKeyDigest != bytes32(0);
        if (!common || entry.kind == CircuitKind.None) return false;
        if (entry.kind == CircuitKind.Aggregation) return !entry.noisy;
        if (entry.loss == 0) return false;
        if (entry.kind == CircuitKind.Training) {
            return entry.batchSize != 0 && entry.maxEpochs != 0 && entry.capacity != 0;
        }
        return entry.batchSize == 0 && entry.maxEpochs == 0 && entry.capacity == 1 && entry.noisy;
    }
}
