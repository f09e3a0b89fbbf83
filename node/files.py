# SPDX-License-Identifier: Apache-2.0
"""Private files: written in one piece, readable by their owner alone, gone when erased."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from node.errors import ConfigError


def make_private_folder(folder: Path) -> None:
    """Create `folder` with mode 0700 where it is missing; an existing one keeps its mode."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path` with mode 0600 so that a crash leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def refuse_if_shared(path: Path) -> None:
    """Refuse a secret file that others on this machine can read; raises `ConfigError`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path} can be read by others (mode {mode:04o}): run `chmod 600 {path}`.")


def erase(path: Path) -> None:
    """Overwrite a small file where it lies, then remove it.

    On media that never write in place (SSDs, copy-on-write file systems) the old bytes may outlive this;
    that is why only a wrapping key is kept in such a file, never the secret itself.
    """
    if not path.exists():
        return
    size = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        file.write(secrets.token_bytes(max(size, 1)))
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable: a renamed or removed file stays so after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
