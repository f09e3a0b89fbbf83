// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";

/// @title Who may take part
contract HospitalRegistry is IHospitalRegistry, AccessControlDefaultAdminRules, EIP712 {
    /// @param start Second from which it can accept.
    struct Proposal {
        address owner;
        uint64 start;
    }

    /// @notice Role of the council (a multisig in production), here and in the StudyRegistry.
    bytes32 public constant COUNCIL_ROLE = keccak256("consilium.council");
    /// @notice Seconds from an owner's proposal until it can be accepted: in which the present owner, if it was not the
    /// one who proposed, can take it back.
    uint64 public constant OWNER_DELAY = 3 days;
    bytes32 private constant OPERATOR_TYPEHASH = keccak256("Operator(address owner,address operator)");
    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant MAX_ENDPOINT_BYTES = 256;

    /// @inheritdoc IHospitalRegistry
    uint32 public hospitalCount;
    /// @inheritdoc IHospitalRegistry
    mapping(address owner => uint32) public hospitalIdOf;
    /// @inheritdoc IHospitalRegistry
    mapping(address operator => uint32) public hospitalIdOfOperator;

    mapping(uint32 hospitalId => Hospital) private _hospitals;
    mapping(uint32 hospitalId => Proposal) private _proposed;

    /// @param council First holder of the council's role, and first admin: who hands the role on.
    /// @param adminDelay Seconds between announcing a new admin and its acceptance.
    constructor(address council, uint48 adminDelay)
        AccessControlDefaultAdminRules(adminDelay, council)
        EIP712("Consilium", "1")
    {
        _grantRole(COUNCIL_ROLE, council);
    }

    /// @inheritdoc IHospitalRegistry
    function register(
        address operator,
        bytes calldata signature,
        string calldata name,
        string calldata endpoint
    ) external returns (uint32 hospitalId) {
        _requireOwnsNone(msg.sender);
        _requireFreeOperator(operator, signature);
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
    function rotateOperator(uint32 hospitalId, address operator, bytes calldata signature) external {
        Hospital storage record = _owned(hospitalId);
        _requireFreeOperator(operator, signature);

        address previous = record.operator;
        delete hospitalIdOfOperator[previous];
        hospitalIdOfOperator[operator] = hospitalId;
        record.operator = operator;
        emit OperatorRotated(hospitalId, previous, operator);
    }

    /// @inheritdoc IHospitalRegistry
    function proposeOwner(uint32 hospitalId, address owner) external {
        Hospital storage record = _owned(hospitalId);
        // Proposing again starts the delay anew.
        uint64 start = owner == address(0) ? 0 : uint64(block.timestamp) + OWNER_DELAY;
        _proposed[hospitalId] = Proposal(owner, start);
        emit OwnerProposed(hospitalId, record.owner, owner, start);
    }

    /// @inheritdoc IHospitalRegistry
    function acceptOwner(uint32 hospitalId) external {
        Hospital storage record = _known(hospitalId);
        Proposal memory proposal = _proposed[hospitalId];
        if (proposal.owner == address(0)) revert HospitalRegistryNoOwnerProposed(hospitalId);
        if (msg.sender != proposal.owner) revert HospitalRegistryNotProposed(hospitalId, msg.sender);
        if (block.timestamp < proposal.start) revert HospitalRegistryTooEarly(hospitalId, proposal.start);
        _requireOwnsNone(msg.sender);

        address previous = record.owner;
        delete _proposed[hospitalId];
        delete hospitalIdOf[previous];
        hospitalIdOf[msg.sender] = hospitalId;
        record.owner = msg.sender;
        emit OwnerReplaced(hospitalId, previous, msg.sender);
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
    function proposedOwner(uint32 hospitalId) external view returns (address owner, uint64 start) {
        Proposal memory proposal = _proposed[hospitalId];
        return (proposal.owner, proposal.start);
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
    function operatorOf(uint32 hospitalId) external view returns (address) {
        return _hospitals[hospitalId].operator;
    }

    /// @inheritdoc IHospitalRegistry
    function isCouncil(address account) external view returns (bool) {
        return hasRole(COUNCIL_ROLE, account);
    }

    /// @inheritdoc IHospitalRegistry
    function operatorHash(address owner, address operator) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(OPERATOR_TYPEHASH, owner, operator)));
    }

    function _known(uint32 hospitalId) private view returns (Hospital storage record) {
        record = _hospitals[hospitalId];
        if (record.standing == Standing.None) revert HospitalRegistryUnknownHospital(hospitalId);
    }

    /// @dev The record of a hospital that the caller owns.
    function _owned(uint32 hospitalId) private view returns (Hospital storage record) {
        record = _known(hospitalId);
        if (msg.sender != record.owner) revert HospitalRegistryNotOwner(hospitalId, msg.sender);
    }

    function _requireOwnsNone(address account) private view {
        uint32 hospitalId = hospitalIdOf[account];
        if (hospitalId != 0) revert HospitalRegistryOwnerTaken(account, hospitalId);
    }

    /// @dev An operator says by its signature whom it acts for: else anybody could register the address of another's
    /// node, or of one that somebody is about to register.
    function _requireFreeOperator(address operator, bytes calldata signature) private view {
        if (operator == address(0)) revert HospitalRegistryZeroAddress();
        uint32 holder = hospitalIdOfOperator[operator];
        if (holder != 0) revert HospitalRegistryOperatorTaken(operator, holder);
        (address signer,,) = ECDSA.tryRecover(operatorHash(msg.sender, operator), signature);
        if (signer != operator) revert HospitalRegistryWrongSignature(operator, signer);
    }

    function _requireShort(string calldata text, uint256 maximum) private pure {
        if (bytes(text).length > maximum) revert HospitalRegistryTextTooLong(bytes(text).length, maximum);
    }
}
