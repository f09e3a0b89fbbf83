// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";

/// @title Who may take part
contract HospitalRegistry is IHospitalRegistry, AccessControlDefaultAdminRules {
    /// @notice Role of the council (a multisig in production), here and in the StudyRegistry.
    bytes32 public constant COUNCIL_ROLE = keccak256("consilium.council");
    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant MAX_ENDPOINT_BYTES = 256;

    /// @inheritdoc IHospitalRegistry
    uint32 public hospitalCount;
    /// @inheritdoc IHospitalRegistry
    mapping(address owner => uint32) public hospitalIdOf;
    /// @inheritdoc IHospitalRegistry
    mapping(address operator => uint32) public hospitalIdOfOperator;

    mapping(uint32 hospitalId => Hospital) private _hospitals;

    /// @param council First holder of the council's role, and first admin: who hands the role on.
    /// @param adminDelay Seconds between announcing a new admin and its acceptance.
    constructor(address council, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, council) {
        _grantRole(COUNCIL_ROLE, council);
    }

    /// @inheritdoc IHospitalRegistry
    function register(address operator, string calldata name, string calldata endpoint)
        external
        returns (uint32 hospitalId)
    {
        if (hospitalIdOf[msg.sender] != 0) {
            revert HospitalRegistryOwnerTaken(msg.sender, hospitalIdOf[msg.sender]);
        }
        _requireFreeOperator(operator);
        if (bytes(name).length == 0) revert HospitalRegistryEmptyName();
        _requireShort(name, MAX_NAME_BYTES);
        _requireShort(endpoint, MAX_ENDPOINT_BYTES);

        hospitalId = ++hospitalCount;
        _hospitals[hospitalId] = Hospital(msg.sender, operator, Standing.Applied, name, endpoint);
        hospitalIdOf[msg.sender] = hospitalId;
        hospitalIdOfOperator[operator] = hospitalId;
        emit HospitalRegistered(hospitalId, msg.sender, operator, name, endpoint);
    }

    /// @inheritdoc IHospitalRegistry
    function rotateOperator(uint32 hospitalId, address operator) external {
        Hospital storage record = _known(hospitalId);
        if (msg.sender != record.owner) revert HospitalRegistryNotOwner(hospitalId, msg.sender);
        _requireFreeOperator(operator);

        address previous = record.operator;
        delete hospitalIdOfOperator[previous];
        hospitalIdOfOperator[operator] = hospitalId;
        record.operator = operator;
        emit OperatorRotated(hospitalId, previous, operator);
    }

    /// @inheritdoc IHospitalRegistry
    function setEndpoint(uint32 hospitalId, string calldata endpoint) external {
        Hospital storage record = _known(hospitalId);
        if (msg.sender != record.owner && msg.sender != record.operator) {
            revert HospitalRegistryNotOwnerOrOperator(hospitalId, msg.sender);
        }
        _requireShort(endpoint, MAX_ENDPOINT_BYTES);
        record.endpoint = endpoint;
        emit EndpointChanged(hospitalId, endpoint);
    }

    /// @inheritdoc IHospitalRegistry
    function admit(uint32 hospitalId) external onlyRole(COUNCIL_ROLE) {
        Hospital storage record = _known(hospitalId);
        if (record.standing == Standing.Admitted) {
            revert HospitalRegistryWrongStanding(hospitalId, record.standing);
        }
        record.standing = Standing.Admitted;
        emit HospitalAdmitted(hospitalId);
    }

    /// @inheritdoc IHospitalRegistry
    function suspend(uint32 hospitalId) external onlyRole(COUNCIL_ROLE) {
        Hospital storage record = _known(hospitalId);
        if (record.standing != Standing.Admitted) {
            revert HospitalRegistryWrongStanding(hospitalId, record.standing);
        }
        record.standing = Standing.Suspended;
        emit HospitalSuspended(hospitalId);
    }

    /// @inheritdoc IHospitalRegistry
    function hospital(uint32 hospitalId) external view returns (Hospital memory) {
        return _known(hospitalId);
    }

    /// @inheritdoc IHospitalRegistry
    function standingOf(uint32 hospitalId) external view returns (Standing) {
        return _hospitals[hospitalId].standing;
    }

    /// @inheritdoc IHospitalRegistry
    function ownerOf(uint32 hospitalId) external view returns (address) {
        return _hospitals[hospitalId].owner;
    }

    /// @inheritdoc IHospitalRegistry
    function isCouncil(address account) external view returns (bool) {
        return hasRole(COUNCIL_ROLE, account);
    }

    function _known(uint32 hospitalId) private view returns (Hospital storage record) {
        record = _hospitals[hospitalId];
        if (record.standing == Standing.None) revert HospitalRegistryUnknownHospital(hospitalId);
    }

    function _requireFreeOperator(address operator) private view {
        if (operator == address(0)) revert HospitalRegistryZeroAddress();
        uint32 holder = hospitalIdOfOperator[operator];
        if (holder != 0) revert HospitalRegistryOperatorTaken(operator, holder);
    }

    function _requireShort(string calldata text, uint256 maximum) private pure {
        if (bytes(text).length > maximum) revert HospitalRegistryTextTooLong(bytes(text).length, maximum);
    }
}
