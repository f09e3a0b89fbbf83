# SPDX-License-Identifier: Apache-2.0
"""One-time pads shared in the commitments' group: pure functions over bytes and frozen dataclasses.

Every message but a box is checked by an equation between commitments, and a box by a complaint that opens it to
everybody; so whoever lies is named. `docs/encoding.md` has the formats. The parts are standard, their composition is
the project's own and has not been reviewed.
"""

from node.crypto.pads.context import PadContext
from node.crypto.pads.dealing import PadDealing, deal, own_pad, read_section, section_size
from node.crypto.pads.keys import PadKey, pad_key
from node.crypto.pads.rounds import (
    mask,
    masked_fits,
    masked_size,
    open_pads,
    pad_share,
    read_masked,
    share_fits,
    write_masked,
)
from node.crypto.pads.shares import Complaint, Guilty, PadShare, complain, judge, open_box, own_share

__all__ = [
    "Complaint",
    "Guilty",
    "PadContext",
    "PadDealing",
    "PadKey",
    "PadShare",
    "complain",
    "deal",
    "judge",
    "mask",
    "masked_fits",
    "masked_size",
    "open_box",
    "open_pads",
    "own_pad",
    "own_share",
    "pad_key",
    "pad_share",
    "read_masked",
    "read_section",
    "section_size",
    "share_fits",
    "write_masked",
]
