// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev Order p of BN254's scalar field: the base field of Baby Jubjub and the range of public signals. A
/// signal x and x + p would mean the same to a circuit and not to a contract, hence checks against it.
uint256 constant FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
