"""Every statement that reads the past seeks by an index: no journal is read from end to end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.opcua.history.conftest import Past, at
from tracenode.server.opcua.history.pasts import Page
from tracenode.server.opcua.history.times import ALL_AFTER, ALL_BEFORE, micros
from tracenode.server.opcua.surface.pasts import (
    ITEM_FIELDS,
    STATION_FIELDS,
    ItemPast,
    NotifierPast,
    past_of_station,
)
from tracenode.server.store.reading.snapshot import snapshot
from tracenode.server.store.reading.spans import naming

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SCANNED = re.compile(r"SCAN (journal|visit\w*|life\w*|edge\w*|touch|j|x|e)\b(?! VIRTUAL)")


async def plans(past: Past, ask: Callable[[Any], object]) -> set[str]:
    """The steps of the plans of all statements that `ask` has made."""

    def explained(connection: Any) -> set[str]:
        made: list[str] = []
        connection.set_trace_callback(made.append)
        try:
            with snapshot(connection) as reading:
                ask(reading)
        finally:
            connection.set_trace_callback(None)
        statements = {one for one in made if one.lstrip().upper().startswith(("SELECT", "WITH"))}
        assert statements
        steps = set()
        for one in statements:
            for row in connection.execute(f"EXPLAIN QUERY PLAN {one}").fetchall():
                steps.add(str(row[3]))
        return steps

    return await past.plant.trace.store.readers.run(explained)


@pytest.mark.parametrize("down", [False, True])
async def test_no_statement_reads_a_table_from_end_to_end(past: Past, down: bool) -> None:
    ends = time.monotonic() + 60
    pages = [
        Page(ALL_BEFORE, ALL_AFTER, down, 10, ends),
        Page(micros(at(5)), micros(at(45)), down, 10, ends),
    ]
    pasts = [ItemPast(past.unit, field) for field in sorted(ITEM_FIELDS)]
    pasts_: list[Any] = [*pasts, *(past_of_station("OP10", field) for field in STATION_FIELDS)]

    def read(reading: Any) -> None:
        for one in pasts_:
            for page in pages:
                one.samples(reading, page)
            one.at(reading, micros(at(15)))
            one.former(reading, ALL_BEFORE, ALL_AFTER, 10)
        events = NotifierPast(lambda record: None, None, [naming("station", "OP10")])
        for page in pages:
            events.events(reading, page, lambda event: True)

    steps = await plans(past, read)
    assert not [step for step in steps if SCANNED.search(step) or "BLOOM" in step]
    assert any("visit_at" in step for step in steps)
