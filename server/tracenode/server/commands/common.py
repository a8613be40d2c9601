"""What all commands share: exit codes, the database, printing for people and programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from tracenode.models.answers import Statement, plain
from tracenode.models.errors import ConfigError, StoreError, TraceError

__all__ = [
    "Exit",
    "Tracenode",
    "database_option",
    "echo_json",
    "echo_statement",
    "echo_table",
    "json_option",
]

F = TypeVar("F", bound=Callable[..., Any])


class Exit(IntEnum):
    """Exit codes of every command; docs/command-line.md lists them."""

    Ok = 0
    Refused = 1
    """The answer is no: unknown item, a refused booking, a fault found by `verify`."""
    Usage = 2
    Config = 3
    Store = 4
    Interrupted = 130


class Tracenode(click.Group):
    """The group: errors of tracenode become one sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _fail(ctx, error, Exit.Config)
        except StoreError as error:
            _fail(ctx, error, Exit.Store)
        except TraceError as error:
            _fail(ctx, error, Exit.Refused)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read us has gone; nothing can be said any more
            ctx.exit(Exit.Refused)


def _fail(ctx: click.Context, error: Exception, code: Exit) -> None:
    click.echo(f"tracenode: {error}", err=True)
    ctx.exit(code)


def database_option(command: F) -> F:
    return click.option(
        "--db",
        "database",
        type=click.Path(path_type=Path),
        default="tracenode.db",
        envvar="TRACENODE_DB",
        show_default=True,
        help="The database file; queries work while a server runs on it.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def echo_json(value: Any) -> None:
    """Print a value of models.answers, or plain data, as one JSON document."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def echo_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as their cells; nothing but the header where there are no rows."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def echo_statement(statement: Statement) -> None:
    """Print how far an answer can be trusted."""
    if statement.complete:
        click.echo("complete: yes")
    else:
        click.echo("complete: NO")
    if statement.truncated:
        click.echo("  truncated: the answer was cut; raise --max-nodes or --max-depth")
    if statement.frontier:
        some = ", ".join(statement.frontier[:5])
        more = f" and {len(statement.frontier) - 5} more" if len(statement.frontier) > 5 else ""
        click.echo(f"  the trace ends without a receipt or an exit at: {some}{more}")
    if statement.pooled_edges:
        click.echo(f"  pooled edges crossed: {statement.pooled_edges}")
    if statement.placeholders:
        click.echo(f"  placeholders met: {statement.placeholders}")
    as_of = statement.as_of.isoformat() if statement.as_of else "latest"
    click.echo(f"as of: {as_of}; known at: {statement.as_known_at}")
