// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Token that refuses transfers, all of them or those to one wallet, or calls back during each
/// @notice Tests that a token in trouble delays payments, and neither loses one nor makes one twice. Anyone may tell
/// it what to do.
contract MoodyToken is ERC20 {
    /// @notice Whether it refuses all transfers.
    bool public stopped;
    /// @notice The one wallet that nothing can be sent to.
    address public refused;

    /// @notice Calls back that failed.
    uint256 public refusedCalls;

    address private _target;
    bytes private _call;

    error MoodyTokenRefused();

    constructor(uint256 supply) ERC20("Moody", "MOOD") {
        _mint(msg.sender, supply);
    }

    /// @notice Refuse everything, or no longer.
    function setStopped(bool stopped_) external {
        stopped = stopped_;
    }

    /// @notice Refuse one wallet (zero: none).
    function setRefused(address wallet) external {
        refused = wallet;
    }

    /// @notice Call this contract in every transfer (zero: none).
    function setCallback(address target, bytes calldata call_) external {
        (_target, _call) = (target, call_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (stopped || to == refused) revert MoodyTokenRefused();
        super._update(from, to, amount);
        if (_target == address(0)) return;
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = _target.call(_call);
        if (!done) ++refusedCalls;
    }
}
