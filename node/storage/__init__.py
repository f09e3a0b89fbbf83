# SPDX-License-Identifier: Apache-2.0
"""Content-addressed files: on this machine, from other hospitals' gateways, or through an IPFS daemon."""
