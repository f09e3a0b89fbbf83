# SPDX-License-Identifier: Apache-2.0
"""NumPy archives (`npz`) of others, read without trusting a byte, and our own, written with one form of bytes.

`numpy.load` believes sizes: of the zip's directory, and of an array's header, for which it allocates before
it reads. Here the declared sizes are added up first, a member is never unpacked beyond its own, and an array
has exactly the bytes that its header says. Headers are read by a pattern; objects (pickles) have none.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError

# NumPy does not annotate the module of its file format.
npy: Any = np.lib.format
HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00(?P<short>..)|\x02\x00(?P<long>....))"
    rb"(?P<text>\{'descr': '(?P<dtype>[<>|=](?:[biuf][1248]|U[0-9]{1,7}))', "
    rb"'fortran_order': (?P<fortran>False|True), "
    rb"'shape': \((?P<shape>(?:[0-9]{1,10}(?:, ?[0-9]{1,10}){0,4},?)?)\),? ?\} *\n)",
    re.DOTALL,
)
# The largest of the MedMNIST files at 28 pixels unpacks to 253 MB.
UNPACKED_LIMIT = 1 << 30
MEMBERS_LIMIT = 32
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an archive by name, read-only; raises DataError for whatever is no plain archive of arrays."""
    try:
        with path.open("rb") as stream:
            return unpack(stream, path.name, UNPACKED_LIMIT)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}). Check the path and its rights.") from None


def unpack(stream: BinaryIO, name: str, limit: int) -> dict[str, NDArray[Any]]:
    """As `read_arrays`, from an open file that messages call `name`, of at most `limit` bytes packed or unpacked."""
    try:
        if stream.seek(0, os.SEEK_END) > limit:
            _refuse(name, f"it is larger than {limit >> 20} MiB")
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            _check_entries(name, entries, limit)
            return {_member(name, entry): _array(name, entry, archive.read(entry)) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, NotImplementedError, struct.error):
        _refuse(name, "it is not a whole NumPy archive (npz): is it cut off?")


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An archive that plain `numpy.load` reads: stored in the given order, with a fixed date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            npy.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH), member.getvalue())
    return stream.getvalue()


def _check_entries(name: str, entries: list[zipfile.ZipInfo], limit: int) -> None:
    if len(entries) > MEMBERS_LIMIT:
        _refuse(name, f"it holds more than {MEMBERS_LIMIT} arrays")
    if sum(entry.file_size for entry in entries) > limit:
        _refuse(name, f"it would unpack to more than {limit >> 20} MiB")
    if any(entry.flag_bits & 1 for entry in entries):
        _refuse(name, "it is encrypted")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        _refuse(name, "it is packed in a way that NumPy does not use")
    if len({entry.filename for entry in entries}) != len(entries):
        _refuse(name, "it holds an array twice")


def _member(name: str, entry: zipfile.ZipInfo) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}\.npy", entry.filename):
        _refuse(name, "it holds something that is no array")
    return entry.filename.removesuffix(".npy")


def _array(file: str, entry: zipfile.ZipInfo, content: bytes) -> NDArray[Any]:
    name = _member(file, entry)
    found = HEADER.match(content[:4096])
    if found is None:
        if b"'|O'" in content[:256]:
            _refuse(file, f"its array {name} holds pickled objects, which could run anything. Save plain numbers")
        _refuse(file, f"its array {name} is not one of plain numbers or texts, as numpy.savez writes it")
    length = found["short"] or found["long"]
    dtype = np.dtype(found["dtype"].decode())
    shape = tuple(int(number) for number in re.findall(rb"[0-9]+", found["shape"]))
    body = len(content) - found.end()
    if int.from_bytes(length, "little") != len(found["text"]) or math.prod(shape) * dtype.itemsize != body:
        _refuse(file, f"its array {name} has not as many bytes as it says")
    order = "F" if found["fortran"] == b"True" else "C"
    return np.frombuffer(content, dtype=dtype, offset=found.end()).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def _refuse(name: str, problem: str) -> NoReturn:
    raise DataError(f"{name} cannot be used: {problem}.")
