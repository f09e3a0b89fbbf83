# SPDX-License-Identifier: Apache-2.0
"""Private files: written in one piece, readable by their owner alone, gone when erased, locked between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from node.errors import ConfigError

#: Seconds between two looks at a lock that another process has.
_LOOK_SECONDS = 0.05
#: What operating systems and programs leave among other files, besides what begins with a dot.
_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "lost+found"}


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name was left by a system or a program and holds nobody's data."""
    return name.startswith((".", "~$")) or name.lower() in _LITTER


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


@contextlib.contextmanager
def locked(path: Path, pause: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Keep other processes out of the blocks under this lock file meanwhile; one that is in its block is waited for.

    `pause` (seconds) is how it waits. The lock goes with its process, however that ends; the file stays.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pause(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable: a renamed or removed file stays so after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
