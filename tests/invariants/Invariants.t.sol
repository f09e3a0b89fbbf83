// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Handler} from "./Handler.sol";
import {VM} from "./Vm.sol";

/// @title Nobody can rob or strand the suite, whatever is done in whatever order
/// @notice `scripts/invariants.py` runs it, and adds up the lines that each run leaves about what it reached.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    string private constant _REPORT = "out/invariants/reached.txt";

    Handler private _handler;

    function setUp() external {
        _handler = new Handler();
    }

    /// @dev What forge calls.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @dev The end is not the fuzzer's to call.
    function excludeSelectors() external view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0] = FuzzSelector(address(_handler), new bytes4[](1));
        excluded[0].selectors[0] = Handler.windDown.selector;
    }

    /// @dev Who calls does not matter: the handler plays everybody.
    function targetSenders() external pure returns (address[] memory senders) {
        senders = new address[](1);
        senders[0] = address(0xF0);
    }

    /// @notice Checked after every call.
    function invariant_nobodyCanRobOrStrand() external view {
        _handler.check();
    }

    /// @notice After every run: whatever it left unfinished is brought to its end and paid out.
    function afterInvariant() external {
        _handler.windDown();
        VM.writeLine(_REPORT, _handler.tally());
    }
}
