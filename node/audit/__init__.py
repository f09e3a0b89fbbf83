# SPDX-License-Identifier: Apache-2.0
"""Reading a study back from the chain and the stores, and checking what can be checked. Reads only."""
