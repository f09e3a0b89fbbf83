// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";

/// @title Record of a study's key ceremony
/// @dev Knows nothing of plans and bonds: the StudyRegistry answers the hooks at the end.
abstract contract KeyCeremony is IKeyCeremony {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @param matching Acknowledgements equal to the first one.
    /// @param over Completed, or failed for good.
    struct Record {
        uint32 number;
        CeremonyStep step;
        uint8 matching;
        bool over;
        uint64 stepOpenedAt;
        uint64 posted;
        uint64 participants;
    }

    mapping(uint256 studyId => Record) private _records;
    mapping(uint256 studyId => bytes32) private _transcripts;
    mapping(
        uint256 studyId
            => mapping(uint32 ceremony => mapping(CeremonyStep step => mapping(uint32 hospitalId => bytes32)))
    ) private _digests;

    /// @inheritdoc IKeyCeremony
    function postCeremony(uint256 studyId, uint32 ceremony, CeremonyStep step, bytes32 digest, uint64 size)
        external
    {
        Record memory record = _openRecord(studyId);
        if (ceremony != record.number) revert StudyRegistryWrongCeremony(studyId, ceremony, record.number);
        if (step != record.step) revert StudyRegistryWrongStep(studyId, step, record.step);
        uint64 deadline = _deadline(studyId, record);
        if (block.timestamp >= deadline) revert StudyRegistryStepOver(studyId, step, deadline);
        if (digest == bytes32(0)) revert StudyRegistryEmptyDigest();
        (uint32 hospitalId, uint8 index) = _memberOf(studyId, msg.sender);
        if (!record.participants.has(index)) revert StudyRegistryBarred(studyId, hospitalId);
        if (record.posted.has(index)) revert StudyRegistryAlreadyPosted(studyId, step, hospitalId);

        _digests[studyId][ceremony][step][hospitalId] = digest;
        if (step == CeremonyStep.Acknowledgement) _countAcknowledgement(studyId, record, digest);
        record.posted |= index.single();
        emit CeremonyPosted(studyId, ceremony, step, hospitalId, digest, size);
        if (record.posted == record.participants) _completeStep(studyId, record, digest);
        _records[studyId] = record;
    }

    /// @inheritdoc IKeyCeremony
    function failCeremony(uint256 studyId) external {
        Record memory record = _openRecord(studyId);
        uint64 deadline = _deadline(studyId, record);
        if (block.timestamp < deadline) revert StudyRegistryStepOpen(studyId, record.step, deadline);

        uint64 posted = record.posted;
        uint64 missing = record.participants & ~posted;
        uint64 barred = record.step == CeremonyStep.Acknowledgement ? _dissenters(studyId, record) : missing;
        uint64 remaining = record.participants & ~barred;
        uint32 failed = record.number;
        CeremonyStep step = record.step;
        // A retry is always smaller than what it follows, so ceremonies end.
        if (remaining.count() < _ceremonyNeeds(studyId)) {
            record.over = true;
            record.participants = remaining = 0;
        } else {
            record = Record(failed + 1, CeremonyStep.Key, 0, false, uint64(block.timestamp), 0, remaining);
        }
        _records[studyId] = record;
        emit CeremonyFailed(studyId, failed, step, barred, remaining);
        if (step == CeremonyStep.Dealing) _slashDealings(studyId, failed, missing, posted);
    }

    /// @inheritdoc IKeyCeremony
    function ceremonyState(uint256 studyId) external view returns (CeremonyState memory) {
        Record memory record = _record(studyId);
        bool completed = record.over && record.participants != 0;
        (uint32 firstRound, uint32 rounds) = _roundsOf(studyId, record.number);
        return CeremonyState(
            record.number,
            record.step,
            record.number == 0 ? 0 : _deadline(studyId, record),
            record.posted,
            record.participants,
            completed,
            completed ? _transcripts[studyId] : bytes32(0),
            firstRound,
            rounds
        );
    }

    /// @inheritdoc IKeyCeremony
    function ceremonyDigest(uint256 studyId, uint32 ceremony, CeremonyStep step, uint32 hospitalId)
        external
        view
        returns (bytes32)
    {
        return _digests[studyId][ceremony][step][hospitalId];
    }

    /// @dev Indices in the ceremony that is going on or was completed last; all enrolled before the first.
    function _participants(uint256 studyId) internal view returns (uint64) {
        return _record(studyId).participants;
    }

    /// @dev The ceremony that a transaction last touched: one that is due may have begun since.
    function _recorded(uint256 studyId) internal view returns (uint32 number, uint64 participants) {
        return (_records[studyId].number, _records[studyId].participants);
    }

    function _ceremonyFailed(uint256 studyId) internal view returns (bool) {
        return _records[studyId].over && _records[studyId].participants == 0;
    }

    function _countAcknowledgement(uint256 studyId, Record memory record, bytes32 digest) private {
        if (record.posted == 0) _transcripts[studyId] = digest;
        if (digest == _transcripts[studyId]) ++record.matching;
    }

    function _completeStep(uint256 studyId, Record memory record, bytes32 digest) private {
        if (record.step != CeremonyStep.Acknowledgement) {
            record.step = CeremonyStep(uint8(record.step) + 1);
            record.stepOpenedAt = uint64(block.timestamp);
            record.posted = 0;
        } else if (record.matching == record.participants.count()) {
            record.over = true;
            emit CeremonyCompleted(studyId, record.number, digest);
            _ceremonyCompleted(studyId, record.number, record.participants);
        }
    }

    /// @dev Everyone but those who acknowledged the transcript of more than half of the participants; everyone
    /// where there is none. Boyer–Moore: a value held by more than half survives the first pass.
    function _dissenters(uint256 studyId, Record memory record) private view returns (uint64 dissenters) {
        bytes32 candidate;
        uint256 lead;
        for (uint8 index = 0; record.participants >> index != 0; ++index) {
            if (!record.posted.has(index)) continue;
            bytes32 digest = _acknowledgement(studyId, record.number, index);
            if (lead == 0) candidate = digest;
            lead = digest == candidate ? lead + 1 : lead - 1;
        }
        uint64 agreeing;
        for (uint8 index = 0; record.participants >> index != 0; ++index) {
            if (record.posted.has(index) && _acknowledgement(studyId, record.number, index) == candidate) {
                agreeing |= index.single();
            }
        }
        bool majority = 2 * uint256(agreeing.count()) > record.participants.count();
        return majority ? record.participants & ~agreeing : record.participants;
    }

    function _acknowledgement(uint256 studyId, uint32 ceremony, uint8 index) private view returns (bytes32) {
        return _digests[studyId][ceremony][CeremonyStep.Acknowledgement][_hospitalAt(studyId, index)];
    }

    function _openRecord(uint256 studyId) private view returns (Record memory record) {
        record = _record(studyId);
        if (record.number == 0 || record.over) revert StudyRegistryNoCeremony(studyId);
    }

    /// @dev A ceremony that is no retry begins without a transaction, hence without a stored record.
    function _record(uint256 studyId) private view returns (Record memory record) {
        record = _records[studyId];
        if (record.number == 0 || (record.over && record.participants != 0)) {
            (uint64 startedAt, uint64 participants) = _dueCeremony(studyId);
            if (participants != 0) {
                record = Record(record.number + 1, CeremonyStep.Key, 0, false, startedAt, 0, participants);
            }
        }
    }

    function _deadline(uint256 studyId, Record memory record) private view returns (uint64) {
        return record.stepOpenedAt + _ceremonyStepLength(studyId);
    }

    /// @dev When the ceremony began that no transaction has touched yet, and with whom; no participants where
    /// none is due. Asked only when no other ceremony goes on.
    function _dueCeremony(uint256 studyId) internal view virtual returns (uint64 startedAt, uint64 participants);

    /// @dev The rounds that a ceremony (the one going on, or completed last) makes keys for; zeros for number 0.
    function _roundsOf(uint256 studyId, uint32 ceremony)
        internal
        view
        virtual
        returns (uint32 firstRound, uint32 rounds);

    function _ceremonyStepLength(uint256 studyId) internal view virtual returns (uint32);

    /// @dev Fewest hospitals a ceremony is worth holding with.
    function _ceremonyNeeds(uint256 studyId) internal view virtual returns (uint8);

    /// @dev The hospital an operator acts for; reverts if there is none.
    function _memberOf(uint256 studyId, address operator)
        internal
        view
        virtual
        returns (uint32 hospitalId, uint8 index);

    function _hospitalAt(uint256 studyId, uint8 index) internal view virtual returns (uint32 hospitalId);

    /// @param missing Bitmap of who owed a dealing; `dealt` of who did not.
    function _slashDealings(uint256 studyId, uint32 ceremony, uint64 missing, uint64 dealt) internal virtual;

    /// @dev Called once, when all acknowledged one transcript.
    function _ceremonyCompleted(uint256 studyId, uint32 ceremony, uint64 participants) internal virtual;
}
