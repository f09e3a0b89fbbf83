// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// @title The council's role
/// @notice Who holds the role admits hospitals and lists circuits. The admin hands the role on and is itself
/// handed on in two steps with a delay.
abstract contract Council is AccessControlDefaultAdminRules {
    /// @notice Role of the council (a multisig in production).
    bytes32 public constant COUNCIL_ROLE = keccak256("consilium.council");

    /// @param council First holder of the role and first admin.
    /// @param adminDelay Seconds between announcing a new admin and its acceptance.
    constructor(address council, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, council) {
        _grantRole(COUNCIL_ROLE, council);
    }
}
