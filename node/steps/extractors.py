# SPDX-License-Identifier: Apache-2.0
"""The frozen network that a plan of a head on images names: its file, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from node.errors import DataError, UsageError
from node.learning import extractor
from node.plan import DOCUMENT_LIMIT, ImageHeadPlan, TrainingPlan

#: Reads a file by digest and size, as a store does.
Get = Callable[[bytes, int], bytes]


def _nowhere(_digest: bytes, _size: int) -> bytes:
    raise UsageError("This plan is of a head on images: name the file of its extractor with --extractor.")


def extractor_file(plan: TrainingPlan, file: Path | None = None, get: Get = _nowhere) -> bytes:
    """The file of the plan's extractor, read or got by its address, unchecked; empty where the plan has none.

    Raises what `get` raises, and DataError for a file that cannot be read or that the plan has no use for.
    """
    if not isinstance(plan, ImageHeadPlan):
        if file is not None:
            raise DataError("This plan is of no head on images: it has no extractor.")
        return b""
    if file is None:
        return get(bytes.fromhex(plan.model.extractor.digest), plan.model.extractor.size)
    return read_extractor(file)


def read_extractor(file: Path) -> bytes:
    """The bytes of a file, no more than an extractor can have; raises DataError."""
    try:
        with file.open("rb") as stream:
            return stream.read(DOCUMENT_LIMIT + 1)
    except OSError as error:
        raise DataError(f"The extractor {file} cannot be read ({error.strerror}).") from None


def extractor_weights(plan: TrainingPlan, content: bytes) -> Sequence[int]:
    """The weights in the file of the plan's extractor; raises DataError for any other file."""
    if not isinstance(plan, ImageHeadPlan):
        return ()
    return extractor.from_bytes(content, bytes.fromhex(plan.model.extractor.digest))
