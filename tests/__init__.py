# SPDX-License-Identifier: Apache-2.0
"""The tests; a package only so that `tests.support` is found before an installed package named tests."""
