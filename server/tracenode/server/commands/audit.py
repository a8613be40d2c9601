"""audit list, audit verify."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import click

from tracenode.models.errors import ConfigError, ConfigProblem
from tracenode.server.commands.common import (
    Exit,
    Tracenode,
    config_option,
    echo_json,
    echo_table,
    json_option,
    printable,
)
from tracenode.server.configuration import load
from tracenode.server.opcua.security.trail import check, entries

__all__ = ["audit"]


@click.group(cls=Tracenode)
def audit() -> None:
    """The audit trail: sessions, refusals, writes and changes, and who did it."""


@audit.command("list")
@config_option
@click.option("--last", default=50, show_default=True, help="Only the last entries; 0 for all.")
@click.option("--kind", help="Only entries of this kind, such as activate-session.")
@click.option("--user", help="Only what this user did, or was tried in their name.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@json_option
def list_(  # noqa: PLR0917
    config: Path, last: int, kind: str | None, user: str | None, refused: bool, as_json: bool
) -> None:
    """List what the trail keeps, the oldest first. Works beside a running server."""
    found: deque[dict[str, Any]] = deque(maxlen=last or None)
    for entry in entries(_folder(config)):
        if (
            (kind is None or entry.get("k") == kind)
            and (user is None or entry.get("u") == user)
            and (not refused or entry.get("c", 0) & 0x8000_0000)
        ):
            found.append(entry)
    if as_json:
        echo_json([_plain(entry) for entry in found])
        return
    echo_table(
        ("n", "time", "kind", "from", "user", "times", "what"),
        [
            (
                str(entry["n"]),
                str(entry.get("t", "")),
                str(entry.get("k", "")),
                str(entry.get("s", "")),
                str(entry.get("u", "")),
                str(entry.get("count", 1)),
                f"{entry.get('w', '')} {entry.get('x', '')}".strip(),
            )
            for entry in found
        ],
    )


@audit.command()
@config_option
@click.option("--anchor", default="", help="A head (hash) that was written down before.")
@click.pass_context
@json_option
def verify(context: click.Context, config: Path, anchor: str, as_json: bool) -> None:
    """Follow the hashes of the whole trail; name the first altered, missing or reordered entry."""
    folder = _folder(config)
    found = check(folder, anchor)
    if as_json:
        echo_json(
            {
                "folder": str(folder),
                "first": found.first,
                "last": found.last,
                "head": found.head,
                "whole": not found.fault,
                "fault": found.fault,
            }
        )
    elif not found.fault:
        click.echo(f"{folder}: whole; entries {found.first} to {found.last}; head {found.head}")
    else:
        click.echo(printable(f"{folder}: NOT whole: {found.fault}"))
    if found.fault:
        context.exit(Exit.Refused)


def _folder(config: Path) -> Path:
    opcua = load(config).config.opcua
    if not opcua.audit:
        problem = ConfigProblem("opcua.audit", "''", "a folder, to have an audit trail")
        raise ConfigError(str(config), [problem])
    return config.parent / opcua.audit


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    names = {
        "n": "number", "t": "time", "k": "kind", "s": "source", "w": "words", "u": "user",
        "c": "status", "x": "target", "i": "session", "e": "client_entry", "v": "values",
        "h": "hash", "p": "previous",
    }  # fmt: skip
    return {names.get(key, key): value for key, value in entry.items()}
