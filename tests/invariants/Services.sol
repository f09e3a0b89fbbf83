// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRewardPool} from "../../contracts/interfaces/IRewardPool.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Blocks} from "./Blocks.sol";
import {VM} from "./Vm.sol";

/// @title What services earn, beside what the pool credits
abstract contract Services is Blocks {
    mapping(uint256 studyId => uint256) internal _refunded;
    /// @dev Of a study's budget, credited; and what of the credits the pool itself pays, and has paid.
    mapping(uint256 studyId => uint256) internal _spentOfBudget;
    mapping(uint256 studyId => uint256) internal _spentOfFines;
    uint256 internal _owedOfBudgets;
    mapping(address account => uint256) private _owedFromBudget;
    mapping(address account => uint256) private _owedFromFines;

    /// @dev A service that `account` did, unless the call fined its hospital.
    function _serve(uint256 studyId, address account, IRewardPool.Service service, uint64 fined) internal {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (_has(fined, i) && _operator(studyId, _ids[studyId][i]) == account) return;
        }
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        bool whole = service == IRewardPool.Service.Include || service == IRewardPool.Service.Finalise;
        uint256 due = whole ? plan.serviceFee : plan.serviceFee / 2;
        uint256 left = _refunded[studyId] == 0 ? plan.serviceBudget - _spentOfBudget[studyId] : 0;
        uint256 fromBudget = due < left ? due : left;
        uint256 fromFines = due - fromBudget < _fines[studyId] ? due - fromBudget : _fines[studyId];
        _spentOfBudget[studyId] += fromBudget;
        _spentOfFines[studyId] += fromFines;
        _owedOfBudgets += fromBudget;
        _fines[studyId] -= fromFines;
        _setAside += fromFines;
        _owedFromBudget[account] += fromBudget;
        _owedFromFines[account] += fromFines;
        if (fromBudget != 0) _did("serve");
        if (fromFines != 0) _did("serveOfFines");
        if (due != 0 && fromBudget + fromFines == 0) _did("serveUnpaid");
    }

    function _claimService(address account) internal {
        uint256 due = _owedFromBudget[account] + _owedFromFines[account];
        require(POOL.serviceOwed(account) == due, "a service was credited against the policy");
        if (due == 0) return;
        uint256 before = TOKEN.balanceOf(SERVANT);
        VM.prank(account);
        POOL.claimService(SERVANT);
        require(TOKEN.balanceOf(SERVANT) == before + due, "paid another amount for services than was earned");
        _owedOfBudgets -= _owedFromBudget[account];
        _setAside -= _owedFromFines[account];
        (_owedFromBudget[account], _owedFromFines[account]) = (0, 0);
        _did("claimService");
    }

    /// @dev A stranger, mostly; now and then a hospital's node.
    function _servant(uint256 studyId, uint256 seed) internal view returns (address) {
        uint256 size = _ids[studyId].length;
        if (size == 0 || _draw(seed, "servant") % 3 != 0) return STRANGER;
        return _operator(studyId, _ids[studyId][seed % size]);
    }

    function _checkServices(uint256 studyId) internal view {
        (uint256 total, uint256 fromFines) = POOL.serviceSpent(studyId);
        require(fromFines == _spentOfFines[studyId], "fines were spent against the policy");
        require(total - fromFines == _spentOfBudget[studyId], "a budget was spent against the policy");
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        require(_spentOfBudget[studyId] <= plan.serviceBudget, "more was spent than the sponsor's budget");
    }
}
