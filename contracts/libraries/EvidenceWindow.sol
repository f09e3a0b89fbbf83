// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev Seconds after a round closed in which an equivocation in it can be shown. A bond that could be gone before
/// would be no bond, so the vault's unbonding delay must be longer.
uint64 constant EQUIVOCATION_WINDOW = 7 days;
