// SPDX-License-Identifier: GPL-3.0-only
// Updates of 5162 coordinates of 16 bits, of bounded length, with bounded noise.
pragma circom 2.2.0;

include "lib/bounded.circom";

component main {public [context, rootBefore, dataRoot, rows, planRoot, cx, cy]} = Bounded(5162, 16);
