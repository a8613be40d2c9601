"""The adjacency index by hand."""

from __future__ import annotations

from pathlib import Path

from tests.commands.plant import called, document
from tracenode.models.events import Hold
from tracenode.models.receipts import Requester
from tracenode.server.store.adjacency.layout import index_path
from tracenode.server.trace import Trace


def test_the_index_is_made_and_shown(database: Path) -> None:
    assert document("index", "--db", database)["fault"] == "there is none"
    made = document("index", "--make", "--db", database)
    assert (made["fault"], made["behind"]) == ("", 0)
    assert made["position"] == document("status", "--db", database)["entries"]
    assert made["bytes"] == index_path(database).stat().st_size
    before = document("recall", "COIL-2026-17", "--db", database)
    index_path(database).unlink()
    assert document("recall", "COIL-2026-17", "--db", database) == before


def test_the_index_says_how_far_it_is_behind(database: Path) -> None:
    assert called("index", "--make", "--db", database).exit_code == 0
    with Trace.open(database) as trace:
        trace.record_now(Hold(item="P1", reason="late"), Requester("test"))
    assert document("index", "--db", database)["behind"] == 1
    said = called("index", "--db", database)
    assert (said.exit_code, "behind    1" in said.stdout) == (0, True)


def test_a_damaged_index_is_told(database: Path) -> None:
    index_path(database).write_bytes(b"x" * 5000)
    assert document("index", "--db", database)["fault"] == "the header is damaged"
    assert called("index", "--db", database.with_name("none.db")).exit_code == 4
