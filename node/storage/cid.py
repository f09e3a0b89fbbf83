# SPDX-License-Identifier: Apache-2.0
"""Content identifiers in the one layout that Consilium accepts, computed here and trusted from nobody.

Up to 262,144 bytes a file is one raw block, and its digest the SHA-256 of the bytes. A larger one is cut into
raw leaves of 262,144 bytes under dag-pb nodes of at most 174 links (IPFS's balanced UnixFS layout, CID v1).
The size alone decides the shape of the whole tree, so (digest, size) names a file completely, and a node of
the tree has exactly one valid encoding once the digests of its children are known.
Source: UnixFS and dag-pb specifications; tests/vectors/unixfs_cids.json holds CIDs of two implementations.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from node.errors import ContentMismatch

LEAF_SIZE = 262_144
LINKS_MAX = 174
# More than any file that a plan implies: a size from the chain must not send a reader into a huge tree.
SIZE_MAX = 1 << 28

RAW, DAG_PB = 0x55, 0x70
# CID version 1, codec, multihash sha2-256, 32 bytes.
CID_LENGTH = 36
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
UNIXFS_FILE = 2


@dataclass(frozen=True)
class Address:
    """What the chain holds of a file: the 32-byte digest of its root block, and its size in bytes."""

    digest: bytes
    size: int

    def __post_init__(self) -> None:
        if len(self.digest) != 32:
            raise ContentMismatch(f"A digest has 32 bytes, not {len(self.digest)}.")
        if not 0 <= self.size <= SIZE_MAX:
            raise ContentMismatch(f"A file of {self.size} bytes is refused: the most is {SIZE_MAX}.")

    @property
    def codec(self) -> int:
        """The codec of the root block."""
        return Span.of(self.size).codec

    @property
    def cid(self) -> str:
        """The CID, version 1 in base32."""
        return encode(self.codec, self.digest)


@dataclass(frozen=True)
class Block:
    """One block: its codec, the SHA-256 of its bytes, and the bytes."""

    codec: int
    digest: bytes
    data: bytes

    @property
    def cid(self) -> str:
        """The block's own CID."""
        return encode(self.codec, self.digest)


@dataclass(frozen=True)
class Span:
    """A part of a file under one block: `size` bytes of content, and the block's `height` (0 is a leaf).

    All leaves of a tree have one depth, so a node may stand over a single leaf.
    """

    size: int
    height: int

    @classmethod
    def of(cls, size: int) -> Span:
        """The whole of a file."""
        height, reach = 0, LEAF_SIZE
        while reach < size:
            height, reach = height + 1, reach * LINKS_MAX
        return cls(size, height)

    @property
    def codec(self) -> int:
        """The codec of the block."""
        return DAG_PB if self.height else RAW

    def children(self) -> list[Span]:
        """The parts under the block's links, left to right."""
        reach = LEAF_SIZE * LINKS_MAX ** (self.height - 1)
        starts = range(0, self.size, reach)
        return [Span(min(reach, self.size - start), self.height - 1) for start in starts]

    def block_size(self) -> int:
        """The length in bytes of the block itself."""
        return len(_node([bytes(32)] * len(self.children()), self)) if self.height else self.size

    def total(self) -> int:
        """All bytes of this block and of those below (the Tsize of a link to it)."""
        return self.block_size() + (sum(child.total() for child in self.children()) if self.height else 0)


def address(content: bytes) -> tuple[Address, list[Block]]:
    """The address of a file and all of its blocks, children before parents, the root last."""
    found = Address(bytes(32), len(content))
    blocks: list[Block] = []

    def build(span: Span, start: int) -> bytes:
        if not span.height:
            return _add(blocks, RAW, content[start : start + span.size])
        digests = []
        for child in span.children():
            digests.append(build(child, start))
            start += child.size
        return _add(blocks, DAG_PB, _node(digests, span))

    return replace(found, digest=build(Span.of(len(content)), 0)), blocks


def cid_of(digest: bytes, size: int) -> str:
    """The CID of the file with this digest and size."""
    return Address(digest, size).cid


def encode(codec: int, digest: bytes) -> str:
    """A CID, version 1 in base32 without padding."""
    return _base32(_prefix(codec) + digest)


