# SPDX-License-Identifier: Apache-2.0
"""The audit page: shows a study as anyone can read it. It cannot sign, open or train."""
