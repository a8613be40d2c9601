"""find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracenode.models.analysis import FindItems, FoundItems
from tracenode.models.items import ItemState
from tracenode.server.commands.analyses import require_period, since_option, until_option
from tracenode.server.commands.asking import MOST, end, moment_options, opened
from tracenode.server.commands.common import echo_json, echo_statement, echo_table

__all__ = ["find"]

STATES = {state.name.lower(): state for state in ItemState if state is not ItemState.OnHold}


@click.command()
@click.argument("text", default="")
@click.option("--material", default="", help="What they are.")
@click.option("--made-from", default="", help="A lot or item that they were ever made from.")
@click.option("--order", default="", help="The order that they are made for.")
@click.option("--station", default="", help="Where they were, within the time.")
@click.option("--state", type=click.Choice(list(STATES)), help="Their state.")
@since_option
@until_option
@moment_options
@click.option(
    "--offset", type=click.IntRange(0, MOST), default=0, show_default=True, help="Items to skip."
)
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="Items to print."
)
@click.pass_context
def find(
    context: click.Context,
    /,
    text: str,
    state: str | None,
    database: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Items with TEXT in their serial or lot number, and whatever else is asked.

    A time is that of the stay at the station; without one, when an item was first seen.
    """
    require_period(context)
    question = FindItems(text=text, state=STATES[state] if state else None, **options)
    with opened(database) as trace:
        answer: FoundItems = trace.ask_now(question)
    if as_json:
        echo_json(answer)
    else:
        rows = [
            (
                view.item,
                view.kind.name,
                view.state.name + (" (on hold)" if view.on_hold else ""),
                view.station,
                view.order,
                view.updated_at.isoformat(timespec="seconds"),
            )
            for view in answer.items
        ]
        echo_table(("item", "kind", "state", "station", "order", "last record"), rows)
        click.echo(f"{len(rows)} of {answer.total} item(s)")
        if answer.offset + len(rows) < answer.total:
            click.echo(f"more: --offset {answer.offset + len(rows)}")
        echo_statement(answer.statement)
    end(context, answer.statement)
