// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev Rounds that CKKS may fail to open in a study, for whatever reason, before all later ones open by pads at once
/// and dealings have no part for it. What is false in it names nobody: so it may cost no more than as many windows.
uint8 constant MOST_FAILED_CKKS_OPENINGS = 2;
