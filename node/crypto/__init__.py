# SPDX-License-Identifier: Apache-2.0
"""Threshold CKKS in one component around TenSEAL: pure functions over bytes and frozen dataclasses.

`docs/threshold-ckks.md` describes scheme, file formats, proof sketch and limits. The protocol is
passively secure and has not been audited.
"""

from node.crypto.ceremony import (
    CeremonyTranscript,
    OpeningTest,
    check_ceremony,
    commit_to_test_key,
    draw_tests,
    make_test_key,
    make_test_shares,
    size_of_test_key,
    size_of_test_shares,
)
from node.crypto.context import CeremonyContext, RoundContext
from node.crypto.dealing import (
    ReceivedShares,
    dealing_digest,
    dealing_size,
    make_dealing,
    new_ceremony_seed,
    read_dealings,
    sealing_public,
)
from node.crypto.encryption import (
    Ciphertext,
    CiphertextSum,
    add,
    ciphertext_size,
    encrypt,
    read_ciphertext,
    write_sum,
)
from node.crypto.opening import OpeningShare, open_sum, opening_share, read_share, share_size
from node.crypto.parameters import ThresholdParameters, choose_parameters
from node.crypto.round_secrets import round_secrets

__all__ = [
    "CeremonyContext",
    "CeremonyTranscript",
    "Ciphertext",
    "CiphertextSum",
    "OpeningShare",
    "OpeningTest",
    "ReceivedShares",
    "RoundContext",
    "ThresholdParameters",
    "add",
    "check_ceremony",
    "choose_parameters",
    "ciphertext_size",
    "commit_to_test_key",
    "dealing_digest",
    "dealing_size",
    "draw_tests",
    "encrypt",
    "make_dealing",
    "make_test_key",
    "make_test_shares",
    "new_ceremony_seed",
    "open_sum",
    "opening_share",
    "read_ciphertext",
    "read_dealings",
    "read_share",
    "round_secrets",
    "sealing_public",
    "share_size",
    "size_of_test_key",
    "size_of_test_shares",
    "write_sum",
]
