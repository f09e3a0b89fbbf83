# SPDX-License-Identifier: Apache-2.0
"""How a check is written down: holds or not, files that match or cannot be reached, proofs that are accepted again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from node.audit.basics import Check, FileView, Verdict
from node.audit.contents import ContentReader
from node.errors import ChainError, ContentMismatch, StorageError


def held(subject: str, statement: str, holds: bool, detail: str) -> Check:
    """A statement that holds, or does not."""
    return Check(subject, statement, Verdict.PASSED if holds else Verdict.FAILED, detail)


def all_held(subject: str, statement: str, wrong: Iterable[str], detail: str) -> Check:
    """A statement about several things, of which these are the exceptions."""
    told = "; ".join(wrong)
    return held(subject, statement, not told, told or detail)


def asked_again(subject: str, statement: str, asked: Mapping[str, Callable[[], bool]], detail: str) -> Check:
    """A statement about several things, each of which the chain is asked about again; names those that fail."""
    refused, unknown = [], {}
    for name, holds in asked.items():
        try:
            if not holds():
                refused.append(name)
        except ChainError as error:
            unknown[name] = str(error)
    if refused:
        return Check(subject, statement, Verdict.FAILED, f"refused: {', '.join(refused)}")
    if unknown:
        name, problem = next(iter(unknown.items()))
        return Check(subject, statement, Verdict.UNREACHABLE, f"{name}: {problem}")
    return Check(subject, statement, Verdict.PASSED, f"{len(asked)} of {len(asked)} {detail}")


def files_match(contents: ContentReader, subject: str, statement: str, files: Iterable[FileView]) -> Check:
    """Whether every file can be read and has the digest and size on record."""
    wrong, missing, size, count = [], [], 0, 0
    for file in files:
        count += 1
        try:
            size += len(contents.get(file.digest, file.size))
        except ContentMismatch:
            wrong.append(file.cid)
        except StorageError:
            missing.append(file.cid)
    if wrong:
        return Check(subject, statement, Verdict.FAILED, f"other content under {', '.join(wrong)}")
    if missing:
        detail = f"{len(missing)} of {count} files in no store that was asked: {', '.join(missing)}"
        return Check(subject, statement, Verdict.UNREACHABLE, detail)
    return Check(subject, statement, Verdict.PASSED, f"{count} files read, {size:,} bytes hashed")
