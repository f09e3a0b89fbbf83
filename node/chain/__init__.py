# SPDX-License-Identifier: Apache-2.0
"""The chain: typed reads, events, and (in `wallet`, `sender` and the writers) signed transactions.

Reading needs `client`, `events` and `deployment` alone; they never import what can sign.
"""
