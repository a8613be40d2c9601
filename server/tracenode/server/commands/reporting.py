"""report issue, report list, report check."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from tracenode.models.answers import Ingredients, Question, RecallScope, WhereUsed, plain
from tracenode.models.errors import UnknownRecord
from tracenode.models.questions import question_fields
from tracenode.models.receipts import Record, Requester
from tracenode.server.commands.asking import Time, opened
from tracenode.server.commands.common import (
    Exit,
    Tracenode,
    database_option,
    echo_json,
    echo_statement,
    echo_table,
    json_option,
)
from tracenode.server.commands.new_file import must_be_new, new_file
from tracenode.server.genealogy.items.narrative import narrative
from tracenode.server.store.reading.reports import IssuedReport
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.store.writing.journal import entry_at, position_of, record_of
from tracenode.server.trace import Trace

__all__ = ["report"]

QUESTIONS: Final[dict[str, type[Question]]] = {
    "ingredients": Ingredients,
    "where-used": WhereUsed,
    "recall": RecallScope,
}
ALL: Final = 1_000_000
"""Items of a report: one that is cut would be of no use."""


@click.group(cls=Tracenode)
def report() -> None:
    """Answers that are issued, and whether they would still be given."""


@report.command()
@click.argument("question", type=click.Choice(list(QUESTIONS)))
@click.argument("item")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="To whom and what for, such as 'customer complaint 7'.")
@click.option("--as-of", type=Time(), help="State at this time; else now.")
@database_option
@json_option
def issue(question: str, item: str, file: Path, name: str, database: Path, **options: Any) -> None:
    """Issue the answer to QUESTION about ITEM into the new FILE (JSON), and book its digest."""
    must_be_new(file)
    asked = QUESTIONS[question](item=item, as_of=options["as_of"], max_nodes=ALL)
    if isinstance(asked, RecallScope):
        asked = replace(asked, limit=ALL)
    # The file comes first: what can't be written is not booked.
    with Trace.open(database) as trace, new_file(file) as written:
        answer, receipt = trace.issue_now(asked, name, Requester("cli"))
        (issued,) = (r for r in trace.reports_now() if r.record == receipt.record)
        document = {**_shown(issued), "answer": plain(answer)}
        json.dump(document, written, indent=2, ensure_ascii=False)
        written.write("\n")
    if options["as_json"]:
        echo_json({**_shown(issued), "file": str(file)})
        return
    click.echo(f"report {issued.record}, digest {issued.digest}")
    click.echo(f"written: {file}")
    echo_statement(answer.statement)


@report.command("list")
@database_option
@json_option
def list_(database: Path, as_json: bool) -> None:
    """Every issued report, and whether it is stale."""
    with opened(database) as trace:
        found = trace.reports_now(stale_too=True)
        causes = [_cause(trace, each.cause) for each in found]
    told = list(zip(found, causes, strict=True))
    if as_json:
        echo_json([{**_shown(each), "because": cause} for each, cause in told])
        return
    _table((each, f"stale because of {cause}" if cause else "open") for each, cause in told)


@report.command()
@click.argument("records", nargs=-1, metavar="[REPORT]...")
@database_option
@json_option
@click.pass_context
def check(
    context: click.Context, /, records: tuple[str, ...], database: Path, as_json: bool
) -> None:
    """Ask each REPORT again, or all that are not stale; books nothing."""
    with opened(database) as trace:
        known = {each.record: each for each in trace.reports_now(stale_too=True)}
        for record in records:
            if record not in known:
                raise UnknownRecord(record, "there is no such report")
        chosen = [known[record] for record in records] or [
            each for each in known.values() if not each.stale
        ]
        changes = [trace.change_of_now(each) for each in chosen]
        causes = [_cause(trace, change.cause if change else "") for change in changes]
    told = list(zip(chosen, causes, strict=True))
    if as_json:
        echo_json(
            [
                {
                    **_shown(each),
                    "same": cause is None,
                    "cause": cause.record if cause else "",
                    "because": cause,
                }
                for each, cause in told
            ]
        )
    else:
        _table(
            (each, f"DIFFERS because of {cause}" if cause else "the same") for each, cause in told
        )
    if any(causes):
        context.exit(Exit.Refused)


@dataclass(frozen=True, slots=True)
class Cause:
    """The record since which the answer of a report is another. `text` says what happened."""

    record: str
    type: str
    at: datetime
    station: str
    text: str

    def __str__(self) -> str:
        return f"{self.record}: {self.type} of {self.at.isoformat(timespec='seconds')}, {self.text}"


def _cause(trace: Trace, record: str) -> Cause | None:
    """Read what a record says; None where there is no cause."""
    if not record:
        return None
    found = trace.store.readers.run_now(lambda connection: _read(connection, record))
    assert found.json is not None, "read back with its body"
    said = found.json["f"]
    event = found.event
    station = said.get("replacement", said).get("station", "")
    return Cause(record, event.type, found.at, station, narrative(event.type, said))


def _read(connection: Connection, record: str) -> Record:
    position = position_of(connection, record)
    found = None if position is None else entry_at(connection, position)
    assert found is not None, "a cause is a record of this journal"
    return record_of(found)


def _shown(report: IssuedReport) -> dict[str, Any]:
    return {
        "report": report.record,
        "name": report.name,
        "issued": plain(report.issued),
        "known": report.known,
        "question": question_fields(report.question),
        "digest": report.digest,
        "stale": report.stale,
        "cause": report.cause,
    }


def _table(rows: Any) -> None:
    echo_table(
        ("report", "name", "issued", "question", "now"),
        [
            (
                each.record,
                each.name,
                each.issued.isoformat(timespec="seconds"),
                _words(each),
                now,
            )
            for each, now in rows
        ],
    )


def _words(report: IssuedReport) -> str:
    question = report.question
    name = question_fields(question)["question"]
    return f"{name} {question.item}" if isinstance(question, Question) else name
