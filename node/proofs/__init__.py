# SPDX-License-Identifier: Apache-2.0
"""Statements, commitments and Groth16 proofs: what a node says about its work and how it shows it.

The plain-Python mathematics here is what the nodes use and what the circuits are compared with.
"""
