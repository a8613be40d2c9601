"""The file: a header of 4 KiB, then the inputs and the outputs of every item, and what it is.

For each direction `ptr` (u32, one more than items) and `idx` (i32): the neighbours of item n are
`idx[ptr[n]:ptr[n + 1]]`, one for each edge row, ascending. A closed edge stands as `~neighbour`,
below zero, so the closed ones of an item come first; one that ended when it began is left out, as
no path leads over it. Beside the inputs stands `rel` (u8), the relation and quality of each as in
the table. `types` (u32) and `states` (u8) say of each item which type it has, and its state now.
Little endian, each array at a multiple of 64 bytes.
"""

from __future__ import annotations

import itertools
import mmap
import sqlite3
import struct
import sys
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tracenode.server.store.file.database import StoreIdentity, sync_directory, sync_file
from tracenode.server.store.file.lock import FileLock
from tracenode.server.store.schema import INF, SCHEMA_VERSION
from tracenode.server.store.writing.journal import head_of

__all__ = [
    "CONTENT",
    "NO_STATE",
    "Base",
    "Neighbours",
    "UnusableIndex",
    "followed",
    "index_path",
    "open_index",
    "write_index",
]

FORMAT: Final = 2
HEADER: Final = 4096
ALIGNED: Final = 64
ROWS: Final = 50_000
"""Rows of SQLite at a time."""
NO_STATE: Final = 255
"""In `states`: there is no such item, or it has no state now."""
CONTENT: Final = 254
"""In `states`: a content, which has the state of its owner, or was emptied out."""

REMEMBERED: Final = 32_768
"""Numbers of neighbours that are remembered, of each kind: some 1 MB."""
ENTRY: Final = 4
"""As many numbers is what one item takes beside its neighbours."""
NEAR: Final = 256
"""Neighbours that are remembered of one item, at most."""

_MAGIC: Final = b"TRNDADJ\0"
_FIELDS: Final = struct.Struct("<8sIIQQQI36s32s")
_CRC: Final = struct.Struct("<I")
_INPUTS: Final = """
SELECT dst, src, rel FROM edge NOT INDEXED UNION ALL
SELECT dst, ~src, rel FROM edge_past NOT INDEXED WHERE until>at ORDER BY 1, 2"""
_OUTPUTS: Final = """
SELECT src, dst FROM edge INDEXED BY edge_out UNION ALL
SELECT src, ~dst FROM edge_past INDEXED BY edge_past_out WHERE until>at ORDER BY 1, 2"""
_ITEMS: Final = f"""
SELECT i.id, i.type, iif(i.state_of IS NOT NULL, {CONTENT}, coalesce(
  (SELECT l.state FROM life l WHERE l.item=i.id AND l.until={INF}
   ORDER BY l.at DESC, l.ev DESC LIMIT 1), {NO_STATE}))
FROM item i ORDER BY 1"""


class UnusableIndex(Exception):
    """The file is missing, cut, altered, of another store or of another history of this one."""


class Near(dict[int, list[int]]):
    """The items that items of the file lead to, the closed ones with `ever` alone. What was looked
    up is remembered: what is upstream of many things is asked for again and again.

    Raises:
        IndexError: an item is newer than the file.
    """

    def __init__(self, ptr: memoryview, idx: memoryview, *, ever: bool) -> None:
        self._ptr, self._idx, self._ever = ptr, idx, ever
        self._room = REMEMBERED

    def __missing__(self, item: int) -> list[int]:
        ptr = self._ptr
        items: list[int] = self._idx[ptr[item] : ptr[item + 1]].tolist()
        if items and items[0] < 0:
            items = followed(items, ever=self._ever)
        if len(items) <= NEAR:
            self._room -= ENTRY + len(items)
            if self._room < 0:
                self.clear()
                self._room = REMEMBERED
            self[item] = items
        return items


