// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./Bitmaps.sol";

/// @title Whom an address acts for
library Actors {
    using Bitmaps for uint64;

    /// @notice Whether an address is the operator or the owner of a hospital of a set of a study's indices.
    function actsForAny(IStudyRegistry studies, uint256 studyId, address account, uint64 hospitals)
        internal
        view
        returns (bool)
    {
        if (hospitals == 0) return false;
        try studies.actorOf(studyId, account) returns (uint32, uint8 index) {
            return hospitals.has(index);
        } catch {
            return false;
        }
    }
}
