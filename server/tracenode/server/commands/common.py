"""What all commands share: exit codes, errors, the database, printing for people and programs."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from tracenode.models.answers import Statement, plain
from tracenode.models.errors import ConfigError, StoreError, TraceError

__all__ = [
    "Exit",
    "Tracenode",
    "config_option",
    "database_option",
    "echo_json",
    "echo_statement",
    "echo_table",
    "json_option",
    "printable",
]

F = TypeVar("F", bound=Callable[..., Any])

JSON_WANTED = "tracenode.json"
"""Key of the click context: this command was asked for JSON."""
NAMED = 5
"""Items of a frontier that are named for people; JSON has all of them."""


class Exit(IntEnum):
    """Exit codes of every command; docs/command-line.md lists them."""

    Ok = 0
    Refused = 1
    """The answer is no: unknown item, a refused booking, a fault found by `verify`."""
    Usage = 2
    Config = 3
    """The configuration or a CSV file is wrong."""
    Store = 4
    """The database, another file or a network address can't be used."""
    Truncated = 5
    """The answer is good but cut: more is there than the limits of the question let through."""
    Interrupted = 130
    Unread = 141
    """Whoever read the output closed it, as `| head` does."""


class Tracenode(click.Group):
    """The group: errors of tracenode become one sentence and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # What the terminal or the pipe can't show is spelled out rather than fatal.
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            problems = [
                {"path": p.path, "found": p.found, "expected": p.expected} for p in error.problems
            ]
            _fail(ctx, error, Exit.Config, problems=problems)
        except StoreError as error:
            _fail(ctx, error, Exit.Store)
        except TraceError as error:
            _fail(ctx, error, Exit.Refused, status=int(error.status))
        except BrokenPipeError:
            # What is still buffered has nowhere to go, and must not be complained about at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Exit.Unread)
        except OSError as error:
            _fail(ctx, error, Exit.Store)
        except KeyboardInterrupt:
            ctx.exit(Exit.Interrupted)


def _fail(ctx: click.Context, error: Exception, code: Exit, **more: Any) -> NoReturn:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if ctx.meta.get(JSON_WANTED):
        fault = {"kind": type(error).__name__, "message": text, **more}
        click.echo(_json({"error": fault}), err=True)
    else:
        click.echo(
            "\n".join(printable(line) for line in f"tracenode: {text}".split("\n")), err=True
        )
    ctx.exit(code)


def database_option(command: F) -> F:
    return click.option(
        "--db",
        "database",
        type=click.Path(path_type=Path),
        default="tracenode.db",
        envvar="TRACENODE_DB",
        show_default=True,
        show_envvar=True,
        help="The database file; queries work while a server runs on it.",
    )(command)


def config_option(command: F) -> F:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default="tracenode.toml",
        envvar="TRACENODE_CONFIG",
        show_default=True,
        show_envvar=True,
        help="The configuration file.",
    )(command)


def json_option(command: F) -> F:
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember,
        help="Print JSON for programs; errors too.",
    )(command)


def _remember(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    ctx.meta[JSON_WANTED] = wanted
    return wanted


def echo_json(value: Any) -> None:
    """Print a value of models.answers, or plain data, as one JSON document."""
    click.echo(_json(plain(value)))


def _json(value: Any) -> str:
    """As readable as the terminal's or file's encoding lets it be."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, indent=2, ensure_ascii=not unicode)


def printable(text: str) -> str:
    """Return the text with its control characters spelled out: what was scanned or sent must not
    steer the terminal of whoever reads it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def echo_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as their cells; nothing but the header where there are no rows."""
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
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
        click.echo("  truncated: more is there; raise --max-nodes, --max-depth or --deadline")
    if statement.frontier:
        some = ", ".join(statement.frontier[:NAMED])
        left = len(statement.frontier) - NAMED
        more = f" and {left} more (--json names all)" if left > 0 else ""
        click.echo(printable(f"  the trace is still open at: {some}{more}"))
    if statement.pooled_edges:
        click.echo(f"  pooled edges crossed: {statement.pooled_edges}")
    if statement.placeholders:
        click.echo(f"  placeholders met: {statement.placeholders}")
    as_of = statement.as_of.isoformat() if statement.as_of else "latest"
    click.echo(f"as of: {as_of}; known at: {statement.as_known_at}")
