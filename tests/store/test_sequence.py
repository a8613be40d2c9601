"""The EventSequence: numbers without a gap, found again behind any number of refusals."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.store.line import LINE, masters, open_line, register
from tracenode.models.receipts import Record
from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.file.inspection import inspect
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.reading.sequences import mark_of
from tracenode.server.store.writing.journal import head_of, position_of_sequence, published


def test_a_sequence_is_found_before_between_and_behind_refusals(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    told: dict[int, str] = {}
    with open_line(path) as trace:
        masters(trace)
        first = trace.head.sequence
        for number in ("A", "A", "B", "A", "A", "A", "C", "D", "D"):
            receipt = trace.record_now(register(number), LINE)
            assert receipt.refused == (number in told.values())
            if not receipt.refused:
                told[receipt.sequence] = number
        positions = {r.sequence: r.position for r in trace.store.readers.run_now(_all)}
    assert list(told) == list(range(first + 1, first + 5))
    with closing(connect_reader(path)) as connection:
        head = head_of(connection)
        assert head.sequence == first + 4
        assert list(positions) == list(range(1, head.sequence + 1))
        for sequence, position in positions.items():
            assert position_of_sequence(connection, sequence) == position
            mark = mark_of(connection, sequence)
            assert mark is not None
        assert position_of_sequence(connection, head.sequence + 1) > head.seq
        assert mark_of(connection, head.sequence + 1) is mark_of(connection, 0) is None
        for beyond in (2**63 - 1, 2**63, 2**64 - 1):
            assert mark_of(connection, beyond) is None
            assert published(connection, beyond, 1) == []
        assert [r.sequence for r in published(connection, first + 2, 2)] == [first + 2, first + 3]
        assert inspect(connection, 1, head.sequence, 1000).first_bad == 0
    assert verify(path, deep=True).whole


def _all(connection: sqlite3.Connection) -> list[Record]:
    return published(connection, 1, 1000)


async def test_callers_that_ask_again_at_once_share_commits(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    commits: list[int] = []
    with open_line(path) as trace:
        masters(trace)
        trace.subscribe(lambda records: commits.append(len(records)))

        async def caller(name: str) -> None:
            for number in range(20):
                assert not (await trace.record(register(f"{name}{number}"), LINE)).refused

        await asyncio.gather(*(caller(name) for name in "ABCDEFGH"))
    assert sum(commits) == 160
    assert len(commits) <= 40, commits
    result = rebuild(path)
    assert result.before == result.after
