// SPDX-License-Identifier: GPL-3.0-only
// Training on up to 8 rows of 4 features: batches of 4, up to 2 epochs. For tests.
pragma circom 2.2.0;

include "lib/training.circom";

component main {public [context, rootBefore, dataRoot, rows, planRoot, cx, cy]} = Training(8, 4, 4, 2, 26);
