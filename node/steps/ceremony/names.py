# SPDX-License-Identifier: Apache-2.0
"""Under which names a ceremony's secrets and journal entries are kept."""

from __future__ import annotations

from node.steps.context import StudyContext


def folder(context: StudyContext, ceremony: int) -> str:
    """What all names of a ceremony begin with."""
    return f"{context.key}/ceremony-{ceremony}"


def seed_name(context: StudyContext, ceremony: int) -> str:
    """The one secret from which this hospital's messages follow."""
    return f"{folder(context, ceremony)}/seed"


def keys_name(context: StudyContext, ceremony: int, round_number: int) -> str:
    """A round's secrets."""
    return f"{folder(context, ceremony)}/round-{round_number}"


def keys_posted(context: StudyContext, ceremony: int) -> str:
    """The journal's entry that this node posted keys: a memory without it is older than they are."""
    return f"{folder(context, ceremony)}/keys"


def dealing_made(context: StudyContext, ceremony: int) -> str:
    """The journal's entry of the one dealing that this node makes: its address, and the keys that it is for."""
    return f"{folder(context, ceremony)}/dealing"


def acknowledgement(context: StudyContext, ceremony: int) -> str:
    """The journal's entry that this node acknowledged a ceremony, with all that binds its rounds."""
    return f"{folder(context, ceremony)}/acknowledged"


def left_alone(context: StudyContext, ceremony: int) -> str:
    """The journal's entry that this node leaves a ceremony to the others, and why."""
    return f"{folder(context, ceremony)}/left-alone"
