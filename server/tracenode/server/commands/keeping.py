"""init, status, verify, rebuild, backup, restore, import-master, export-nodeset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tracenode.models.config import SiteConfig, parse_config
from tracenode.models.errors import StoreError
from tracenode.models.receipts import Requester
from tracenode.models.status import TraceStatus
from tracenode.server.commands.common import (
    Exit,
    database_option,
    echo_json,
    json_option,
    printable,
)
from tracenode.server.commands.sample import SAMPLE
from tracenode.server.commands.telling import echo_devices
from tracenode.server.device_board import read_board
from tracenode.server.master_import import Booking, read_master
from tracenode.server.store.file.copies import backup as copy_out
from tracenode.server.store.file.copies import restore as copy_in
from tracenode.server.store.file.lock import FileLock
from tracenode.server.store.file.rebuild import rebuild as rebuild_tables
from tracenode.server.store.file.summary import summary
from tracenode.server.store.file.verify import Anchor
from tracenode.server.store.file.verify import verify as verify_file
from tracenode.server.store.reading.master import in_force
from tracenode.server.trace import Trace

__all__ = [
    "backup",
    "export_nodeset",
    "import_master",
    "init",
    "rebuild",
    "restore",
    "status",
    "verify",
]

PROGRESS_EVERY = 100_000
HASH_BYTES = 32
SHOWN = 20
"""Refused rows of an import that are told to people; --json has all of them."""
file_argument = click.Path(path_type=Path)


@click.command()
@click.argument("folder", type=file_argument, default=".")
@click.option(
    "--site",
    default="plant1",
    show_default=True,
    callback=lambda _context, _option, site: _site(site),
    help="Id of the site; it can't be changed later.",
)
@json_option
def init(folder: Path, site: str, as_json: bool) -> None:
    """Write a commented configuration and an empty database into FOLDER."""
    config, database = folder / "tracenode.toml", folder / "tracenode.db"
    for path in (config, database):
        if path.exists():
            raise StoreError(f"{path} is there already; init never overwrites")
    text = SAMPLE.replace('"plant1"', f'"{site}"', 1)
    parse_config(text, str(config))
    folder.mkdir(parents=True, exist_ok=True)
    with config.open("x", encoding="utf-8") as file:
        file.write(text)
    Trace.open(database, site=site, create=True).close()
    if as_json:
        echo_json({"config": str(config), "database": str(database), "site": site})
        return
    click.echo(f"written: {config}, {database}")
    click.echo(f"next: edit {config}, then `tracenode check {config}` and `tracenode run {config}`")


def _site(site: str) -> str:
    try:
        return SiteConfig(id=site).id
    except ValidationError:
        raise click.UsageError(
            f"--site: expected 1 to 40 letters, digits, - and _, found {site!r}"
        ) from None


@click.command()
@database_option
@json_option
def status(database: Path, as_json: bool) -> None:
    """Where the journal stands, how much is in it, whether a server has it open, and how its
    devices are."""
    with Trace.open(database, read_only=True) as trace:
        found = trace.store.readers.run_now(summary)
        found = {"database": str(trace.store.path), "site": trace.store.identity.site, **found}
    found["writer_pid"] = writer = FileLock.holder(database)
    told = None if writer is None else read_board(database)
    if as_json:
        echo_json({**found, "devices": told})
        return
    shown: dict[str, Any] = {
        **found,
        "last_recorded": found["last_recorded"] or "never",
        "writer_pid": "none: no server has it open" if writer is None else writer,
    }
    width = max(map(len, shown))
    for name, value in shown.items():
        click.echo(printable(f"{name.replace('_', ' ').ljust(width)}  {value}"))
    if told is not None:
        echo_devices(told)


@click.command()
@database_option
@json_option
@click.option("--deep", is_flag=True, help="Also rebuild the tables beside it and compare.")
@click.option(
    "--anchor",
    help="POSITION:HASH of a head that was published before; shows a journal that was made anew.",
)
@click.pass_context
def verify(
    context: click.Context, database: Path, as_json: bool, deep: bool, anchor: str | None
) -> None:
    """Check every page and every hash; name the first altered, missing or reordered entry.

    Works beside a running server.
    """
    found = verify_file(
        database, deep=deep, anchor=_anchor(anchor), progress=_progress("verified", as_json)
    )
    if as_json:
        echo_json(
            {
                "database": str(found.path),
                "entries": found.entries,
                "head": f"{found.entries}:{found.head.hex()}",
                "whole": found.whole,
                "faults": list(found.faults),
            }
        )
    elif found.whole:
        click.echo(f"whole: {found.entries} entries; head {found.entries}:{found.head.hex()}")
    else:
        for fault in found.faults:
            click.echo(f"FAULT: {fault}")
    if not found.whole:
        context.exit(Exit.Refused)


def _anchor(text: str | None) -> Anchor | None:
    if text is None:
        return None
    position, _, digest = text.partition(":")
    try:
        anchor = Anchor(int(position), bytes.fromhex(digest))
    except ValueError:
        anchor = None
    if anchor is None or not 0 <= anchor.position < 1 << 62 or len(anchor.hash) != HASH_BYTES:
        raise click.UsageError(
            f"--anchor: expected POSITION:HASH as `status` prints it under head, found {text!r}"
        )
    return anchor


@click.command()
@database_option
@json_option
def rebuild(database: Path, as_json: bool) -> None:
    """Make all tables anew from the journal; the server must be stopped."""
    made = rebuild_tables(database, _progress("replayed", as_json))
    same = made.before == made.after
    if as_json:
        echo_json(
            {"entries": made.entries, "before": made.before, "after": made.after, "same": same}
        )
        return
    click.echo(f"{made.entries} entries replayed; canonical dump hash {made.after}")
    click.echo("the tables were right" if same else "the tables were mended")


@click.command()
@click.argument("to", type=file_argument)
@database_option
@json_option
def backup(to: Path, database: Path, as_json: bool) -> None:
    """Copy the database into the new file TO, also beside a running server, and verify the copy."""
    found = copy_out(database, to, _progress("verified", as_json))
    if as_json:
        echo_json({"backup": str(to), "entries": found.entries, "head": found.head.hex()})
        return
    click.echo(f"{to}: {found.entries} entries, whole; head {found.entries}:{found.head.hex()}")


@click.command()
@click.argument("copy", type=file_argument)
@database_option
@json_option
@click.option("--force", is_flag=True, help="Also give up entries that the backup lacks.")
def restore(copy: Path, database: Path, as_json: bool, force: bool) -> None:
    """Put the backup COPY in the place of the database; what stood there is kept.

    The server must be stopped.
    """
    made = copy_in(copy, database, force=force, progress=_progress("verified", as_json))
    kept = str(made.replaced) if made.replaced else None
    if as_json:
        echo_json({"entries": made.verification.entries, "replaced": kept})
        return
    click.echo(f"{database}: {made.verification.entries} entries restored")
    if kept:
        click.echo(f"what stood there is now {kept}")


@click.command("import-master")
@click.argument("file", type=file_argument)
@database_option
@json_option
@click.pass_context
def import_master(context: click.Context, file: Path, database: Path, as_json: bool) -> None:
    """Import materials, routes, bills of material, orders, stations or received lots from CSV FILE.

    The header tells what it is. With one wrong row nothing is booked; a row that is in force
    already is left alone, so the same file can be imported again. The server must be stopped.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"FILE: expected a CSV file in UTF-8: {error}") from error
    bookings = read_master(text, str(file))
    with Trace.open(database, progress=_progress("replayed", as_json)) as trace:
        booked, known, refused = _book(trace, bookings)
    if as_json:
        echo_json({"booked": booked, "known": known, "refused": refused})
    else:
        click.echo(f"{booked} booked, {known} known already, {len(refused)} refused")
        for reason in refused[:SHOWN]:
            click.echo(printable(f"  {reason}"))
        if len(refused) > SHOWN:
            click.echo(f"  ... {len(refused) - SHOWN} more; --json names all")
    if refused:
        context.exit(Exit.Refused)


