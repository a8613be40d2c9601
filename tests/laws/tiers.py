"""The same answers from the adjacency index as from the tables (ADR 009)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.genealogy.indexed import same_as_tables
from tests.laws.line import Line
from tracenode.models.answers import Ingredients, Question, RecallScope, WhereUsed, canonical
from tracenode.server.genealogy import answer
from tracenode.server.store.schema import APPLICATION_ID, SCHEMA_VERSION
from tracenode.server.trace import Trace

__all__ = ["same_from_both_tiers"]


def same_from_both_tiers(line: Line) -> None:
    """Ask a file of the line's store, with its index made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.db"
        connection = line.plant.connection
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("VACUUM INTO ?", (str(path),))
        with Trace.open(path) as trace:
            trace.index_now()
            assert same_as_tables(trace)
            for item in line.world().states:
                questions: tuple[Question, ...] = (
                    Ingredients(item=item),
                    Ingredients(item=item, ever=True),
                    WhereUsed(item=item),
                    RecallScope(item=item),
                )
                for question in questions:
                    expected = canonical(answer(connection, question))
                    assert canonical(trace.ask_now(question)) == expected, question
