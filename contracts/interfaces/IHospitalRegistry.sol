// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Who may take part
/// @notice Numbers hospitals and knows each one's owner (cold wallet), operator (the node's hot wallet),
/// text and standing. Standing gates new enrolments only: nothing here reaches into a running study.
interface IHospitalRegistry {
    enum Standing {
        None,
        Applied,
        Admitted,
        Suspended
    }

    struct Hospital {
        address owner;
        address operator;
        Standing standing;
        string name;
        string endpoint;
    }

    error HospitalRegistryZeroAddress();
    error HospitalRegistryOwnerTaken(address owner, uint32 hospitalId);
    error HospitalRegistryOperatorTaken(address operator, uint32 hospitalId);
    error HospitalRegistryUnknownHospital(uint32 hospitalId);
    error HospitalRegistryNotOwner(uint32 hospitalId, address caller);
    error HospitalRegistryNotOwnerOrOperator(uint32 hospitalId, address caller);
    error HospitalRegistryWrongStanding(uint32 hospitalId, Standing standing);
    error HospitalRegistryEmptyName();
    error HospitalRegistryTextTooLong(uint256 length, uint256 maximum);
    error HospitalRegistryWrongSignature(address operator, address signer);
    error HospitalRegistryNoOwnerProposed(uint32 hospitalId);
    error HospitalRegistryTooEarly(uint32 hospitalId, uint64 start);
    error HospitalRegistryNotProposed(uint32 hospitalId, address caller);

    event HospitalRegistered(
        uint32 indexed hospitalId, address indexed owner, address indexed operator, string name, string endpoint
    );
    event OperatorRotated(uint32 indexed hospitalId, address indexed previous, address indexed operator);
    event OwnerProposed(uint32 indexed hospitalId, address indexed owner, address indexed proposed, uint64 start);
    event OwnerReplaced(uint32 indexed hospitalId, address indexed previous, address indexed owner);
    event EndpointChanged(uint32 indexed hospitalId, string endpoint);
    event HospitalAdmitted(uint32 indexed hospitalId);
    event HospitalSuspended(uint32 indexed hospitalId);

    /// @notice Registers the caller as the owner of a new hospital; its standing becomes Applied.
    /// @param operator Address that the hospital's node signs with; unique among current operators.
    /// @param signature The operator's, of 65 bytes, over `operatorHash(owner, operator)`: nobody takes another's
    /// address.
    /// @param name 1 to 64 bytes, shown to people.
    /// @param endpoint At most 256 bytes: where others fetch this hospital's blocks; may be empty.
    /// @return hospitalId Number from 1, never used again.
    function register(
        address operator,
        bytes calldata signature,
        string calldata name,
        string calldata endpoint
    ) external returns (uint32 hospitalId);

    /// @notice Replaces the operator for future enrolments; only the owner. A study that the hospital is
    /// already in keeps the operator it enrolled with until the owner calls `IStudyRegistry.adoptOperator`.
    /// @param signature As in `register`.
    function rotateOperator(uint32 hospitalId, address operator, bytes calldata signature) external;

    /// @notice Proposes another owner, or none (0); only the owner. The proposed one can accept once
    /// `OWNER_DELAY` has passed, and until then the owner can take it back.
    function proposeOwner(uint32 hospitalId, address owner) external;

    /// @notice Makes the caller the owner: whoever was proposed, after the delay.
    function acceptOwner(uint32 hospitalId) external;

    /// @notice What an operator signs: the EIP-712 hash of `Operator(address owner,address operator)` in the domain
    /// ("Consilium", "1", chain, this contract).
    function operatorHash(address owner, address operator) external view returns (bytes32);

    /// @notice Proposed owner and the second from which it can accept; zeros for none.
    function proposedOwner(uint32 hospitalId) external view returns (address owner, uint64 start);

    /// @notice Changes the endpoint; the owner or the operator.
    function setEndpoint(uint32 hospitalId, string calldata endpoint) external;

    /// @notice Lets a hospital enrol; only the council, from Applied or Suspended.
    function admit(uint32 hospitalId) external;

    /// @notice Bars a hospital from new enrolments; only the council, from Admitted.
    function suspend(uint32 hospitalId) external;

    /// @notice A hospital's record; reverts for a number never given.
    function hospital(uint32 hospitalId) external view returns (Hospital memory);

    /// @notice Standing alone; None for a number never given.
    function standingOf(uint32 hospitalId) external view returns (Standing);

    /// @notice Owner alone; zero for a number never given.
    function ownerOf(uint32 hospitalId) external view returns (address);

    /// @notice Operator alone; zero for a number never given.
    function operatorOf(uint32 hospitalId) external view returns (address);

    /// @notice The hospital that `owner` owns, or 0.
    function hospitalIdOf(address owner) external view returns (uint32);

    /// @notice The hospital whose current operator is `operator`, or 0.
    function hospitalIdOfOperator(address operator) external view returns (uint32);

    /// @notice Whether `account` holds the council's role.
    function isCouncil(address account) external view returns (bool);

    /// @notice Hospitals are numbered 1 to this.
    function hospitalCount() external view returns (uint32);
}