def _book(trace: Trace, bookings: list[Booking]) -> tuple[int, int, list[str]]:
    """Record each; what is in force already is left alone."""
    import asyncio

    requester = Requester("import")
    new = trace.store.readers.run_now(
        lambda connection: [b for b in bookings if not in_force(connection, b.event)]
    )

    async def record_all() -> list[tuple[bool, TraceStatus, str]]:
        receipts = await asyncio.gather(
            *(trace.record(booking.event, requester, booking.request_id) for booking in new)
        )
        return [(r.refused, r.status, r.text) for r in receipts]

    results = asyncio.run(record_all())
    refused = [
        f"line {booking.line}: {text}"
        for booking, (was_refused, _, text) in zip(new, results, strict=True)
        if was_refused
    ]
    replayed = sum(status is TraceStatus.OkReplayed for _, status, _ in results)
    booked = len(results) - len(refused) - replayed
    return booked, len(bookings) - len(results) + replayed, refused


@click.command("export-nodeset")
@click.argument("to", type=file_argument)
@click.option(
    "--instances",
    "config",
    type=file_argument,
    help="The nodes that a server of this configuration has, in place of the types.",
)
@json_option
def export_nodeset(to: Path, config: Path | None, as_json: bool) -> None:
    """Write the type nodeset (NodeSet2 XML) into the new file TO, for engineering tools."""
    from tracenode.server.nodeset_data import nodeset_path

    if to.exists():
        raise StoreError(f"{to} is there already; an export never overwrites")
    nodeset = nodeset_path().read_bytes() if config is None else _instances(config)
    with to.open("xb") as file:
        file.write(nodeset)
    if as_json:
        echo_json({"nodeset": str(to)})
        return
    click.echo(f"written: {to}")


def _instances(config: Path) -> bytes:
    from tracenode.server.configuration import load
    from tracenode.server.opcua.surface.describing import describe

    line = load(config)
    points = {driver.device: driver.points for driver in line.drivers}
    database = line.database if line.database.exists() else None
    return asyncio.run(describe(line.config, points, database, datetime.now(UTC), line.plan))


def _progress(what: str, as_json: bool) -> Callable[[int], None] | None:
    """Return what shows progress of long work on a terminal."""
    if as_json:
        return None

    def show(position: int) -> None:
        if position % PROGRESS_EVERY == 0:
            click.echo(f"{what} {position} entries", err=True)

    return show
