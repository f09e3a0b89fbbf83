// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IHospitalRegistry} from "../../contracts/interfaces/IHospitalRegistry.sol";
import {IKeyCeremony} from "../../contracts/interfaces/IKeyCeremony.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Blocks} from "./Blocks.sol";
import {VM} from "./Vm.sol";

/// @title Publishing, funding, enrolment and ceremonies, as sponsors and hospitals play them
abstract contract Studies is Blocks {
    uint256 internal constant MOST_STUDIES = 6;
    uint32 internal constant LENGTH = 1000;
    bytes32 internal constant TRANSCRIPT = keccak256("transcript");

    mapping(uint256 studyId => uint256) internal _funded;
    /// @dev Plans never change once published.
    mapping(uint256 studyId => bytes32) internal _planDigests;
    /// @dev Root of the model that the next round starts from.
    mapping(uint256 studyId => uint256) internal _root;
    mapping(uint256 studyId => mapping(uint32 hospitalId => bytes32 salt)) internal _salts;

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
        if (!bounded && _draw(seed, "sampled") % 4 == 0) {
            if (!_enrolBlocks(studyId, id, seed, payout, running)) return;
        } else {
            rows = bounded ? 1 : 1 + _draw(seed, "rows") % 1000;
            VM.prank(REGISTRY.hospital(id).operator);
            try STUDIES.enrol(studyId, _dataRoot(id), uint32(rows), payout) {
                _did(running ? "join" : "enrol");
            } catch {
                require(running, "an admitted hospital with a bond could not enrol");
                return;
            }
        }
        _ids[studyId].push(id);
        _rows[studyId].push(rows);
        _roots[studyId].push(rows == 0 ? 0 : _dataRoot(id));
        _salts[studyId][id] = salt;
        _available[id] -= plan.bond;
        _locked[studyId][id] = plan.bond;
    }

    /// @dev Participants post; where some stay silent, the others wait for the deadline and leave them behind.
    function _playCeremony(uint256 studyId, uint256 seed) internal {
        IKeyCeremony.CeremonyState memory state = STUDIES.ceremonyState(studyId);
        if (block.timestamp >= state.deadline) return _failCeremony(studyId, state);
        uint64 due = state.participants & ~state.posted & ~_silent(studyId, state);
        if (due == 0) return VM.warp(state.deadline);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(due, i)) continue;
            bool acknowledges = state.step == IKeyCeremony.CeremonyStep.Acknowledgement;
            bool dissents = acknowledges && _draw(seed, "dissent") % 32 == i;
            bytes32 digest = dissents ? bytes32(seed | 1) : TRANSCRIPT;
            VM.prank(_operator(studyId, _ids[studyId][i]));
            STUDIES.postCeremony(studyId, state.number, state.step, digest, 32);
            _did("postCeremony");
        }
        if (STUDIES.ceremonyState(studyId).completed) _did("completeCeremony");
    }

    /// @dev Who posts nothing in a step, chosen for all of it: nobody in most; a missing dealing costs a slice.
    function _silent(uint256 studyId, IKeyCeremony.CeremonyState memory state) private view returns (uint64) {
        uint256 chosen = uint256(keccak256(abi.encode(_planDigests[studyId], state.number, state.step)));
        bool some = chosen % (state.step == IKeyCeremony.CeremonyStep.Dealing ? 6 : 30) == 0;
        return some ? uint64(1) << uint8((chosen >> 8) % HOSPITALS) : 0;
    }

    function _failCeremony(uint256 studyId, IKeyCeremony.CeremonyState memory state) internal {
        VM.prank(STRANGER);
        STUDIES.failCeremony(studyId);
        _did("failCeremony");
        if (state.step != IKeyCeremony.CeremonyStep.Dealing) return;
        uint64 missing = state.participants & ~state.posted;
        _punish(
            studyId, IStakeVault.Offence.MissingDealing, state.number, missing, state.posted, address(0)
        );
    }

    /// @dev A participant leaves (and another may take its place), wants new keys, or rotates its key.
    function _unsettle(uint256 studyId, uint256 seed) internal {
        if (_ids[studyId].length == 0) return;
        uint32 id = _ids[studyId][seed % _ids[studyId].length];
        uint256 what = _draw(seed, "unsettle") % 8;
        if (what < 3) {
            address operator = _newOperator();
            VM.prank(_owner(id));
            REGISTRY.rotateOperator(id, operator);
            VM.prank(_owner(id));
            STUDIES.adoptOperator(studyId, id);
            _did("adoptOperator");
            return;
        }
        VM.prank(what % 2 == 0 ? _operator(studyId, id) : _owner(id));
        if (what < 6) {
            try STUDIES.leaveStudy(studyId) { _did("leaveStudy"); } catch {}
            _enrol(studyId, seed);
        } else {
            try STUDIES.requestCeremony(studyId) { _did("requestCeremony"); } catch {}
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
        plan.attempts = uint8(1 + _draw(seed, "attempts") % 3);
        plan.unopenedRounds = uint8(1 + _draw(seed, "unopened") % 4);
        plan.rounds = uint16(1 + _draw(seed, "rounds") % 6);
        plan.batchRounds = uint16(1 + _draw(seed, "batch") % plan.rounds);
        plan.enrolLength = plan.ceremonyStepLength = plan.submitLength = plan.attestLength = plan.openLength = LENGTH;
        plan.verifiedShareBps = uint16(_draw(seed, "share") % 10_001);
        plan.bond = uint128(1 + _draw(seed, "bond") % 999);
        plan.rewardPerRound = uint128(_draw(seed, "reward") % 1_000_003);
        if (seed % 4 == 1) {
            plan.privacyCost = 10;
            plan.privacyBudget = uint64(10 + _draw(seed, "budget") % 40);
        }
    }
}
