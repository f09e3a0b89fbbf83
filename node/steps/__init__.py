# SPDX-License-Identifier: Apache-2.0
"""What a hospital's node does in a study, one step at a time.

Each step reads the chain, checks that it still applies, acts, and records before and after in the node's
state; repeating a step after a crash repeats the same bytes.
"""
