"""Records of a stretch of the journal, and those that name a place, by position."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from tracenode.models.receipts import Record
from tracenode.server.store.writing.canonical import canonical_json
from tracenode.server.store.writing.journal import NOTED, Entry, record_of

__all__ = ["MOST_NAMES", "naming", "records_between"]

STRIDE: Final = 500
"""Entries read by one statement, where all are wanted."""
WIDE_STRIDE: Final = 10_000
"""Entries looked at by one statement, where only some are."""
MOST_NAMES: Final = 8
"""More names than that cost more to look for than the records cost to read."""

_SOME: Final = """
SELECT j.seq, j.rec, j.at, s.name, j.sseq, j.type, j.body, j.hash
FROM journal j CROSS JOIN source s ON s.id=j.source
WHERE j.seq>=:first AND j.seq<=:last {names} ORDER BY j.seq {order}"""


def naming(field: str, value: str) -> str:
    """Return what stands in the body of an entry where a field of its event has this value."""
    return f'"{field}":{canonical_json(value)}'


def records_between(
    connection: sqlite3.Connection,
    first: int,
    last: int,
    *,
    down: bool = False,
    naming: Sequence[str] = (),
) -> Iterator[tuple[int, Record | None]]:
    """Yield (position, record) of the entries from `first` to `last`, the latest first where
    `down`; what was only noted is left out. With `naming`, those whose body contains one of these
    texts, which is for the caller to check. After each stretch that was looked at, (its end, None):
    a place to stop.
    """
    names = " OR ".join(f"instr(j.body,:n{number})" for number in range(len(naming)))
    sql = _SOME.format(names=f"AND ({names})" if names else "", order="DESC" if down else "")
    given = {f"n{number}": text for number, text in enumerate(naming)}
    stride = WIDE_STRIDE if naming else STRIDE
    while first <= last:
        low = max(first, last - stride + 1) if down else first
        high = last if down else min(last, first + stride - 1)
        for row in connection.execute(sql, {"first": low, "last": high, **given}).fetchall():
            entry = Entry(*row)
            if entry.type != NOTED:
                yield entry.seq, record_of(entry)
        yield (low if down else high), None
        first, last = (first, low - 1) if down else (high + 1, last)
