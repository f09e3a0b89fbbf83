// SPDX-License-Identifier: GPL-3.0-only
// Aggregation of models of 31 coordinates (30 features and the bias), updates of 26 bits.
pragma circom 2.2.0;

include "lib/aggregation.circom";

component main {public [context, sumCx, sumCy, sumRows, rootBefore, rootAfter]} = Aggregation(31, 26, 22, 0);
