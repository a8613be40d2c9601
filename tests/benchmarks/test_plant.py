"""The synthetic plant, and files that are filled in bulk."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from benchmarks._fill import SITE, fill
from benchmarks._mix import beginning, unit_events
from benchmarks._plant import Plant
from tracenode.models.receipts import Requester
from tracenode.server.store.file import database
from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.file.rebuild import dump_hash
from tracenode.server.store.file.verify import verify
from tracenode.server.store.schema import PROJECTION_TABLES
from tracenode.server.store.writing.recording import Recorder, Request
from tracenode.server.trace import Trace

EDGES = 800
TIMELESS = {"touch", "unpublished", "type", "uom", "station", "position", "station_now"}
"""Tables without event times: what is booked now has other times than what is filled in."""


def test_the_same_seed_gives_the_same_plant() -> None:
    one, other = Plant(), Plant()
    assert list(one.events(EDGES)) == list(other.events(EDGES))
    assert one.edges == other.edges >= EDGES
    assert one.items == other.items


def test_every_event_of_the_plant_is_accepted_and_projects_the_same(tmp_path: Path) -> None:
    events = list(Plant().events(EDGES))
    fill(tmp_path / "filled.db", events)
    database.create(tmp_path / "booked.db", SITE)
    with closing(database.connect_writer(tmp_path / "booked.db")) as connection:
        connection.execute("BEGIN")
        recorder = Recorder(connection)
        for _, event in events:
            receipt = recorder.record(Request(event, Requester("test")), tell=False).receipt
            assert not receipt.refused, f"{event}: {receipt.text}"
        connection.execute("COMMIT")
    assert edges(tmp_path / "filled.db") == edges(tmp_path / "booked.db")
    assert tables(tmp_path / "filled.db") == tables(tmp_path / "booked.db")


def tables(path: Path) -> dict[str, str]:
    with closing(connect_reader(path)) as connection:
        return {
            table: dump_hash(connection, (table,))
            for table in PROJECTION_TABLES
            if table in TIMELESS
        }


def edges(path: Path) -> set[tuple[object, ...]]:
    with closing(connect_reader(path)) as connection:
        return {
            (*row, table)
            for table in ("edge", "edge_past")
            for row in connection.execute(f"SELECT dst, src, ev, ord, rel, qty, pos FROM {table}")
        }


def test_a_filled_file_is_a_whole_store(tmp_path: Path) -> None:
    path = tmp_path / "filled.db"
    plant = Plant()
    entries = fill(path, plant.events(EDGES))
    found = verify(path, deep=True)
    assert found.faults == ()
    assert found.entries == entries
    with closing(connect_reader(path)) as connection:
        ((drawn,),) = connection.execute(
            "SELECT (SELECT count(*) FROM edge) + (SELECT count(*) FROM edge_past)"
        )
    assert drawn == plant.edges


def test_the_mix_of_the_ingest_is_accepted(tmp_path: Path) -> None:
    with Trace.open(tmp_path / "mix.db", site=SITE, create=True) as trace:
        for event in (*beginning(), *unit_events(1), *unit_events(2)):
            receipt = trace.record_now(event, Requester("test"))
            assert not receipt.refused, f"{event}: {receipt.text}"
