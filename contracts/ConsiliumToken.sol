// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Token for local and test networks
/// @notice A fixed supply, minted to the deployer. Elsewhere the suite works with any ERC-20.
contract ConsiliumToken is ERC20, ERC20Permit {
    /// @param supply Units minted to the deployer (18 decimals).
    constructor(uint256 supply) ERC20("Consilium", "CSL") ERC20Permit("Consilium") {
        _mint(msg.sender, supply);
    }
}