class Neighbours:
    """One direction. `near` are the items that each leads to, without closed edges and with."""

    __slots__ = ("idx", "near", "ptr")

    def __init__(self, ptr: memoryview, idx: memoryview) -> None:
        self.ptr, self.idx = ptr, idx
        self.near = {ever: Near(ptr, idx, ever=ever) for ever in (False, True)}

    def of(self, item: int) -> list[int]:
        """Return the neighbours of an item of the file as they stand in it."""
        return self.idx[self.ptr[item] : self.ptr[item + 1]].tolist()

    def of_all(self, items: Iterable[int]) -> list[int]:
        """Return the neighbours of some items, one item after another.

        Raises:
            IndexError: an item is newer than the file.
        """
        ptr, idx = self.ptr, self.idx
        found: list[int] = []
        for item in items:
            begin = ptr[item]
            end = ptr[item + 1]
            if begin != end:
                found += idx[begin:end].tolist()
        return found


def followed(codes: Collection[int], *, ever: bool) -> list[int]:
    """Return the items that neighbours are as they stand in the file, the closed ones with `ever`
    alone."""
    if ever:
        return [code if code >= 0 else ~code for code in codes]
    return [code for code in codes if code >= 0]


class Base(NamedTuple):
    """An open file. It holds the edges as believed at the journal position `watermark`, for items
    numbered below `items`."""

    watermark: int
    items: int
    edges: int
    inputs: Neighbours
    outputs: Neighbours
    relations: memoryview
    """Of the inputs."""
    types: memoryview
    states: memoryview


@dataclass(frozen=True, slots=True)
class _Header:
    items: int
    edges: int
    watermark: int
    crc: int
    """Over all that follows the header."""
    store: str
    hash: bytes
    """Of the journal entry at the watermark."""

    def packed(self) -> bytes:
        fields = _FIELDS.pack(
            *(_MAGIC, FORMAT, SCHEMA_VERSION, self.items, self.edges, self.watermark, self.crc),
            *(self.store.encode(), self.hash),
        )
        return (fields + _CRC.pack(zlib.crc32(fields))).ljust(HEADER, b"\0")

    @classmethod
    def parsed(cls, data: bytes) -> _Header:
        if len(data) < HEADER:
            raise UnusableIndex(f"expected a header of {HEADER} bytes, found {len(data)}")
        magic, version, schema, *fields, store, digest = _FIELDS.unpack_from(data)
        (crc,) = _CRC.unpack_from(data, _FIELDS.size)
        if magic != _MAGIC or crc != zlib.crc32(data[: _FIELDS.size]):
            raise UnusableIndex("the header is damaged")
        if (version, schema) != (FORMAT, SCHEMA_VERSION):
            raise UnusableIndex(
                f"expected format {FORMAT} of schema {SCHEMA_VERSION}, found {version} of {schema}"
            )
        items, edges, watermark, body = fields
        return cls(
            items, edges, watermark, body, store.rstrip(b"\0").decode("ascii", "replace"), digest
        )

    @property
    def sections(self) -> list[tuple[int, int]]:
        """Beginning and length in bytes of the arrays, in their order."""
        ptr, idx = 4 * (self.items + 1), 4 * self.edges
        lengths = [ptr, idx, self.edges, ptr, idx, 4 * self.items, self.items]
        starts = itertools.accumulate((_aligned(n) for n in lengths), initial=HEADER)
        return list(zip(starts, lengths, strict=False))

    @property
    def size(self) -> int:
        start, length = self.sections[-1]
        return _aligned(start + length)


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def index_path(database: Path) -> Path:
    """Return where the index of a database stands."""
    return database.with_name(database.name + ".adjacency")


# ------------------------------------------------------------------ writing
def write_index(connection: sqlite3.Connection, database: Path, identity: StoreIdentity) -> int:
    """Make the index of a database from one snapshot of it; return its journal position. The file
    appears under its name only when it is whole and synced.

    Raises:
        StoreLocked: another process makes it just now.
        OSError: no room.
    """
    path = index_path(database)
    draft = path.with_name(path.name + ".draft")
    with FileLock(path):
        try:
            watermark = _write(connection, draft, identity)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    sync_directory(path.parent)
    return watermark


