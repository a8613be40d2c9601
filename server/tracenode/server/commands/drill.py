"""recall-drill: how long a recall takes, and what of it could not be traced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tracenode.models.answers import MAX_NODES, RecallAnswer, RecallScope, plain
from tracenode.server.commands.asking import echo_counts, opened, search_options
from tracenode.server.commands.common import NAMED, echo_json, echo_statement, printable

__all__ = ["recall_drill"]


@click.command("recall-drill")
@click.argument("item")
@search_options
def recall_drill(item: str, database: Path, as_json: bool, **options: Any) -> None:
    """Try a recall of ITEM: how long it takes, how much it is, what could not be traced.

    Only an error ends it with another code than 0: what is found is for people to judge.
    """
    with opened(database) as trace:
        question = RecallScope(item=item, limit=options.get("max_nodes", MAX_NODES), **options)
        begun = time.perf_counter()
        answer: RecallAnswer = trace.ask_now(question)
        taken_ms = round((time.perf_counter() - begun) * 1000)
    unexplained = list(_unexplained(answer))
    if as_json:
        said = plain(answer)
        del said["hits"]
        known = len(answer.hits) - answer.shares_unknown
        echo_json(
            {
                **said,
                "taken_ms": taken_ms,
                "shares_known": known,
                "pooled_hits": sum(hit.pooled for hit in answer.hits),
                "not_traced": unexplained,
            }
        )
        return
    click.echo(f"recall of {printable(answer.root)}: answered in {taken_ms} ms")
    echo_counts(answer)
    for mark, count in answer.by_mark:
        click.echo(f"  {count} {mark.name.lower()}")
    if answer.hits:
        known = len(answer.hits) - answer.shares_unknown
        click.echo(
            f"share of the suspect: known of {known} end item(s), not of {answer.shares_unknown}"
        )
    click.echo("what could not be traced:" if unexplained else "everything could be traced")
    for line in unexplained:
        click.echo(printable(f"  {line}"))
    echo_statement(answer.statement)


def _unexplained(answer: RecallAnswer) -> Iterator[str]:
    """Yield in words what the answer leaves open."""
    statement = answer.statement
    if statement.truncated:
        yield (
            f"the list is cut: {len(answer.hits)} of {answer.end_items} end item(s) are in it;"
            " raise --max-nodes, --max-depth or --deadline"
        )
    if statement.frontier:
        named = ", ".join(statement.frontier[:NAMED])
        more = len(statement.frontier) - NAMED
        yield (
            f"{len(statement.frontier)} item(s) were neither shipped nor scrapped nor finished:"
            f" {named}" + (f" and {more} more" if more > 0 else "")
        )
    pooled = sum(hit.pooled for hit in answer.hits)
    if statement.pooled_edges:
        yield (
            f"{statement.pooled_edges} record(s) do not say which input went into which output:"
            f" {pooled} end item(s) may be without the suspect"
        )
    if statement.placeholders:
        yield f"{statement.placeholders} item(s) were never registered; placeholders stand for them"
