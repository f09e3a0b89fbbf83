// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";

/// @title Who is enrolled in a study, at which index, with which key
abstract contract Members is IStudyRegistry {
    struct Member {
        address operator;
        uint256 dataRoot;
        bytes32 payoutCommitment;
        bytes32 saltCommitment;
    }

    /// @param place Index plus one, so that 0 means none.
    /// @param until Second from which the operator no longer acts for the hospital; 0 while it does.
    struct Seat {
        uint8 place;
        uint32 hospitalId;
        uint40 until;
    }

    mapping(uint256 studyId => Study) internal _studies;
    mapping(uint256 studyId => mapping(uint8 index => Member)) private _members;
    /// @dev By index, eight in a word: a round reads the rows of all, a slash or an order of openers the numbers.
    mapping(uint256 studyId => uint32[64]) private _ids;
    mapping(uint256 studyId => uint32[64]) private _rows;
    /// @dev Index plus one.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint8)) private _places;
    mapping(uint256 studyId => mapping(address operator => Seat)) private _seats;

    /// @inheritdoc IStudyRegistry
    function enrolment(uint256 studyId, uint32 hospitalId) external view returns (Enrolment memory) {
        return _enrolmentAt(studyId, _indexOf(studyId, hospitalId));
    }

    /// @inheritdoc IStudyRegistry
    function enrolmentOf(uint256 studyId, address operator) external view returns (Enrolment memory) {
        (, uint8 index) = _memberOf(studyId, operator);
        return _enrolmentAt(studyId, index);
    }

    /// @inheritdoc IStudyRegistry
    function actedFor(uint256 studyId, address operator) external view returns (uint32 hospitalId, uint64 until) {
        Seat memory seat = _seats[studyId][operator];
        return (seat.hospitalId, seat.until);
    }

    /// @inheritdoc IStudyRegistry
    function memberOf(uint256 studyId, address operator) external view returns (uint32 hospitalId, uint8 index) {
        return _memberOf(studyId, operator);
    }

    /// @inheritdoc IStudyRegistry
    function saltCommitment(uint256 studyId, uint8 index) external view returns (bytes32) {
        return _members[studyId][index].saltCommitment;
    }

    /// @inheritdoc IStudyRegistry
    function enrolledIds(uint256 studyId) external view returns (uint32[] memory) {
        return _unpack(_ids[studyId], _studies[studyId].enrolled);
    }

    /// @inheritdoc IStudyRegistry
    function enrolledRows(uint256 studyId) external view returns (uint32[] memory) {
        return _unpack(_rows[studyId], _studies[studyId].enrolled);
    }

    function _addMember(uint256 studyId, uint8 index, uint32 hospitalId, uint32 rows, Member memory member) internal {
        _members[studyId][index] = member;
        _ids[studyId][index] = hospitalId;
        _rows[studyId][index] = rows;
        _places[studyId][hospitalId] = index + 1;
        _seat(studyId, member.operator, index, hospitalId);
    }

    /// @dev What a member proves on from now on.
    function _setData(uint256 studyId, uint8 index, uint256 dataRoot, uint32 rows) internal {
        _members[studyId][index].dataRoot = dataRoot;
        _rows[studyId][index] = rows;
    }

    function _replaceOperator(uint256 studyId, uint8 index, address operator) internal {
        Member storage member = _members[studyId][index];
        // It stays on record: a key answers for what it signed before.
        _seats[studyId][member.operator].until = uint40(block.timestamp);
        _seat(studyId, operator, index, _hospitalAt(studyId, index));
        member.operator = operator;
    }

    function _isMember(uint256 studyId, uint32 hospitalId) internal view returns (bool) {
        return _places[studyId][hospitalId] != 0;
    }

    /// @dev The hospital that an operator acts for; reverts if there is none.
    function _memberOf(uint256 studyId, address operator)
        internal
        view
        returns (uint32 hospitalId, uint8 index)
    {
        uint8 place;
        (place, hospitalId) = _placeOf(studyId, operator);
        if (place == 0) revert StudyRegistryNotEnrolled(studyId, operator);
        index = place - 1;
    }

    function _hospitalAt(uint256 studyId, uint8 index) internal view returns (uint32) {
        return _ids[studyId][index];
    }

    /// @dev What a proof of training states of a member.
    function _dataAt(uint256 studyId, uint8 index) internal view returns (uint256 dataRoot, uint32 rows) {
        return (_members[studyId][index].dataRoot, _rows[studyId][index]);
    }

    /// @dev Whether a hospital takes part in nothing any more.
    function _isBarred(uint256 studyId, uint8 index) internal view virtual returns (bool);

    /// @dev The hospital that an operator acts for now and its index plus one; zeros for none.
    function _placeOf(uint256 studyId, address operator) internal view returns (uint8 place, uint32 hospitalId) {
        Seat memory seat = _seats[studyId][operator];
        if (seat.until == 0) return (seat.place, seat.hospitalId);
    }

    function _indexOf(uint256 studyId, uint32 hospitalId) internal view returns (uint8) {
        uint8 place = _places[studyId][hospitalId];
        if (place == 0) revert StudyRegistryHospitalNotEnrolled(studyId, hospitalId);
        return place - 1;
    }

    /// @dev An address that ever acted for one hospital of a study never acts for another.
    function _seat(uint256 studyId, address operator, uint8 index, uint32 hospitalId) private {
        Seat memory seat = _seats[studyId][operator];
        if (seat.place != 0 && (seat.until == 0 || seat.hospitalId != hospitalId)) {
            revert StudyRegistryOperatorTaken(studyId, operator);
        }
        _seats[studyId][operator] = Seat(index + 1, hospitalId, 0);
    }

    function _enrolmentAt(uint256 studyId, uint8 index) private view returns (Enrolment memory) {
        Member storage member = _members[studyId][index];
        return Enrolment(
            _ids[studyId][index],
            index,
            _rows[studyId][index],
            member.operator,
            _isBarred(studyId, index),
            member.dataRoot,
            member.payoutCommitment,
            member.saltCommitment
        );
    }

    function _unpack(uint32[64] storage packed, uint8 size) private view returns (uint32[] memory values) {
        values = new uint32[](size);
        for (uint256 i = 0; i < size; ++i) values[i] = packed[i];
    }
}