def _write(connection: sqlite3.Connection, draft: Path, identity: StoreIdentity) -> int:
    connection.execute("BEGIN")
    try:
        head = head_of(connection)
        (items,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM item").fetchone()
        crc, lengths = 0, []
        with draft.open("wb") as file:
            file.seek(HEADER)
            for numbers in _arrays(connection, items):
                lengths.append(len(numbers))
                if sys.byteorder == "big":
                    numbers.byteswap()
                data = memoryview(numbers).cast("B")
                for part in (data, bytes(_aligned(len(data)) - len(data))):
                    file.write(part)
                    crc = zlib.crc32(part, crc)
            edges = lengths[1]
            file.seek(0)
            header = _Header(items, edges, head.seq, crc, identity.store, head.hash)
            file.write(header.packed())
            sync_file(file)
    finally:
        connection.execute("ROLLBACK")
    return head.seq


def _arrays(connection: sqlite3.Connection, items: int) -> Iterator[array[int]]:
    """Yield all arrays in their order. SQLite reads both directions in theirs, so nothing is
    sorted."""
    counts, idx, relations = _counts(items), array("i"), array("B")
    for ends, others, some in _columns(connection, _INPUTS):
        idx.extend(others)
        relations.extend(some)
        _count(counts, ends)
    yield array("I", itertools.accumulate(counts))
    yield idx
    yield relations
    del relations
    counts, idx = _counts(items), array("i")
    for ends, others in _columns(connection, _OUTPUTS):
        idx.extend(others)
        _count(counts, ends)
    yield array("I", itertools.accumulate(counts))
    yield idx
    types = array("I", bytes(4 * items))
    states = array("B", bytes([NO_STATE]) * items)
    for numbers, kinds, now in _columns(connection, _ITEMS):
        for item, kind, state in zip(numbers, kinds, now, strict=True):
            types[item] = kind
            states[item] = state
    yield types
    yield states


def _columns(connection: sqlite3.Connection, sql: str) -> Iterator[list[tuple[int, ...]]]:
    rows = connection.execute(sql)
    while some := rows.fetchmany(ROWS):
        yield list(zip(*some, strict=True))


def _counts(items: int) -> array[int]:
    return array("I", bytes(4 * (items + 1)))


def _count(counts: array[int], ends: Iterable[int]) -> None:
    for item in ends:
        counts[item + 1] += 1


# ------------------------------------------------------------------ opening
def open_index(
    connection: sqlite3.Connection, database: Path, identity: StoreIdentity, *, mapped: bool = True
) -> Base:
    """Open the index of a database after checking every byte of it; `mapped` False reads it into
    memory.

    Raises:
        UnusableIndex: it is none, or not the one of this journal.
    """
    if sys.byteorder != "little":
        raise UnusableIndex("expected a little-endian machine")
    try:
        with index_path(database).open("rb") as file:
            header = _Header.parsed(file.read(HEADER))
            found = file.seek(0, 2)
            if found != header.size:
                raise UnusableIndex(f"expected {header.size} bytes, found {found}")
            file.seek(0)
            # On Windows a file that is mapped can't be replaced by a newer one.
            mapped = mapped and sys.platform != "win32"
            data = memoryview(
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if mapped else file.read()
            )
    except FileNotFoundError as error:
        raise UnusableIndex("there is none") from error
    except OSError as error:
        raise UnusableIndex(f"it can't be read: {error.strerror}") from error
    _check_origin(connection, header, identity)
    if zlib.crc32(data[HEADER:]) != header.crc:
        raise UnusableIndex("the checksum is wrong")
    ptr_in, idx_in, relations, ptr_out, idx_out, types, states = (
        data[start : start + length] for start, length in header.sections
    )
    return Base(
        header.watermark,
        header.items,
        header.edges,
        Neighbours(ptr_in.cast("I"), idx_in.cast("i")),
        Neighbours(ptr_out.cast("I"), idx_out.cast("i")),
        relations,
        types.cast("I"),
        states,
    )


def _check_origin(connection: sqlite3.Connection, header: _Header, identity: StoreIdentity) -> None:
    if header.store != identity.store:
        raise UnusableIndex(f"expected store {identity.store}, found {header.store}")
    row = connection.execute("SELECT hash FROM journal WHERE seq=?", (header.watermark,)).fetchone()
    expected = row[0] if row else None if header.watermark else identity.genesis
    if expected != header.hash:
        raise UnusableIndex(f"journal entry {header.watermark} is not the one it was made at")
