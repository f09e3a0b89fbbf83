// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title What the invariants need of forge's cheatcodes
interface Vm {
    function addr(uint256 privateKey) external pure returns (address);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function expectCall(address callee, bytes calldata data) external;
    function getNonce(address account) external view returns (uint64);
    function prank(address sender) external;
    function roll(uint256 number) external;
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function warp(uint256 timestamp) external;
    function writeLine(string calldata path, string calldata data) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
