"""consumers list, consumers remove."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import click

from tracenode.models.errors import MalformedRequest
from tracenode.server.commands.common import (
    Tracenode,
    database_option,
    echo_json,
    echo_table,
    json_option,
)
from tracenode.server.consumers import ConsumerLag, Consumers
from tracenode.server.trace import Trace

__all__ = ["consumers"]

HEADER: Final = ("consumer", "acknowledged", "pending", "oldest", "last seen", "owner")


@click.group(cls=Tracenode)
def consumers() -> None:
    """Clients that registered with the log, and how far each is."""


@consumers.command("list")
@database_option
@json_option
def list_consumers(database: Path, as_json: bool) -> None:
    """Show every consumer: up to where it has all, what waits for it, whose it is."""
    with Trace.open(database, read_only=True) as trace:
        lags = asyncio.run(Consumers(trace).lags())
    if as_json:
        echo_json([_plain(lag) for lag in lags])
        return
    echo_table(HEADER, [_row(lag) for lag in lags])
    for lag in lags:
        if lag.strayed:
            click.echo(f"{lag.consumer.name}: {lag.text}")


@consumers.command()
@click.argument("name")
@database_option
@json_option
def remove(name: str, database: Path, as_json: bool) -> None:
    """Forget the consumer NAME; it may register again, also as another client's."""
    with Trace.open(database, read_only=True) as trace:
        there = asyncio.run(Consumers(trace).remove(name))
    if not there:
        raise MalformedRequest("NAME", "a registered consumer", repr(name))
    if as_json:
        echo_json({"removed": name})
        return
    click.echo(f"removed: {name}")


def _plain(lag: ConsumerLag) -> dict[str, Any]:
    consumer = lag.consumer
    return {
        "consumer": consumer.name,
        "acknowledged": consumer.acknowledged,
        "pending": lag.pending,
        "oldest_pending": lag.oldest,
        "last_seen": consumer.seen,
        "registered": consumer.registered,
        "application": consumer.owner.application,
        "user": consumer.owner.user,
        "strayed": lag.strayed,
    }


def _row(lag: ConsumerLag) -> tuple[str, ...]:
    consumer = lag.consumer
    return (
        consumer.name,
        str(consumer.acknowledged),
        str(lag.pending),
        "-" if lag.oldest is None else f"{lag.oldest:%Y-%m-%d %H:%M}",
        f"{consumer.seen:%Y-%m-%d %H:%M}",
        str(consumer.owner),
    )
