"""The plant of the genealogy benchmark, and the file that is filled with it in bulk."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="numpy, of the bench packages")

import numpy as np

from benchmarks._fill import SITE
from benchmarks._genealogy_fill import fill_plant
from benchmarks._genealogy_plant import Plant
from benchmarks._genealogy_works import built
from tracenode.models.events import event_fields
from tracenode.models.receipts import Requester
from tracenode.server.store.file import database
from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.writing.canonical import canonical_json
from tracenode.server.store.writing.journal import entries, event_of
from tracenode.server.store.writing.recording import Recorder, Request

EDGES = 6_000


@pytest.fixture(scope="module")
def plant() -> Plant:
    return built(EDGES)


@pytest.fixture
def filled(tmp_path: Path, plant: Plant) -> Path:
    path = tmp_path / "plant.db"
    fill_plant(path, plant)
    return path


def test_the_same_seed_gives_the_same_arrays(plant: Plant) -> None:
    other = built(EDGES)
    assert np.array_equal(plant.at, other.at)
    assert np.array_equal(plant.source, other.source)
    assert not np.array_equal(plant.source, built(EDGES, seed=8).source)


def test_nothing_is_used_before_it_is_there(plant: Plant) -> None:
    assert (np.diff(plant.at) > 0).all()
    made = np.repeat(plant.item, np.diff(plant.first))
    assert (plant.source < made).all()
    assert max(EDGES * 0.8, 1) < plant.edges < EDGES * 1.3


def test_what_is_filled_in_bulk_is_what_a_rebuild_gives(filled: Path, plant: Plant) -> None:
    assert verify(filled).faults == ()
    with closing(connect_reader(filled)) as connection:
        ((drawn, closed),) = connection.execute(
            "SELECT (SELECT count(*) FROM edge), (SELECT count(*) FROM edge_past)"
        )
    assert (drawn + closed, closed) == (plant.edges, 1)
    result = rebuild(filled)
    assert result.before == result.after


def test_every_entry_is_as_booking_would_write_it(filled: Path, tmp_path: Path) -> None:
    database.create(tmp_path / "booked.db", SITE)
    with (
        closing(connect_reader(filled)) as source,
        closing(database.connect_writer(tmp_path / "booked.db")) as target,
    ):
        target.execute("BEGIN")
        recorder = Recorder(target)
        for entry in entries(source):
            body = json.loads(entry.body)
            event = event_of(entry, body)
            assert canonical_json({**body, "f": event_fields(event)}) == entry.body
            receipt = recorder.record(Request(event, Requester("test")), tell=False).receipt
            assert not receipt.refused, f"{event}: {receipt.text}"
            assert receipt.item == body.get("a", {}).get("item", receipt.item)
        target.execute("COMMIT")
