"""path, mass-balance, causes, window, bom, coverage, impact."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tracenode.models.analysis import (
    BomComparison,
    BomVerdict,
    CauseAnswer,
    CommonCause,
    CompareToBom,
    Coverage,
    CoverageAnswer,
    Impact,
    ImpactAnswer,
    MassBalance,
    MassBalanceAnswer,
    TimeWindow,
    WindowAnswer,
)
from tracenode.models.answers import PathAnswer, PathBetween
from tracenode.models.quantities import Quantity
from tracenode.server.commands.asking import (
    MOST,
    Time,
    end,
    known_options,
    moment_options,
    opened,
    search_options,
)
from tracenode.server.commands.common import Exit, echo_json, echo_statement, echo_table

__all__ = [
    "bom",
    "causes",
    "coverage",
    "impact",
    "mass_balance",
    "path",
    "require_period",
    "since_option",
    "until_option",
    "window",
]

since_option = click.option("--since", type=Time(), help="From this event time on.")
until_option = click.option("--until", type=Time(), help="Before this event time.")


@click.command()
@click.argument("item")
@click.argument("into")
@search_options
@click.pass_context
def path(
    context: click.Context, /, item: str, into: str, database: Path, as_json: bool, **options: Any
) -> None:
    """How ITEM went INTO another: one shortest way that time allows."""
    with opened(database) as trace:
        answer: PathAnswer = trace.ask_now(PathBetween(item=item, into=into, **options))
    if as_json:
        echo_json(answer)
    else:
        rows = [
            (
                edge.input,
                edge.relation.name,
                edge.output,
                _amount(edge.quantity),
                edge.station,
                edge.valid_from.isoformat(timespec="seconds"),
            )
            for edge in answer.edges
        ]
        if rows:
            echo_table(("item", "how", "into", "quantity", "station", "from"), rows)
        elif answer.items:
            click.echo(f"nothing lies between: {answer.into} is {answer.root}")
        else:
            click.echo(f"no way from {answer.root} into {answer.into}")
        echo_statement(answer.statement)
    end(context, answer.statement)
    if not answer.items:
        context.exit(Exit.Refused)


@click.command("mass-balance")
@click.argument("item")
@moment_options
@click.pass_context
def mass_balance(
    context: click.Context, /, item: str, database: Path, as_json: bool, **options: Any
) -> None:
    """Where the quantity of ITEM, a lot or container, went."""
    with opened(database) as trace:
        answer: MassBalanceAnswer = trace.ask_now(MassBalance(item=item, **options))
    if as_json:
        echo_json(answer)
    else:
        found = answer.balance
        signs = {
            "+ received": found.received,
            "+ produced": found.produced,
            "+ filled": found.filled,
            "- consumed": found.consumed,
            "- scrapped": found.scrapped,
            "- shipped": found.shipped,
            "+ corrected": found.corrected,
            "= balance": found.balance,
        }
        echo_table((answer.root, ""), [(name, _amount(value)) for name, value in signs.items()])
        if found.unknown:
            click.echo(f"{found.unknown} record(s) without a quantity, or of another dimension")
        if found.balance is None:
            click.echo(f"the balance is unknown: {_why_unknown(answer)}")
        if found.over_consumed:
            click.echo("at some time more was booked out than in")
        echo_statement(answer.statement)
    end(context, answer.statement)


@click.command()
@click.argument("failed", nargs=-1, required=True)
@click.option("--passed", multiple=True, help="A unit to compare with; else good ones are taken.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="Causes to print."
)
@search_options
@click.pass_context
def causes(
    context: click.Context,
    /,
    failed: tuple[str, ...],
    passed: tuple[str, ...],
    database: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """What the FAILED units have in common that passing ones do not."""
    with opened(database) as trace:
        answer: CauseAnswer = trace.ask_now(CommonCause(failed=failed, passed=passed, **options))
    if as_json:
        echo_json(answer)
    else:
        rows = [
            (
                cause.kind.name,
                cause.value,
                f"{cause.failed}/{answer.failed}",
                f"{cause.passed}/{answer.passed}",
                "unknown" if cause.lift is None else f"{cause.lift:.3f}",
                f"{cause.p:.3g}",
                f"{cause.q:.3g}",
            )
            for cause in answer.causes
        ]
        echo_table(("what", "which", "failed", "passed", "lift", "p", "q"), rows)
        click.echo(f"{len(rows)} of {answer.tested} candidate(s)")
        if not answer.passed:
            click.echo("no passing units were found to compare with: name some with --passed")
        echo_statement(answer.statement)
    end(context, answer.statement)


@click.command()
@click.argument("station")
@since_option
@until_option
@click.option(
    "--offset", type=click.IntRange(0, MOST), default=0, show_default=True, help="Visits to skip."
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=1000,
    show_default=True,
    help="Visits to print.",
)
@known_options
@click.pass_context
def window(
    context: click.Context, /, station: str, database: Path, as_json: bool, **options: Any
) -> None:
    """What was at STATION within a time."""
    require_period(context)
    with opened(database) as trace:
        answer: WindowAnswer = trace.ask_now(TimeWindow(station=station, **options))
    if as_json:
        echo_json(answer)
    else:
        rows = [
            (
                visit.item,
                _time(visit.started),
                _time(visit.ended),
                "" if visit.evaluation is None else visit.evaluation.name,
            )
            for visit in answer.visits
        ]
        echo_table(("item", "from", "until", "verdict"), rows)
        click.echo(f"{len(rows)} of {answer.total} visit(s)")
        following = answer.offset + len(rows)
        if following < answer.total:
            click.echo(f"more: --offset {following}")
        echo_statement(answer.statement)
    end(context, answer.statement)


@click.command()
@click.argument("item")
@moment_options
@click.pass_context
def bom(
    context: click.Context, /, item: str, database: Path, as_json: bool, **options: Any
) -> None:
    """What is in ITEM against its bill of material."""
    with opened(database) as trace:
        answer: BomComparison = trace.ask_now(CompareToBom(item=item, **options))
    if as_json:
        echo_json(answer)
    else:
        rows = [
            (
                line.position,
                line.material,
                _amount(line.expected),
                _amount(line.found),
                line.verdict.name,
            )
            for line in answer.lines
        ]
        if rows:
            echo_table(("position", "material", "expected", "found", "verdict"), rows)
        if not answer.has_bom:
            click.echo(f"{answer.material} has no bill of material")
        else:
            verdicts = {line.verdict for line in answer.lines} - {BomVerdict.Right}
            click.echo(f"matches: {_matches(verdicts)}")
        echo_statement(answer.statement)
    end(context, answer.statement)
    if not answer.matches:
        context.exit(Exit.Refused)


@click.command()
@click.argument("stations", nargs=-1, required=True)
@since_option
@until_option
@known_options
@click.pass_context
def coverage(
    context: click.Context,
    /,
    stations: tuple[str, ...],
    database: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """How complete the trace of a line is: of its STATIONS."""
    require_period(context)
    with opened(database) as trace:
        answer: CoverageAnswer = trace.ask_now(Coverage(stations=stations, **options))
    if as_json:
        echo_json(answer)
    else:
        counts = {
            "items seen": answer.seen,
            "complete": answer.complete,
            "placeholders": answer.placeholders,
            "records missing": answer.gaps,
            "unreadable scans": answer.rejected,
            "refused bookings": answer.refused,
        }
        stations_named = ", ".join(answer.stations)
        echo_table((stations_named, ""), [(name, str(count)) for name, count in counts.items()])
        echo_statement(answer.statement)
    end(context, answer.statement)


@click.command()
@click.argument("item")
@search_options
@click.option("--ever", is_flag=True, help="With --as-of: all that had begun by then.")
@click.pass_context
def impact(
    context: click.Context, /, item: str, database: Path, as_json: bool, **options: Any
) -> None:
    """What a hold or recall of ITEM would touch: counts."""
    with opened(database) as trace:
        answer: ImpactAnswer = trace.ask_now(Impact(item=item, **options))
    if as_json:
        echo_json(answer)
    else:
        rows = [(line.material, line.state.name, str(line.items)) for line in answer.lines]
        echo_table(("material", "state", "items"), rows)
        click.echo(f"{answer.affected} item(s) affected")
        echo_statement(answer.statement)
    end(context, answer.statement)


def require_period(context: click.Context) -> None:
    """Refuse an end that is not after the beginning: wrong use."""
    since, until = context.params["since"], context.params["until"]
    if since is not None and until is not None and until <= since:
        raise click.BadParameter(
            f"expected a time after --since {since.isoformat()}, found {until.isoformat()}",
            ctx=context,
            param_hint="--until",
        )


def _why_unknown(answer: MassBalanceAnswer) -> str:
    found = answer.balance
    if answer.statement.truncated:
        return "there was no time to read all records"
    if found.unknown:
        return "the amounts of those can't be added up"
    return "it is finer than a quantity can be" if found.unit else "no quantity was ever booked"


def _matches(wrong: set[BomVerdict]) -> str:
    if not wrong:
        return "yes"
    return "unknown" if wrong == {BomVerdict.Unknown} else "NO"


def _amount(quantity: Quantity | None) -> str:
    return "unknown" if quantity is None else str(quantity)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")
