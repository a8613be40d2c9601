"""ingredients, where-used, history, recall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tracenode.models.answers import (
    DEADLINE_S,
    MAX_NODES,
    GenealogyAnswer,
    HistoryAnswer,
    Ingredients,
    ItemHistory,
    KnownAt,
    RecallAnswer,
    RecallScope,
    Statement,
    WhereUsed,
)
from tracenode.server.commands.common import (
    Exit,
    database_option,
    echo_json,
    echo_statement,
    echo_table,
    json_option,
    printable,
)
from tracenode.server.commands.new_file import must_be_new
from tracenode.server.commands.recall_list import write_recall_list
from tracenode.server.trace import Trace

__all__ = [
    "MOST",
    "Time",
    "echo_counts",
    "end",
    "history",
    "ingredients",
    "known_options",
    "moment_options",
    "opened",
    "recall",
    "search_options",
    "where_used",
    "with_options",
]

RECORDS: Final = 1_000
"""Of a history that one call prints."""
SHOWN: Final = 20
"""End items of a recall that are named for people; --csv and --json have all of them."""
MOST: Final = 2**31 - 1
FIRST_TIME: Final = datetime(1, 1, 2, tzinfo=UTC)
LAST_TIME: Final = datetime(9999, 12, 30, tzinfo=UTC)
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
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if not FIRST_TIME <= time <= LAST_TIME:
            self.fail(f"expected a time of the years 1 to 9999, found {value!r}", param, ctx)
        return time


class Position(click.ParamType[KnownAt]):
    name = "position|time"

    def convert(self, value: Any, param: Any, ctx: Any) -> KnownAt:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        if value.isdecimal():
            return int(value)
        try:
            return Time().convert(value, param, ctx)
        except click.BadParameter as error:
            self.fail(f"{error.message}; or a journal position such as 412", param, ctx)


def with_options(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def known_options(command: F) -> F:
    """How a question that has times of its own is asked."""
    return with_options(
        command,
        click.option(
            "--as-known-at", type=Position(), help="What was known at a journal position or time."
        ),
        database_option,
        json_option,
    )


def moment_options(command: F) -> F:
    """How a question about an instant is asked."""
    return with_options(
        command,
        click.option(
            "--as-of", type=Time(), help="State at this time (UTC where no zone is given)."
        ),
        known_options,
    )


def search_options(command: F) -> F:
    """How a question that follows the edges is asked."""
    return with_options(
        command,
        moment_options,
        click.option(
            "--max-depth", type=click.IntRange(1, MOST), help="Levels to follow; else all of them."
        ),
        click.option(
            "--max-nodes",
            type=click.IntRange(1, MOST),
            default=MAX_NODES,
            show_default=True,
            help="Items to find; the answer says where it was cut.",
        ),
        click.option(
            "--deadline",
            "deadline_s",
            type=click.FloatRange(0.1, 86_400),
            default=DEADLINE_S,
            show_default=True,
            help="Seconds after which the answer is cut.",
        ),
    )


@contextmanager
def opened(database: Path) -> Iterator[Trace]:
    trace = Trace.open(database, read_only=True)
    try:
        yield trace
    finally:
        trace.close()


def end(context: click.Context, statement: Statement) -> None:
    if statement.truncated:
        context.exit(Exit.Truncated)


@click.command()
@click.argument("item")
@search_options
@click.option("--ever", is_flag=True, help="Also what was in it once and is no longer.")
@click.pass_context
def ingredients(
    context: click.Context, /, item: str, database: Path, as_json: bool, **options: Any
) -> None:
    """What went into ITEM, as built."""
    with opened(database) as trace:
        answer: GenealogyAnswer = trace.ask_now(Ingredients(item=item, **options))
    _show_genealogy(answer, as_json)
    end(context, answer.statement)


@click.command("where-used")
@click.argument("item")
@search_options
@click.option("--ever", is_flag=True, help="With --as-of: all that had begun by then.")
@click.pass_context
def where_used(
    context: click.Context, /, item: str, database: Path, as_json: bool, **options: Any
) -> None:
    """Where ITEM went, ever; with --as-of, where it was then."""
    with opened(database) as trace:
        answer: GenealogyAnswer = trace.ask_now(WhereUsed(item=item, **options))
    _show_genealogy(answer, as_json)
    end(context, answer.statement)


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
@moment_options
@click.option(
    "--offset", type=click.IntRange(0, MOST), default=0, show_default=True, help="Records to skip."
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=RECORDS,
    show_default=True,
    help="Records to print.",
)
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
    following = options["offset"] + len(answer.entries)
    if following < answer.total:
        click.echo(f"more: --offset {following}")
    echo_statement(answer.statement)


@click.command()
@click.argument("item")
@search_options
@click.option("--ever", is_flag=True, help="With --as-of: all that had begun by then.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    help="Write every end item into this new file.",
)
@click.pass_context
def recall(
    context: click.Context,
    /,
    item: str,
    database: Path,
    as_json: bool,
    csv_file: Path | None,
    **options: Any,
) -> None:
    """What must be recalled when ITEM is suspect: counts, then end items."""
    if csv_file is not None:
        must_be_new(csv_file)
    with opened(database) as trace:
        question = RecallScope(item=item, limit=options["max_nodes"], **options)
        answer: RecallAnswer = trace.ask_now(question)
    whole = not answer.statement.truncated
    if csv_file is not None and whole:
        write_recall_list(csv_file, answer)
    if as_json:
        echo_json(answer)
    else:
        _show_recall(answer)
        if csv_file is not None and whole:
            click.echo(f"written: {csv_file}")
    if csv_file is not None and not whole:
        click.echo(f"tracenode: {csv_file} was not written: the answer is cut", err=True)
    end(context, answer.statement)


def echo_counts(answer: RecallAnswer) -> None:
    """Print how much a recall is. The suspect is in none of its counts."""
    click.echo(f"{answer.affected} item(s) affected, {answer.end_items} end item(s)")
    click.echo(printable(f"the suspect itself is not counted: {answer.root}"))
    if not answer.end_items and not answer.statement.truncated:
        click.echo("no other unit or lot has anything of it")


def _show_recall(answer: RecallAnswer) -> None:
    echo_counts(answer)
    shown = answer.hits[:SHOWN]
    for header, rows in (
        (("material", "affected"), [(name, str(count)) for name, count in answer.by_material]),
        (("end items now", ""), [(mark.name, str(count)) for mark, count in answer.by_mark]),
        (
            ("item", "state", "now", "share", "because of"),
            [
                (
                    hit.item,
                    hit.state.name,
                    hit.mark.name,
                    "unknown" if hit.share is None else f"{hit.share:.6f}",
                    " > ".join(hit.reason) + (" (pooled)" if hit.pooled else ""),
                )
                for hit in shown
            ],
        ),
    ):
        if rows:
            click.echo()
            echo_table(header, rows)
    if answer.end_items > len(shown):
        click.echo(f"... {answer.end_items - len(shown)} more; --csv FILE or --json names all")
    if answer.balance is not None:
        known = answer.balance.balance
        left = "unknown (mass-balance says why)" if known is None else str(known)
        click.echo(f"\nleft of {answer.root}: {left}")
    click.echo()
    echo_statement(answer.statement)
