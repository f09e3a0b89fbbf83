# SPDX-License-Identifier: Apache-2.0
"""How updates leave a hospital and only sums are opened: pure functions over bytes and frozen dataclasses.

`openings` is what a round needs, `dealing` and `ceremony` what a ceremony does; below them stand one-time pads, which
name whoever lies (`node.crypto.pads`), and threshold CKKS around TenSEAL (`docs/threshold-ckks.md`). Neither the
composition nor the code has been audited.
"""

from node.crypto.ceremony import Judgement, PostedComplaint, PostedDealing, judge_ceremony
from node.crypto.context import CeremonyContext, CeremonyIdentity, RoundContext
from node.crypto.dealing import (
    CeremonyKeys,
    DealingContent,
    Finding,
    Malformed,
    Objection,
    PostedKeys,
    ReceivedDealing,
    dealing_size,
    keys_to_post,
    make_dealing,
    new_ceremony_seed,
    read_dealing,
    receive_dealing,
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
from node.crypto.openings import Payload, RoundOpening, SumOpening, round_opening
from node.crypto.parameters import ThresholdParameters, choose_parameters
from node.crypto.round_secrets import round_secrets
from node.crypto.updates import OpenedSum, UpdateForm

__all__ = [
    "CeremonyContext",
    "CeremonyIdentity",
    "CeremonyKeys",
    "Ciphertext",
    "CiphertextSum",
    "DealingContent",
    "Finding",
    "Judgement",
    "Malformed",
    "Objection",
    "OpenedSum",
    "OpeningShare",
    "Payload",
    "PostedComplaint",
    "PostedDealing",
    "PostedKeys",
    "ReceivedDealing",
    "RoundContext",
    "RoundOpening",
    "SumOpening",
    "ThresholdParameters",
    "UpdateForm",
    "add",
    "choose_parameters",
    "ciphertext_size",
    "dealing_size",
    "encrypt",
    "judge_ceremony",
    "keys_to_post",
    "make_dealing",
    "new_ceremony_seed",
    "open_sum",
    "opening_share",
    "read_ciphertext",
    "read_dealing",
    "read_share",
    "receive_dealing",
    "round_opening",
    "round_secrets",
    "share_size",
    "write_sum",
]
