// SPDX-License-Identifier: GPL-3.0-only
// Aggregation of models of 5 coordinates. For tests.
pragma circom 2.2.0;

include "lib/aggregation.circom";

component main {public [context, sumCx, sumCy, sumRows, rootBefore, rootAfter]} = Aggregation(5, 26, 22, 0);
