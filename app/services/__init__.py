# SPDX-License-Identifier: Apache-2.0
"""What pages are made of, without the page: words, tables, charts, settings."""
