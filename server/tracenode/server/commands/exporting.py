"""export-epcis."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TextIO

import click

from tracenode.server.commands.asking import MOST, opened
from tracenode.server.commands.common import database_option, echo_json, json_option
from tracenode.server.commands.new_file import new_file
from tracenode.server.epcis import EpcisPage, export_epcis
from tracenode.server.epcis.export import frame
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.trace import Trace

__all__ = ["epcis"]

PAGE = 500
"""Records that are read at once."""


@click.command("export-epcis")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--item", default="", help="The records that touch this item; else all.")
@click.option(
    "--from-sequence",
    type=click.IntRange(1, MOST),
    default=1,
    show_default=True,
    help="The first EventSequence.",
)
@database_option
@json_option
def epcis(file: Path, item: str, from_sequence: int, database: Path, as_json: bool) -> None:
    """Write records into the new FILE as one EPCIS 2.0 document (JSON-LD)."""
    with opened(database) as trace, new_file(file) as written:
        count = _write(trace, item, from_sequence, written)
    if as_json:
        echo_json({"file": str(file), "events": count})
        return
    click.echo(f"{count} event(s)")
    click.echo(f"written: {file}")


def _page(site: str, item: str, first: int, connection: Connection) -> EpcisPage:
    return export_epcis(connection, site, item, first, PAGE)


def _write(trace: Trace, item: str, following: int, written: TextIO) -> int:
    """Write page after page; return how many events they have."""
    site, count, end = trace.store.identity.site, 0, ""
    while following:
        page = trace.store.readers.run_now(partial(_page, site, item, following))
        if not end:
            begun, end = frame(page.created)
            written.write(begun)
        for event in page.events:
            written.write(f"{',' if count else ''}{event}")
            count += 1
        following = page.following
    written.write(f"{end}\n")
    return count
