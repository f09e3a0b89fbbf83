// SPDX-License-Identifier: GPL-3.0-only
// Aggregation of models of 5162 coordinates: updates of 16 bits, all of the same weight.
pragma circom 2.2.0;

include "lib/aggregation.circom";

component main {public [context, sumCx, sumCy, sumRows, rootBefore, rootAfter]} = Aggregation(5162, 16, 7, 1);
