# SPDX-License-Identifier: Apache-2.0
"""The layout is the one that two IPFS implementations agree on, and no other passes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from node.errors import ContentMismatch
from node.storage import cid
from node.storage.cid import DAG_PB, LEAF_SIZE, RAW, Address, Span, address, assemble, cid_of, parse

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "unixfs_cids.json").read_text())["cases"]
SIZES = [case["size"] for case in VECTORS]


def content_of(size: int) -> bytes:
    return hashlib.shake_256(b"feas").digest(size)


@pytest.mark.parametrize("case", VECTORS, ids=[str(size) for size in SIZES])
def test_address__every_vector__is_the_agreed_cid_and_reads_back(case: dict[str, object]) -> None:
    content = content_of(case["size"])  # type: ignore[arg-type]
    found, blocks = address(content)
    assert found.cid == blocks[-1].cid == cid_of(found.digest, found.size) == case["cidv1_raw_leaves"]
    stored = {(block.codec, block.digest): block.data for block in blocks}
    asked = []

    def fetch(codec: int, digest: bytes, size: int) -> bytes:
        asked.append(size)
        assert len(stored[codec, digest]) == size
        return stored[codec, digest]

    assert assemble(found, fetch) == content
    assert sum(asked) == Span.of(found.size).total()


def test_address__small_file__is_the_plain_hash() -> None:
    assert address(b"consilium")[0].digest == hashlib.sha256(b"consilium").digest()


@pytest.mark.parametrize("size", [LEAF_SIZE + 1, 5 * LEAF_SIZE, 175 * LEAF_SIZE])
def test_root_size__of_a_root__is_read_and_confirmed(size: int) -> None:
    found, blocks = address(content_of(size))
    assert cid.root_size(blocks[-1].data) == found.size


def test_root_size__of_an_inner_node_s_neighbour_or_garbage__is_refused() -> None:
    _, blocks = address(content_of(2 * LEAF_SIZE + 5))
    root = blocks[-1].data
    for data in (b"", b"\x12", b"\x0a", root[:-1], root + b"\0", root.replace(b"\x08\x02", b"\x08\x01"), b"\x12\xff"):
        with pytest.raises(ContentMismatch):
            cid.root_size(data)


def test_assemble__any_changed_byte_of_any_block__is_refused() -> None:
    found, blocks = address(content_of(2 * LEAF_SIZE + 5))
    for changed in blocks:
        for position in (0, len(changed.data) // 2, len(changed.data) - 1):
            data = bytearray(changed.data)
            data[position] ^= 1
            stored = {block.digest: block.data for block in blocks} | {changed.digest: bytes(data)}
            with pytest.raises(ContentMismatch, match="digest"):
                assemble(found, lambda _codec, digest, _size, stored=stored: stored[digest])


def test_assemble__another_layout_with_matching_hashes__is_refused() -> None:
    # Leaves of half the size: well-formed UnixFS, and not the canonical one.
    content = content_of(2 * LEAF_SIZE)
    half = LEAF_SIZE // 2
    leaves = [content[start : start + half] for start in range(0, len(content), half)]
    links = b"".join(cid._field(0x12, cid._link(hashlib.sha256(leaf).digest(), Span(half, 0))) for leaf in leaves)
    message = b"\x08\x02\x18" + cid._varint(len(content)) + b"".join(b"\x20" + cid._varint(half) for _ in leaves)
    root = links + cid._field(0x0A, message)
    stored = {hashlib.sha256(data).digest(): data for data in (root, *leaves)}
    with pytest.raises(ContentMismatch, match="canonical"):
        assemble(Address(hashlib.sha256(root).digest(), len(content)), lambda _codec, digest, _size: stored[digest])


def test_assemble__size_other_than_the_file_s__is_refused() -> None:
    found, blocks = address(content_of(1000))
    with pytest.raises(ContentMismatch, match="1000 bytes instead of 999"):
        assemble(Address(found.digest, 999), lambda *_: blocks[0].data)


def test_address__digest_or_size_out_of_range__is_refused() -> None:
    for digest, size in ((bytes(31), 1), (bytes(32), -1), (bytes(32), cid.SIZE_MAX + 1), (bytes(32), 1 << 63)):
        with pytest.raises(ContentMismatch):
            Address(digest, size)


def test_parse__base32_and_base58__give_codec_and_digest() -> None:
    small, large = address(b"x")[0], address(content_of(LEAF_SIZE + 1))[0]
    assert parse(small.cid) == (RAW, small.digest)
    assert parse(large.cid) == (DAG_PB, large.digest)
    number, base58 = int.from_bytes(bytes([1, 0x55, 0x12, 32]) + small.digest, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        base58 = cid.BASE58[rest] + base58
    assert parse("z" + base58) == (RAW, small.digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "z",
        VECTORS[3]["cidv0"],
        VECTORS[3]["cidv1_raw_leaves"][:-1],
        VECTORS[3]["cidv1_raw_leaves"].upper(),
        VECTORS[3]["cidv1_raw_leaves"] + "a",
        VECTORS[3]["cidv1_raw_leaves"][:-1] + "f",
        "b" + "a" * 58,
        "z" * 64,
        "b" + "1" * 58,
        "bäfkrei",
        "z" + "1" * 10**6,
    ],
)
def test_parse__anything_else__is_refused(text: str) -> None:
    with pytest.raises(ContentMismatch):
        parse(text)
