"""A database of which a recall takes seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from tracenode.models.events import Master, Register
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

__all__ = ["LONG", "chain_at"]

LONG: Final = 60_000


def chain_at(path: Path, length: int = LONG, *, site: str = "S") -> Path:
    """Make a database with the pumps P and Q and a chain of items that begins at P."""
    with Trace.open(path, site=site, create=True) as trace:
        for event in (
            Master(kind="material", key="PUMP", data={"kind": "unit"}),
            Register(item="P", material="PUMP"),
            Register(item="Q", material="PUMP"),
        ):
            assert not trace.record_now(event, Requester("test")).refused
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"""
            INSERT INTO item(type, text, gen, at, ev, last) WITH RECURSIVE t(n) AS
              (VALUES(1) UNION ALL SELECT n+1 FROM t WHERE n<{length})
              SELECT i.type, 'X' || n, 0, 0, 2, 0 FROM t CROSS JOIN item i WHERE i.text='P';
            INSERT INTO edge(dst, src, ev, ord, at, kf, rel)
              SELECT i.id,
                coalesce((SELECT max(id) FROM item p WHERE p.id<i.id AND p.text<>'Q'), 0),
                2, 0, 0, 2, 1 FROM item i WHERE i.text LIKE 'X%';""")
    return path
