"""The journal: its hash chain, record ids, times, and what is read back from it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.store.line import LINE, masters, open_line, register, unit
from tracenode.models.events import Observe, Register
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.store.writing.chain import first_fault
from tracenode.server.store.writing.journal import (
    Entry,
    entries,
    entry_at,
    from_microseconds,
    microseconds,
    position_of,
    published,
    receipt_of,
    record_id,
    record_of,
)
from tracenode.server.trace import Trace

START_US = 1_770_000_000_000_000


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Trace]:
    with open_line(tmp_path / "line.db") as trace:
        masters(trace)
        yield trace


def entry_of(trace: Trace, receipt: Receipt) -> Entry | None:
    return trace.store.readers.run_now(lambda c: entry_at(c, receipt.position))


def steps(*microseconds_: int) -> Callable[[], int]:
    """A clock that shows these times, then the last one for ever."""
    left = list(microseconds_)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_record_time_rises_while_the_clock_steps_back(tmp_path: Path) -> None:
    clock = steps(START_US, START_US - 3_600_000_000, START_US - 1, START_US, START_US + 50)
    with open_line(tmp_path / "line.db", clock=clock) as trace:
        masters(trace)
        times = trace.store.readers.run_now(lambda c: [entry.rec for entry in entries(c)])
    assert times == [START_US, START_US + 1, START_US + 2, START_US + 3, START_US + 50]


def test_an_event_without_a_time_happened_when_it_was_recorded(trace: Trace) -> None:
    receipt = trace.record_now(register("P1"), LINE)
    entry = entry_of(trace, receipt)
    assert entry is not None
    assert entry.at == entry.rec
    assert record_of(entry).event.event_time == from_microseconds(entry.rec)


def test_an_event_time_ahead_of_the_clock_is_kept_and_flagged(trace: Trace) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    late = datetime.now(UTC) - timedelta(hours=1)
    flags = []
    for serial, at in (("P1", ahead), ("P2", late)):
        event = Register(item=serial, material="PUMP", event_time=at)
        receipt = trace.record_now(event, LINE)
        entry = entry_of(trace, receipt)
        assert entry is not None and entry.at == microseconds(at)
        json = record_of(entry).json
        assert json is not None
        flags.append(json.get("fl"))
    assert flags == [["ahead"], None]


def test_record_ids_are_uuids_in_journal_order_that_lead_back_to_their_entry(trace: Trace) -> None:
    for number in range(5):
        unit(trace, number)

    def ids(connection: sqlite3.Connection) -> list[tuple[int, str]]:
        return [(e.seq, record_id(e.rec, e.hash)) for e in entries(connection)]

    found = trace.store.readers.run_now(ids)
    assert [uuid.UUID(public).version for _, public in found] == [7] * len(found)
    assert [public for _, public in found] == sorted({public for _, public in found})
    back = trace.store.readers.run_now(lambda c: [position_of(c, public) for _, public in found])
    assert back == [seq for seq, _ in found]


@pytest.mark.parametrize("other", ["", "no id", str(uuid.uuid4()), record_id(START_US, b"x" * 32)])
def test_an_id_of_no_record_has_no_position(trace: Trace, other: str) -> None:
    assert trace.store.readers.run_now(lambda c: position_of(c, other)) is None


def test_an_id_with_the_time_of_a_record_but_other_bits_has_no_position(trace: Trace) -> None:
    head = trace.head
    forged = record_id(head.rec, bytes(32))
    assert trace.store.readers.run_now(lambda c: position_of(c, forged)) is None


def test_what_subscribers_hear_is_what_the_journal_says_later(trace: Trace) -> None:
    heard: list[Record] = []
    trace.subscribe(heard.extend)
    unit(trace, 1)
    observed = Observe(
        item="P00001", event_time=datetime(2026, 1, 5, 8, 0, tzinfo=UTC), source_seq=7
    )
    trace.record_now(observed, Requester("gate", user="lee"), "r-1")
    read = trace.store.readers.run_now(lambda c: [record_of(e) for e in entries(c)])[-len(heard) :]
    assert heard == read
    assert [record.refusal for record in heard if record.refusal] == [TraceStatus.InvalidIdentifier]
    last = heard[-1]
    assert (last.requester, last.user, last.request_id) == ("gate", "lee", "r-1")
    assert last.event.source_seq == 7
    assert last.material == "PUMP"


def test_published_records_have_gap_free_numbers_and_page(trace: Trace) -> None:
    for number in range(3):
        unit(trace, number)
    first = trace.store.readers.run_now(lambda c: published(c, 1, 8))
    rest = trace.store.readers.run_now(lambda c: published(c, 9, 1000))
    numbers = [record.sequence for record in first + rest]
    assert numbers == list(range(1, trace.head.sequence + 1))
    assert trace.head.seq == trace.head.sequence + 3, "three refusals are outside the sequence"


def test_a_receipt_read_back_is_the_one_that_was_given(trace: Trace) -> None:
    given = [trace.record_now(register("P1"), LINE), trace.record_now(register("P1"), LINE)]
    assert [receipt.refused for receipt in given] == [False, True]
    for receipt in given:
        entry = entry_of(trace, receipt)
        assert entry is not None and receipt_of(entry) == receipt


def test_the_chain_covers_every_column(trace: Trace, tmp_path: Path) -> None:
    trace.record_now(Register(item="P1", material="PUMP", source_seq=4), LINE)
    trace.close()
    for column, value in (
        ("rec", "rec + 1"),
        ("at", "at + 1"),
        ("source", "2"),
        ("sseq", "NULL"),
        ("type", "'receive'"),
        ("body", "replace(body, 'P1', 'P2')"),
        ("hash", "zeroblob(32)"),
    ):
        path = tmp_path / f"{column}.db"
        path.write_bytes((tmp_path / "line.db").read_bytes())
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("DROP TRIGGER journal_no_update")
        connection.execute("INSERT INTO source(id, name) VALUES (2, 'another')")
        connection.execute(f"UPDATE journal SET {column} = {value} WHERE seq = 6")
        fault = first_fault(connection, trace.store.identity.genesis)
        connection.close()
        assert fault is not None, column
        assert fault.position == 6, column


def test_the_journal_refuses_updates_and_deletes(trace: Trace, tmp_path: Path) -> None:
    trace.close()
    connection = sqlite3.connect(tmp_path / "line.db")
    for change in ("UPDATE journal SET at = 0 WHERE seq = 1", "DELETE FROM journal WHERE seq = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(change)
    connection.close()
