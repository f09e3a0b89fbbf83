// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Token that refuses transfers, all of them or those to one wallet, for as long as anyone wants it to
/// @notice Tests that a token in trouble delays payments and loses none.
contract MoodyToken is ERC20 {
    /// @notice Whether it refuses all transfers.
    bool public stopped;
    /// @notice The one wallet that nothing can be sent to.
    address public refused;

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

    function _update(address from, address to, uint256 amount) internal override {
        if (stopped || to == refused) revert MoodyTokenRefused();
        super._update(from, to, amount);
    }
}
