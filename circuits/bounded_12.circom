// SPDX-License-Identifier: GPL-3.0-only
// Updates of 12 coordinates of 16 bits, of bounded length, with bounded noise. For tests.
pragma circom 2.2.0;

include "lib/bounded.circom";

component main {public [context, rootBefore, dataRoot, rows, planRoot, cx, cy]} = Bounded(12, 16);
