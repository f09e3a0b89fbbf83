// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {KeyCeremony} from "./KeyCeremony.sol";

/// @title Who is enrolled in a study, at which index, with which key
abstract contract Members is IStudyRegistry, KeyCeremony {
    struct Member {
        uint32 hospitalId;
        uint32 rows;
        address operator;
        uint256 dataRoot;
        bytes32 payoutCommitment;
    }

    mapping(uint256 studyId => Member[]) private _members;
    /// @dev Index plus one, so that 0 means none.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint8)) private _places;
    mapping(uint256 studyId => mapping(address operator => uint8)) private _operators;

    /// @inheritdoc IStudyRegistry
    function enrolment(uint256 studyId, uint32 hospitalId) external view returns (Enrolment memory) {
        return _enrolmentAt(studyId, _indexOf(studyId, hospitalId));
    }

    /// @inheritdoc IStudyRegistry
    function enrolmentOf(uint256 studyId, address operator) external view returns (Enrolment memory) {
        (, uint8 index) = _ceremonyMember(studyId, operator);
        return _enrolmentAt(studyId, index);
    }

    /// @inheritdoc IStudyRegistry
    function enrolledIds(uint256 studyId) external view returns (uint32[] memory ids) {
        Member[] storage members = _members[studyId];
        ids = new uint32[](members.length);
        for (uint256 i = 0; i < ids.length; ++i) ids[i] = members[i].hospitalId;
    }

    /// @inheritdoc IStudyRegistry
    function enrolledRows(uint256 studyId) external view returns (uint32[] memory rows) {
        Member[] storage members = _members[studyId];
        rows = new uint32[](members.length);
        for (uint256 i = 0; i < rows.length; ++i) rows[i] = members[i].rows;
    }

    function _addMember(uint256 studyId, uint8 index, Member memory member) internal {
        _members[studyId].push(member);
        _places[studyId][member.hospitalId] = index + 1;
        _assignOperator(studyId, member.operator, index);
    }

    function _replaceOperator(uint256 studyId, uint8 index, address operator) internal {
        Member storage member = _members[studyId][index];
        delete _operators[studyId][member.operator];
        _assignOperator(studyId, operator, index);
        member.operator = operator;
    }

    function _isMember(uint256 studyId, uint32 hospitalId) internal view returns (bool) {
        return _places[studyId][hospitalId] != 0;
    }

    function _ceremonyMember(uint256 studyId, address operator)
        internal
        view
        override
        returns (uint32 hospitalId, uint8 index)
    {
        uint8 place = _placeOf(studyId, operator);
        if (place == 0) revert StudyRegistryNotEnrolled(studyId, operator);
        index = place - 1;
        hospitalId = _hospitalAt(studyId, index);
    }

    function _hospitalAt(uint256 studyId, uint8 index) internal view override returns (uint32) {
        return _members[studyId][index].hospitalId;
    }

    /// @dev Whether a hospital was left behind by a retry, has left, or the ceremony failed for good.
    function _isBarred(uint256 studyId, uint8 index) internal view virtual returns (bool);

    /// @dev The index of the hospital that an operator acts for, plus one; 0 for none.
    function _placeOf(uint256 studyId, address operator) internal view returns (uint8) {
        return _operators[studyId][operator];
    }

    function _assignOperator(uint256 studyId, address operator, uint8 index) private {
        if (_operators[studyId][operator] != 0) revert StudyRegistryOperatorTaken(studyId, operator);
        _operators[studyId][operator] = index + 1;
    }

    function _enrolmentAt(uint256 studyId, uint8 index) private view returns (Enrolment memory) {
        Member storage member = _members[studyId][index];
        return Enrolment(
            member.hospitalId,
            index,
            member.rows,
            member.operator,
            _isBarred(studyId, index),
            member.dataRoot,
            member.payoutCommitment
        );
    }

    function _indexOf(uint256 studyId, uint32 hospitalId) internal view returns (uint8) {
        uint8 place = _places[studyId][hospitalId];
        if (place == 0) revert StudyRegistryHospitalNotEnrolled(studyId, hospitalId);
        return place - 1;
    }
}
