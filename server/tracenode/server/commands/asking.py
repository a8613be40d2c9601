"""ingredients, where-used, history, recall."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from tracenode.models.answers import (
    MAX_NODES,
    GenealogyAnswer,
    HistoryAnswer,
    Ingredients,
    ItemHistory,
    KnownAt,
    RecallAnswer,
    RecallScope,
    WhereUsed,
)
from tracenode.server.commands.common import (
    database_option,
    echo_json,
    echo_statement,
    echo_table,
    json_option,
)
from tracenode.server.trace import Trace

__all__ = ["history", "ingredients", "recall", "where_used"]

PAGE = 1_000
F = TypeVar("F", bound=Callable[..., Any])


class Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"expected a time such as 2026-11-22T14:30:00Z, found {value!r}", param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


class Position(click.ParamType[KnownAt]):
    name = "position|time"

    def convert(self, value: Any, param: Any, ctx: Any) -> KnownAt:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        return int(value) if value.isdecimal() else Time().convert(value, param, ctx)


def question_options(command: F) -> F:
    for option in (
        click.option(
            "--as-of", type=Time(), help="State at this time (UTC where no zone is given)."
        ),
        click.option(
            "--as-known-at", type=Position(), help="What was known at a journal position or time."
        ),
        click.option("--max-depth", type=click.IntRange(1), help="Levels to follow."),
        click.option("--max-nodes", type=click.IntRange(1), default=MAX_NODES, show_default=True),
    ):
        command = option(command)
    return json_option(database_option(command))


@contextmanager
def opened(database: Path) -> Iterator[Trace]:
    trace = Trace.open(database, read_only=True)
    try:
        yield trace
    finally:
        trace.close()


@click.command()
@click.argument("item")
@question_options
@click.option("--ever", is_flag=True, help="Also what was in it once and is no longer.")
def ingredients(item: str, database: Path, as_json: bool, **options: Any) -> None:
    """What went into ITEM, as built."""
    with opened(database) as trace:
        answer = trace.ask_now(Ingredients(item=item, **options))
    _show_genealogy(answer, as_json)


@click.command("where-used")
@click.argument("item")
@question_options
def where_used(item: str, database: Path, as_json: bool, **options: Any) -> None:
    """Where ITEM went, ever."""
    with opened(database) as trace:
        answer = trace.ask_now(WhereUsed(item=item, **options))
    _show_genealogy(answer, as_json)


def _show_genealogy(answer: GenealogyAnswer, as_json: bool) -> None:
    if as_json:
        echo_json(answer)
        return
    rows = []
    for node in answer.nodes:
        held = " (on hold)" if node.on_hold else ""
        mark = node.mark.name if node.mark is not None else ""
        rows.append(
            (
                str(node.depth),
                node.item,
                node.kind.name,
                node.state.name + held,
                mark,
                node.first_seen.isoformat(timespec="seconds"),
            )
        )
    echo_table(("depth", "item", "kind", "state", "now", "first seen"), rows)
    click.echo(f"{len(answer.nodes) - 1} item(s), {len(answer.edges)} edge(s)")
    echo_statement(answer.statement)


@click.command()
@click.argument("item")
@question_options
@click.option("--offset", type=click.IntRange(0), default=0)
@click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True)
def history(item: str, database: Path, as_json: bool, **options: Any) -> None:
    """Every record of ITEM, oldest first, voided ones marked."""
    with opened(database) as trace:
        answer: HistoryAnswer = trace.ask_now(ItemHistory(item=item, **options))
    if as_json:
        echo_json(answer)
        return
    rows = [
        (
            entry.at.isoformat(timespec="milliseconds"),
            entry.station,
            entry.text + (f" [voided by {entry.voided_by}]" if entry.voided_by else ""),
            entry.record,
        )
        for entry in answer.entries
    ]
    echo_table(("time", "station", "what", "record"), rows)
    click.echo(f"{len(answer.entries)} of {answer.total} record(s)")
    echo_statement(answer.statement)


@click.command()
@click.argument("item")
@question_options
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write every hit here.")
def recall(item: str, database: Path, as_json: bool, csv_file: Path | None, **options: Any) -> None:
    """What must be recalled when ITEM is suspect: counts, then end items."""
    with opened(database) as trace:
        first: RecallAnswer = trace.ask_now(RecallScope(item=item, limit=PAGE, **options))
        if csv_file is not None:
            options["as_known_at"] = first.statement.as_known_at
            _write_csv(csv_file, _pages(trace, first, item, options))
    if as_json:
        echo_json(first)
        return
    click.echo(f"{first.affected} item(s) affected, {first.end_items} end item(s)")
    echo_table(("material", "affected"), [(name, str(count)) for name, count in first.by_material])
    echo_table(("end items now", ""), [(mark.name, str(count)) for mark, count in first.by_mark])
    shown = first.hits[:20]
    echo_table(
        ("item", "state", "now", "because of"),
        [(hit.item, hit.state.name, hit.mark.name, " > ".join(hit.reason)) for hit in shown],
    )
    if first.end_items > len(shown):
        click.echo(f"... {first.end_items - len(shown)} more; --csv FILE or --json for all")
    echo_statement(first.statement)
    if csv_file is not None:
        click.echo(f"written: {csv_file}")


def _pages(
    trace: Trace, first: RecallAnswer, item: str, options: dict[str, Any]
) -> Iterator[RecallAnswer]:
    page = first
    while True:
        yield page
        offset = page.offset + len(page.hits)
        if not page.hits or offset >= first.end_items:
            return
        page = trace.ask_now(RecallScope(item=item, offset=offset, limit=PAGE, **options))


def _write_csv(path: Path, pages: Iterator[RecallAnswer]) -> None:
    try:
        file = path.open("x", newline="", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(
            f"--csv: expected a new file in a folder that exists: {error}"
        ) from error
    with file:
        writer = csv.writer(file)
        writer.writerow(("item", "material", "state", "now", "depth", "pooled", "because_of"))
        for page in pages:
            for hit in page.hits:
                writer.writerow(
                    (
                        hit.item,
                        hit.material,
                        hit.state.name,
                        hit.mark.name,
                        hit.depth,
                        "pooled" if hit.pooled else "exact",
                        " > ".join(hit.reason),
                    )
                )
