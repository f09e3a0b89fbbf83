// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {BlockDraws} from "../../contracts/BlockDraws.sol";
import {CircuitCatalogue} from "../../contracts/CircuitCatalogue.sol";
import {ConsiliumToken} from "../../contracts/ConsiliumToken.sol";
import {Court} from "../../contracts/Court.sol";
import {HospitalRegistry} from "../../contracts/HospitalRegistry.sol";
import {KeyCeremony} from "../../contracts/KeyCeremony.sol";
import {Openings} from "../../contracts/Openings.sol";
import {RewardPool} from "../../contracts/RewardPool.sol";
import {RoundManager} from "../../contracts/RoundManager.sol";
import {StakeVault} from "../../contracts/StakeVault.sol";
import {StudyRegistry} from "../../contracts/StudyRegistry.sol";
import {ICircuitCatalogue} from "../../contracts/interfaces/ICircuitCatalogue.sol";
import {Terms} from "../../contracts/studies/Terms.sol";
import {VerifierDouble} from "../../contracts/mocks/VerifierDouble.sol";
import {Points} from "./Points.sol";
import {VM} from "./Vm.sol";

/// @title A deployed suite and everybody who acts on it
abstract contract World is Points {
    uint32 internal constant HOSPITALS = 6;
    uint256 internal constant SPONSORS = 2;
    uint256 internal constant SUPPLY = 1e12;
    uint64 internal constant UNBONDING_DELAY = 8 days;
    address internal constant COUNCIL = address(0xC0);
    address internal constant STRANGER = address(0x57);
    /// @dev Rewards of hospitals that committed to another address than their owner's go there.
    address internal constant PAYOUT = address(0xBA);
    /// @dev What services earn goes there.
    address internal constant SERVANT = address(0x5E);

    ConsiliumToken internal immutable TOKEN;
    HospitalRegistry internal immutable REGISTRY;
    CircuitCatalogue internal immutable CATALOGUE;
    StakeVault internal immutable VAULT;
    StudyRegistry internal immutable STUDIES;
    RoundManager internal immutable ROUNDS;
    KeyCeremony internal immutable KEYS;
    Openings internal immutable OPENINGS;
    Court internal immutable COURT;
    RewardPool internal immutable POOL;
    BlockDraws internal immutable BLOCKS;
    VerifierDouble internal immutable DOUBLE;

    /// @dev Private keys of operators, by address.
    mapping(address operator => uint256) internal _keyOf;
    uint256 internal _keys;
    mapping(string action => uint256) private _done;
    string[] private _actions;

    constructor() Points(HOSPITALS) {
        TOKEN = new ConsiliumToken(SUPPLY);
        REGISTRY = new HospitalRegistry(COUNCIL, 0);
        CATALOGUE = new CircuitCatalogue(REGISTRY);
        // The vault comes first, then these, in this order.
        address[7] memory at;
        uint256 nonce = VM.getNonce(address(this));
        for (uint256 i = 0; i < at.length; ++i) at[i] = VM.computeCreateAddress(address(this), nonce + 1 + i);
        StakeVault.Judges memory judges = StakeVault.Judges(at[1], at[3], at[4]);
        VAULT = new StakeVault(
            TOKEN, REGISTRY, StudyRegistry(at[0]), RoundManager(at[2]), judges, at[5], UNBONDING_DELAY
        );
        STUDIES = new StudyRegistry(
            Terms.Wiring(
                REGISTRY, CATALOGUE, VAULT, KeyCeremony(at[1]), RoundManager(at[2]), RewardPool(at[5]),
                BlockDraws(at[6]), 1, 1
            )
        );
        KEYS = new KeyCeremony(STUDIES, RoundManager(at[2]), VAULT, RewardPool(at[5]));
        ROUNDS = new RoundManager(STUDIES, KEYS, VAULT, RewardPool(at[5]), Court(at[4]));
        OPENINGS = new Openings(STUDIES, ROUNDS, KEYS, VAULT);
        COURT = new Court(STUDIES, ROUNDS, OPENINGS, VAULT);
        POOL = new RewardPool(REGISTRY, STUDIES, ROUNDS, address(KEYS), VAULT);
        BLOCKS = new BlockDraws(STUDIES, KEYS);
        require(address(BLOCKS) == at[6] && address(STUDIES) == at[0], "addresses");
        DOUBLE = new VerifierDouble();
        _listCircuits();
        for (uint256 i = 0; i < SPONSORS; ++i) _endow(_sponsor(i), SUPPLY / 10, address(POOL));
        _endow(STRANGER, SUPPLY / 10, address(POOL));
        for (uint32 id = 1; id <= HOSPITALS; ++id) {
            address operator = _newOperator();
            bytes memory consent = _signed(operator, REGISTRY.operatorHash(_owner(id), operator));
            VM.prank(_owner(id));
            REGISTRY.register(operator, consent, "Hospital", "");
            VM.prank(COUNCIL);
            REGISTRY.admit(id);
            _endow(_owner(id), SUPPLY / 20, address(VAULT));
        }
        TOKEN.transfer(STRANGER, TOKEN.balanceOf(address(this)));
        VM.warp(1_000_000);
    }

    /// @notice How often each action went through, as `name=number name=number …`.
    function tally() external view returns (string memory line) {
        for (uint256 i = 0; i < _actions.length; ++i) {
            line = string.concat(line, _actions[i], "=", Strings.toString(_done[_actions[i]]), " ");
        }
    }

    function _did(string memory action) internal {
        if (++_done[action] == 1) _actions.push(action);
    }

    /// @dev What must not go through does not.
    function _refused(address sender, address target, bytes memory call) internal {
        VM.prank(sender);
        (bool passed,) = target.call(call);
        require(!passed, "a call went through that must not");
        _did("refused");
    }

    function _owner(uint32 hospitalId) internal pure returns (address) {
        return address(uint160(0xA000 + hospitalId));
    }

    function _sponsor(uint256 number) internal pure returns (address) {
        return address(uint160(0x5000 + number % SPONSORS));
    }

    function _newOperator() internal returns (address operator) {
        operator = _operatorOf(++_keys);
        _keyOf[operator] = 0xC0FFEE + _keys;
    }

    /// @dev Every key that ever was an operator's, by number from 1.
    function _operatorOf(uint256 number) internal pure returns (address) {
        return VM.addr(0xC0FFEE + number);
    }

    function _operator(uint256 studyId, uint32 hospitalId) internal view returns (address) {
        return STUDIES.enrolment(studyId, hospitalId).operator;
    }

    function _signed(address operator, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(_keyOf[operator], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The set of one index.
    function _single(uint256 index) internal pure returns (uint64) {
        return uint64(1) << uint8(index);
    }

    /// @dev Independent numbers from one that the fuzzer chose.
    function _draw(uint256 seed, string memory what) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what)));
    }

    function _count(uint64 bitmap) internal pure returns (uint256 size) {
        for (uint8 i = 0; i < 64; ++i) if (_has(bitmap, i)) ++size;
    }

    function _has(uint64 bitmap, uint256 index) internal pure returns (bool) {
        return bitmap & (uint64(1) << uint8(index)) != 0;
    }

    /// @dev An index of a set that is not empty.
    function _member(uint64 bitmap, uint256 seed) internal pure returns (uint8 index) {
        index = uint8(seed % 64);
        while (!_has(bitmap, index)) index = (index + 1) % 64;
    }

    function _endow(address account, uint256 amount, address spender) private {
        TOKEN.transfer(account, amount);
        VM.prank(account);
        TOKEN.approve(spender, type(uint256).max);
    }

    /// @dev 1: training, 2: aggregation, 3: bounded.
    function _listCircuits() private {
        ICircuitCatalogue.Circuit memory circuit;
        circuit.verifier = address(DOUBLE);
        circuit.verifyingKeyDigest = bytes32(uint256(1));
        circuit.valueBits = 26;
        for (uint8 kind = 1; kind <= 3; ++kind) {
            circuit.name = "double";
            circuit.kind = ICircuitCatalogue.CircuitKind(kind);
            circuit.features = kind == 2 ? 5 : 4;
            circuit.batchSize = kind == 1 ? 4 : 0;
            circuit.maxEpochs = kind == 1 ? 2 : 0;
            circuit.capacity = kind == 1 ? 1000 : kind == 3 ? 1 : 0;
            circuit.loss = kind == 1 ? 1 : kind == 3 ? 2 : 0;
            circuit.noisy = kind == 3;
            VM.prank(COUNCIL);
            CATALOGUE.listCircuit(circuit);
        }
    }
}
