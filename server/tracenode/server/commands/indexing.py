"""index."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from tracenode.server.commands.common import database_option, echo_json, json_option, printable
from tracenode.server.store.adjacency.layout import UnusableIndex, index_path, open_index
from tracenode.server.store.adjacency.making import make_index
from tracenode.server.store.file import database as files
from tracenode.server.store.writing.journal import head_of

__all__ = ["index"]


@click.command()
@database_option
@json_option
@click.option("--make", is_flag=True, help="Make it anew first.")
def index(database: Path, as_json: bool, make: bool) -> None:
    """Show whether the adjacency index beside the database is whole, and how far behind.

    A running server makes it by itself. It may always be deleted: answers are the same without it.
    """
    database = database.resolve()
    files.check_header(database)
    if make:
        make_index(database)
    found = _found(database)
    if as_json:
        echo_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        if value is not None:
            click.echo(printable(f"{name.ljust(width)}  {value or 'none'}"))


def _found(database: Path) -> dict[str, Any]:
    """What is there. `position` is the journal position that the index is of, `behind` how many
    entries came since; `fault` is why it is not used, empty where it is."""
    path = index_path(database)
    with (
        files.damage_named(database),
        contextlib.closing(files.connect_reader(database)) as connection,
    ):
        identity = files.identify(connection, database, None)
        found: dict[str, Any] = {
            "index": str(path),
            "bytes": path.stat().st_size if path.exists() else None,
            "items": None,
            "edges": None,
            "position": None,
            "behind": None,
            "fault": "",
        }
        try:
            base = open_index(connection, database, identity)
        except UnusableIndex as error:
            return {**found, "fault": str(error)}
        return {
            **found,
            "items": base.items - 1,
            "edges": base.edges,
            "position": base.watermark,
            "behind": head_of(connection).seq - base.watermark,
        }
