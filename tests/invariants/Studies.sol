// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IHospitalRegistry} from "../../contracts/interfaces/IHospitalRegistry.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Ceremonies} from "./Ceremonies.sol";
import {VM} from "./Vm.sol";

/// @title Publishing, funding, enrolling, joining and leaving, as sponsors and hospitals play them
abstract contract Studies is Ceremonies {
    uint256 internal constant MOST_STUDIES = 6;
    uint32 internal constant LENGTH = 1000;

    mapping(uint256 studyId => uint256) internal _funded;
    /// @dev Plans never change once published.
    mapping(uint256 studyId => bytes32) internal _planDigests;
    /// @dev Root of the model that the next round starts from.
    mapping(uint256 studyId => uint256) internal _root;
    mapping(uint256 studyId => mapping(uint32 hospitalId => bytes32 salt)) internal _salts;
    /// @dev Round in which a hospital last asked for a ceremony free of charge.
    mapping(uint256 studyId => mapping(uint256 index => uint32)) private _askedFree;

    function _publish(uint256 seed) internal {
        IStudyRegistry.Plan memory plan = _plan(seed);
        if (STUDIES.paused() || STUDIES.studyCount() == MOST_STUDIES) return;
        if (!CATALOGUE.isListed(plan.trainingCircuit)) return;
        VM.prank(_sponsor(seed));
        uint256 studyId = STUDIES.publish(plan);
        _planDigests[studyId] = keccak256(abi.encode(STUDIES.study(studyId).plan));
        require(_planDigests[studyId] == keccak256(abi.encode(plan)), "another plan than the sponsor's");
        _root[studyId] = plan.initialRoot;
        _did("publish");
        // Most sponsors escrow at once.
        if (seed % 8 != 0) _fund(studyId, type(uint256).max, _sponsor(seed));
    }

    /// @dev Up to what is required, and sometimes more.
    function _fund(uint256 studyId, uint256 most, address from) internal {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        if (state != IStudyRegistry.StudyState.Published && state != IStudyRegistry.StudyState.Enrolling) return;
        uint256 amount = STUDIES.requiredFunding(studyId);
        if (amount > most) amount = 1 + most % amount;
        if (TOKEN.balanceOf(from) < amount) return;
        VM.prank(from);
        POOL.fund(studyId, amount);
        _funded[studyId] += amount;
        _did("fund");
    }

    /// @dev Any hospital that could, while enrolment is open or, with a place left, the study runs; some with blocks.
    function _enrol(uint256 studyId, uint256 seed) internal {
        uint32 id = uint32(1 + seed % HOSPITALS);
        for (uint256 i = 0; i < HOSPITALS && !_mayEnrol(studyId, id); ++i) id = id % HOSPITALS + 1;
        bool running = STUDIES.studyState(studyId) == IStudyRegistry.StudyState.Running;
        if (!_mayEnrol(studyId, id) || (!running && !_isEnrolling(studyId))) return;
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        bool bounded = plan.trainingCircuit == 3;
        bytes32 salt = seed % 3 == 0 ? bytes32(_draw(seed, "salt")) : bytes32(0);
        bytes32 payout = salt == 0 ? bytes32(0) : sha256(abi.encodePacked(PAYOUT, salt));
        uint256 rows;
        bytes32 shown = bytes32(_draw(seed, "mixed in"));
        bytes32 salted = keccak256(abi.encode(shown));
        if (running) _approve(studyId, id);
        if (!bounded && _draw(seed, "sampled") % 4 == 0) {
            if (!_enrolBlocks(studyId, id, seed, payout, salted, running)) return;
        } else {
            rows = bounded ? 1 : 1 + _draw(seed, "rows") % 1000;
            VM.prank(REGISTRY.hospital(id).operator);
            try STUDIES.enrol(studyId, _dataRoot(id), uint32(rows), payout, salted) {
                _did(running ? "join" : "enrol");
            } catch {
                require(running, "an admitted hospital with a bond could not enrol");
                return;
            }
        }
        _saltOf[studyId][_ids[studyId].length] = shown;
        _ids[studyId].push(id);
        _rows[studyId].push(rows);
        _roots[studyId].push(rows == 0 ? 0 : _dataRoot(id));
        _salts[studyId][id] = salt;
        _available[id] -= plan.bond;
        _locked[studyId][id] = plan.bond;
    }

    /// @dev A participant leaves (and another may take its place), wants new keys, or rotates its key.
    function _unsettle(uint256 studyId, uint256 seed) internal {
        if (_ids[studyId].length == 0) return;
        uint32 id = _ids[studyId][seed % _ids[studyId].length];
        uint256 what = _draw(seed, "unsettle") % 8;
        if (what < 2) {
            address operator = _newOperator();
            bytes memory consent = _signed(operator, REGISTRY.operatorHash(_owner(id), operator));
            _refused(STRANGER, address(REGISTRY), abi.encodeCall(REGISTRY.rotateOperator, (id, operator, consent)));
            VM.prank(_owner(id));
            REGISTRY.rotateOperator(id, operator, consent);
            VM.prank(_owner(id));
            STUDIES.adoptOperator(studyId, id);
            _did("adoptOperator");
            return;
        }
        if (what < 4) return _leave(studyId, id, seed);
        // Mostly it is the same one that asks.
        uint8 index = uint8((what == 4 ? seed : uint256(_salt(studyId))) % _ids[studyId].length);
        id = _ids[studyId][index];
        _request(studyId, index, what % 2 == 0 ? _operator(studyId, id) : _owner(id));
    }

    /// @dev A hospital leaves, and another may take its place; before the first ceremony its bond is free at once.
    function _leave(uint256 studyId, uint32 id, uint256 seed) private {
        _refused(_operator(studyId, id), address(STUDIES), abi.encodeCall(STUDIES.leaveStudy, (studyId, id)));
        bool enrolling = _isEnrolling(studyId);
        uint64 cools = VAULT.coolsUntil(id);
        VM.prank(_owner(id));
        try STUDIES.leaveStudy(studyId, id) {
            _did(enrolling ? "leaveEnrolment" : "leaveStudy");
            if (enrolling) {
                _available[id] += _locked[studyId][id];
                require(VAULT.coolsUntil(id) == cools, "a bond that never was at stake cools");
                _locked[studyId][id] = 0;
            }
        } catch {}
        _enrol(studyId, seed);
    }

    /// @dev Free once in a batch's rounds; sooner the others are paid for it, if that leaves a slice.
    function _request(uint256 studyId, uint8 index, address caller) private {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        uint32 round = ROUNDS.currentRound(studyId);
        bool soon = _askedFree[studyId][index] != 0 && round < _askedFree[studyId][index] + plan.batchRounds;
        uint64 participants = KEYS.batchOf(studyId, round).participants;
        VM.prank(caller);
        try KEYS.requestCeremony(studyId) {
            _did("requestCeremony");
            if (soon) _charge(studyId, index, participants, 5 * uint256(plan.absenceFine));
            else _askedFree[studyId][index] = round;
        } catch {}
    }

    /// @dev Everybody in the batch approves of a newcomer, where newcomers are taken at all.
    function _approve(uint256 studyId, uint32 id) private {
        uint64 participants = KEYS.batchOf(studyId, ROUNDS.currentRound(studyId)).participants;
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(participants, i)) continue;
            VM.prank(_operator(studyId, _ids[studyId][i]));
            try STUDIES.approveNewcomer(studyId, id) { _did("approveNewcomer"); } catch {}
        }
    }

    function _dataRoot(uint32 id) internal pure returns (uint256) {
        return 7_000 + id;
    }

    function _isOver(uint256 studyId) internal view returns (bool) {
        return STUDIES.studyState(studyId) >= IStudyRegistry.StudyState.Completed;
    }

    function _isEnrolling(uint256 studyId) private view returns (bool) {
        return STUDIES.studyState(studyId) == IStudyRegistry.StudyState.Enrolling;
    }

    function _mayEnrol(uint256 studyId, uint32 id) private view returns (bool) {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) if (_ids[studyId][i] == id) return false;
        return !STUDIES.paused() && REGISTRY.standingOf(id) == IHospitalRegistry.Standing.Admitted
            && VAULT.lockable(id) >= STUDIES.study(studyId).plan.bond;
    }

    /// @dev Small plans of all shapes that the rules allow.
    function _plan(uint256 seed) private pure returns (IStudyRegistry.Plan memory plan) {
        bool bounded = _draw(seed, "kind") % 4 == 0;
        plan.documentDigest = bytes32(seed | 1);
        plan.documentSize = 1;
        plan.initialRoot = _draw(seed, "root") >> 3;
        (plan.trainingCircuit, plan.aggregationCircuit) = (bounded ? 3 : 1, 2);
        if (bounded) (plan.updateBound, plan.noiseBound) = (99, uint32(seed % 3));
        else (plan.epochs, plan.learningRate) = (2, 128);
        plan.confirmations = 1;
        plan.threshold = uint8(2 + _draw(seed, "threshold") % 2);
        plan.minimum = plan.threshold + 1;
        plan.maximum = uint8(plan.threshold * 2 - 1 + _draw(seed, "maximum") % (HOSPITALS + 2 - plan.threshold * 2));
        plan.unopenedRounds = uint8(plan.threshold + _draw(seed, "unopened") % 3);
        plan.padsOnly = _draw(seed, "pads") % 3 == 0;
        plan.approvedJoining = _draw(seed, "joining") % 2 == 0;
        plan.rounds = uint16(1 + _draw(seed, "rounds") % 6);
        plan.batchRounds = uint16(1 + _draw(seed, "batch") % plan.rounds);
        plan.enrolLength = plan.ceremonyStepLength = plan.submitLength = plan.attestLength = plan.openLength = LENGTH;
        plan.patience = plan.unopenedRounds * 4 * LENGTH;
        plan.recovery = LENGTH;
        plan.bond = uint128(8 + _draw(seed, "bond") % 992);
        plan.absenceCap = uint128(_draw(seed, "cap") % (plan.bond * 2_500 / 10_000));
        plan.absenceFine = uint128(_draw(seed, "fine") % (plan.absenceCap + 1));
        plan.serviceBudget = uint128(_draw(seed, "budget of services") % 400);
        plan.serviceFee = uint128(plan.serviceBudget == 0 ? 0 : 1 + _draw(seed, "fee") % plan.serviceBudget);
        plan.rewardPerRound = uint128(_draw(seed, "reward") % 1_000_003);
        if (seed % 4 == 1) {
            plan.privacyCost = 10;
            plan.privacyBudget = uint64(10 + _draw(seed, "budget") % 40);
        }
    }
}
