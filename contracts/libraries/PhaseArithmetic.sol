// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";

/// @title Which phase a round is in
/// @notice Derived from deadlines and counters; a phase is over at the very second of its deadline.
library PhaseArithmetic {
    using Bitmaps for uint64;

    /// @dev What a round's phase depends on, in three words of storage; the fields mean what they do in
    /// `IRoundManager.RoundState`, and from `participants` on in `IStudyRegistry.RoundTerms`: every call in a round
    /// needs these, and asking for them each time costs more. A sum of rows is below 2^22 (`PlanRules.ROWS_LIMIT`).
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
        IRoundManager.Phase closedAs;
        IRoundManager.Opening opening;
        uint64 expected;
        uint64 participants;
        uint32 submitLength;
        uint32 attestLength;
        uint32 openLength;
        uint32 patience;
        uint16 rounds;
        uint16 batch;
        uint8 unopenedRounds;
        uint8 threshold;
        uint8 minimum;
    }

    /// @notice Phase and second at which it ends (0: by a transaction only). Open has a deadline for each window.
    function phase(Clock memory clock)
        internal
        view
        returns (IRoundManager.Phase, uint64 deadline)
    {
        if (clock.closedAs != IRoundManager.Phase.None) return (clock.closedAs, 0);
        if (clock.startedAt == 0) return (IRoundManager.Phase.None, 0);
        deadline = submitDeadline(clock);
        if (clock.submitEndedAt == 0 && block.timestamp < deadline) return (IRoundManager.Phase.Submit, deadline);
        if (clock.submitted.count() < clock.minimum) return (IRoundManager.Phase.Failed, 0);
        deadline += clock.attestLength;
        if (clock.attestEndedAt == 0 && block.timestamp < deadline) return (IRoundManager.Phase.Attest, deadline);
        if (clock.includedAt == 0) return (IRoundManager.Phase.Include, 0);
        (uint64 from, uint64 until) = padsWindow(clock);
        if (block.timestamp < until) return (IRoundManager.Phase.Open, block.timestamp < from ? from : until);
        deadline = clock.includedAt + clock.patience;
        if (block.timestamp < deadline) return (IRoundManager.Phase.Suspended, deadline);
        return (IRoundManager.Phase.Failed, 0);
    }

    /// @notice Second at which submitting ended or ends.
    function submitDeadline(Clock memory clock)
        internal
        pure
        returns (uint64)
    {
        return clock.submitEndedAt != 0 ? clock.submitEndedAt : uint64(clock.startedAt) + clock.submitLength;
    }

    /// @notice Seconds at which the window for pad shares begins and ends; zeros before the set is fixed.
    function padsWindow(Clock memory clock)
        internal
        pure
        returns (uint64 from, uint64 until)
    {
        if (clock.includedAt == 0) return (0, 0);
        from = clock.includedAt;
        if (clock.opening == IRoundManager.Opening.Ckks) from += clock.openLength;
        until = from + clock.openLength;
    }

    /// @notice Whether nobody need be waited for: all expected have acted, and enough for the round to go on.
    /// @dev Who is not expected any more may still act before the deadline, and a round may need it.
    function haveActed(uint64 acted, Clock memory clock)
        internal
        pure
        returns (bool)
    {
        return clock.expected & ~acted == 0 && acted.count() >= clock.minimum;
    }
}
