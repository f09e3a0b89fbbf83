// SPDX-License-Identifier: GPL-3.0-only
// Training on up to 192 rows of 30 features: batches of 32, up to 4 epochs, updates of 26 bits.
pragma circom 2.2.0;

include "lib/training.circom";

component main {public [context, rootBefore, dataRoot, rows, planRoot, cx, cy]} = Training(192, 30, 32, 4, 26);
