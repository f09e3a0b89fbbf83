// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./Bitmaps.sol";

/// @title Which phase a round is in
/// @notice Derived from deadlines and counters; a phase is over at the very second of its deadline.
library PhaseArithmetic {
    using Bitmaps for uint64;

    /// @dev What a round's phase depends on, in two words of storage; the fields mean what they do in
    /// `IRoundManager.RoundState`. A sum of rows is below 2^22 (`PlanRules.ROWS_LIMIT`).
    struct Clock {
        uint64 submitted;
        uint64 attested;
        uint64 included;
        uint40 startedAt;
        uint24 sumRows;
        uint40 submitEndedAt;
        uint40 attestEndedAt;
        uint40 includedAt;
        uint40 closedAt;
        bool verified;
        IRoundManager.Phase closedAs;
    }

    /// @notice Phase and second at which it ends (0: by a transaction only). Open means that the clock allows
    /// opening; whether enough hospitals are left for it is the caller's to ask.
    function phase(Clock memory clock, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (IRoundManager.Phase, uint64 deadline)
    {
        if (clock.closedAs != IRoundManager.Phase.None) return (clock.closedAs, 0);
        if (clock.startedAt == 0) return (IRoundManager.Phase.None, 0);
        deadline = submitDeadline(clock, terms);
        if (clock.submitEndedAt == 0 && block.timestamp < deadline) return (IRoundManager.Phase.Submit, deadline);
        if (clock.submitted.count() < terms.minimum) return (IRoundManager.Phase.Failed, 0);
        deadline += terms.attestLength;
        if (clock.attestEndedAt == 0 && block.timestamp < deadline) return (IRoundManager.Phase.Attest, deadline);
        if (clock.includedAt == 0) return (IRoundManager.Phase.Include, 0);
        uint8 current = attempt(clock, terms);
        if (current == terms.attempts) return (IRoundManager.Phase.Failed, 0);
        return (IRoundManager.Phase.Open, uint64(clock.includedAt) + (uint64(current) + 1) * terms.openLength);
    }

    /// @notice Second at which submitting ended or ends.
    function submitDeadline(Clock memory clock, IStudyRegistry.RoundTerms memory terms)
        internal
        pure
        returns (uint64)
    {
        return clock.submitEndedAt != 0 ? clock.submitEndedAt : uint64(clock.startedAt) + terms.submitLength;
    }

    /// @notice Opening attempt by the clock, the plan's number of attempts once all ran out.
    function attempt(Clock memory clock, IStudyRegistry.RoundTerms memory terms) internal view returns (uint8) {
        uint64 until = clock.closedAt != 0 ? clock.closedAt : uint64(block.timestamp);
        uint256 passed = (until - clock.includedAt) / terms.openLength;
        return passed < terms.attempts ? uint8(passed) : terms.attempts;
    }
}