def parse(cid: str) -> tuple[int, bytes]:
    """Codec and digest of a version 1 CID in base32 or base58; raises ContentMismatch for any other."""
    # Long input is refused before any arithmetic on it.
    if 2 <= len(cid) <= 64 and cid[0] == "b" and cid[1:].islower():
        try:
            raw = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))
        except ValueError:
            raw = b""
        # Base32 has spare bits at its end: the same bytes must not have two names.
        if raw and _base32(raw) != cid:
            raw = b""
    elif 2 <= len(cid) <= 64 and cid[0] == "z" and all(character in BASE58 for character in cid[1:]):
        number = 0
        for character in cid[1:]:
            number = number * 58 + BASE58.index(character)
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    else:
        raw = b""
    for codec in (RAW, DAG_PB):
        if len(raw) == CID_LENGTH and raw.startswith(_prefix(codec)):
            return codec, raw[4:]
    raise ContentMismatch("This is no CID of version 1 with SHA-256 over raw or dag-pb bytes.")


Fetch = Callable[[int, bytes, int], bytes]


def leaves(wanted: Address, fetch: Fetch) -> Iterator[bytes]:
    """The content of a file leaf by leaf, every block checked before the next is asked for.

    `fetch(codec, digest, size)` returns the bytes of one block, whose size is known beforehand. Raises
    ContentMismatch where bytes do not match their digest or the layout is not the canonical one; what
    `fetch` raises passes through.
    """
    # The parts still to be read, the leftmost on top.
    waiting = [(wanted.digest, Span.of(wanted.size))]
    while waiting:
        digest, span = waiting.pop()
        data = fetch(span.codec, digest, span.block_size())
        check_block(data, digest)
        if span.height:
            waiting.extend(reversed(list(zip(children_of(data, span), span.children(), strict=True))))
        elif len(data) != span.size:
            raise ContentMismatch(f"A block of {wanted.cid} has {len(data)} bytes instead of {span.size}.")
        else:
            yield data


def assemble(wanted: Address, fetch: Fetch) -> bytes:
    """The whole content of a file: `leaves`, put together."""
    return b"".join(leaves(wanted, fetch))


def check_block(data: bytes, digest: bytes) -> None:
    """Raises ContentMismatch unless the bytes have this SHA-256."""
    if hashlib.sha256(data).digest() != digest:
        raise ContentMismatch("A block's bytes do not match its digest.")


def children_of(data: bytes, span: Span) -> list[bytes]:
    """The digests under a node's links; raises ContentMismatch for any but the one valid node over `span`."""
    if len(data) == span.block_size():
        digests = []
        position = 0
        for child in span.children():
            link = _field(0x12, _link(bytes(32), child))
            # Four bytes of tags and lengths and the CID's prefix stand before the digest.
            start = position + link.index(_prefix(child.codec)) + 4
            digests.append(data[start : start + 32])
            position += len(link)
        if _node(digests, span) == data:
            return digests
    raise ContentMismatch("A block is not the canonical UnixFS node over its part of the file.")


def root_size(data: bytes) -> int:
    """The size of the file below a dag-pb root, as the block says and as its own layout confirms."""
    position = 0
    while data[position : position + 1] == b"\x12":
        length, position = _read_varint(data, position + 1)
        position += length
    # The UnixFS message ends the block: type, size of the file, sizes of the children.
    if data[position : position + 1] == b"\x0a":
        _, position = _read_varint(data, position + 1)
        if data[position : position + 3] == b"\x08\x02\x18":
            size, _ = _read_varint(data, position + 3)
            if LEAF_SIZE < size <= SIZE_MAX:
                children_of(data, Span.of(size))
                return size
    raise ContentMismatch("This block is not the root of a file.")


def _add(blocks: list[Block], codec: int, data: bytes) -> bytes:
    digest = hashlib.sha256(data).digest()
    blocks.append(Block(codec, digest, data))
    return digest


def _base32(raw: bytes) -> str:
    return "b" + base64.b32encode(raw).decode().rstrip("=").lower()


def _prefix(codec: int) -> bytes:
    return bytes([1, codec, 0x12, 32])


def _node(digests: Sequence[bytes], span: Span) -> bytes:
    """The dag-pb node over a span: its links, then the UnixFS message with the children's sizes."""
    children = span.children()
    links = [_field(0x12, _link(*pair)) for pair in zip(digests, children, strict=True)]
    message = b"\x08" + _varint(UNIXFS_FILE) + b"\x18" + _varint(span.size)
    message += b"".join(b"\x20" + _varint(child.size) for child in children)
    return b"".join(links) + _field(0x0A, message)


def _link(digest: bytes, child: Span) -> bytes:
    """A link: the child's CID, an empty name, and the size of all blocks from there on."""
    return _field(0x0A, _prefix(child.codec) + digest) + _field(0x12, b"") + b"\x18" + _varint(child.total())


def _field(tag: int, data: bytes) -> bytes:
    return bytes([tag]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 63:
        value |= (data[position] & 0x7F) << shift
        shift += 7
        position += 1
        if data[position - 1] < 0x80:
            return value, position
    raise ContentMismatch("A block ends within a number.")
