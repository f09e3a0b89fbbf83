# SPDX-License-Identifier: Apache-2.0
"""Public data sets by name: fetched whole over HTTPS, or taken from a file, and believed only by their MD5.

MD5 is what MedMNIST publishes. It tells a damaged or another file; HTTPS tells who sent it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from node.errors import DataError, StorageUnavailable, UsageError

SILENCE_SECONDS = 20.0
SIZE_LIMIT = 64 << 20
_CHUNK = 1 << 16

#: Told how many bytes of how many are there; 0 where the server does not say how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Official:
    """A public file: where it is, its MD5 in hexadecimal, and what to say about its origin."""

    url: str
    md5: str
    credit: str


SOURCES = {
    "pneumoniamnist": Official(
        url="https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
        md5="28209eda62fecd6e6a2d98b1501bb15f",
        credit="PneumoniaMNIST of MedMNIST v2 (Yang et al., 2023), CC BY 4.0, from Kermany et al., 2018",
    )
}


def fetch(source: Official, out: Path, progress: Progress = lambda done, total: None) -> bool:
    """Downloads a public file to `out`; returns False where it was there already.

    `out` appears only when it is whole and has the MD5. Raises StorageUnavailable where the server cannot be
    reached, DataError for other content, UsageError where `out` is another file.
    """
    if _is_there(source, out):
        return False
    with _whole_file(out) as target:
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with _session() as session, session.get(source.url, stream=True, timeout=SILENCE_SECONDS) as answer:
                answer.raise_for_status()
                total = int(answer.headers.get("content-length") or 0)
                with target.open("wb") as stream:
                    for chunk in answer.iter_content(_CHUNK):
                        size += len(chunk)
                        if size > SIZE_LIMIT:
                            raise DataError(f"The server sends more than {SIZE_LIMIT >> 20} MiB: this is not the file.")
                        digest.update(chunk)
                        stream.write(chunk)
                        progress(size, total)
        except (requests.RequestException, ValueError) as error:
            raise StorageUnavailable(
                f"{source.url} could not be fetched ({type(error).__name__}). Without a network: download it "
                "elsewhere, bring the file here, and name it with --from FILE."
            ) from None
        if digest.hexdigest() != source.md5:
            raise DataError(
                f"The server sent {size} bytes with MD5 {digest.hexdigest()}, not the official {source.md5}: "
                "nothing was kept. Try again, or download the file elsewhere and name it with --from FILE."
            )
    return True


def take(source: Official, file: Path, out: Path) -> bool:
    """Copies a public file that is here already to `out`; returns False where it was there already.

    Raises DataError where it is not the official one, UsageError where `out` is another file.
    """
    found = _md5(file)
    if found != source.md5:
        raise DataError(
            f"{file.name} has MD5 {found}, not the official {source.md5}: it is cut off, or another or re-ordered "
            "file. One that you trust all the same needs no fetching: use it where it is, or give it to "
            "`consilium data import`."
        )
    if _is_there(source, out):
        return False
    with _whole_file(out) as target:
        target.write_bytes(file.read_bytes())
    return True


def _is_there(source: Official, out: Path) -> bool:
    if not out.exists():
        return False
    if _md5(out) != source.md5:
        raise UsageError(f"{out} exists already and is another file: name another place with --out.")
    return True


def _md5(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}). Check the path and its rights.") from None


@contextlib.contextmanager
def _whole_file(out: Path) -> Iterator[Path]:
    """A temporary file beside `out` that becomes it when the block ends well, and is removed when it does not."""
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent)
    os.close(descriptor)
    target = Path(name)
    try:
        yield target
        target.replace(out)
    finally:
        target.unlink(missing_ok=True)


def _session() -> requests.Session:
    """A session that cannot speak plain HTTP, not even where a server sends it there."""
    session = requests.Session()
    del session.adapters["http://"]
    return session
