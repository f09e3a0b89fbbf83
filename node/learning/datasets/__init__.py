# SPDX-License-Identifier: Apache-2.0
"""A hospital's data before a study: files of others read with suspicion, checked, counted, put into one form."""
