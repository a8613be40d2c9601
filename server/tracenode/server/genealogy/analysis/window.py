"""What was at a station within a time."""

from __future__ import annotations

import time
from typing import Any, Final

from tracenode.models.analysis import Coverage, FindItems, TimeWindow, Visit, WindowAnswer
from tracenode.models.errors import MalformedRequest
from tracenode.server.genealogy.answers.history import check_page
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.visits import verdicts, within
from tracenode.server.genealogy.moment import Moment, instant_of, moment_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["instants_of", "time_window"]

_PAGE: Final = """
SELECT v.item, v.at, v.until, v.uev FROM ({found}) v
CROSS JOIN item i ON i.id=v.item CROSS JOIN type y ON y.id=i.type
ORDER BY v.at, y.scheme, y.code, i.text, i.gen, v.ev LIMIT :limit OFFSET :offset
"""


def time_window(reading: Reading, question: TimeWindow) -> WindowAnswer:
    """Answer with the operations at a station that share an instant with, or began within, a time.

    At `as_of`, what began later is not there and what ended later is open. Past the deadline there
    are no visits, and `total` is 0 where they could not be counted.
    """
    check_page(question.offset, question.limit)
    moment = moment_of(reading, question)
    since, until = instants_of(question)
    found, values = within(reading, question.station, since, until, moment)
    page = min(question.limit, question.max_nodes)
    values |= {"limit": page, "offset": question.offset}
    total, rows, truncated = 0, list[Any](), False
    try:
        with reading.until(time.monotonic() + question.deadline_s):
            ((total,),) = reading.rows(f"SELECT count(*) FROM ({found})", values)
            rows = reading.rows(_PAGE.format(found=found), values)
            truncated = min(question.limit, total - question.offset) > page
    except OutOfTime:
        truncated = True
    return WindowAnswer(
        station=question.station,
        total=total,
        offset=question.offset,
        visits=_visits(reading, rows, moment),
        statement=moment.statement(truncated=truncated),
    )


def instants_of(question: TimeWindow | Coverage | FindItems) -> tuple[int | None, int | None]:
    """Return the bounds of a question's time in microseconds; None is open.

    Raises:
        MalformedRequest: without its zone, or an end that is not after the beginning.
    """
    since, until = instant_of("since", question.since), instant_of("until", question.until)
    if since is not None and until is not None and until <= since:
        raise MalformedRequest("until", f"a time after {question.since}", str(question.until))
    return since, until


def _visits(reading: Reading, rows: list[Any], moment: Moment) -> tuple[Visit, ...]:
    facts = facts_of(reading, {item for item, *_ in rows}, moment)
    said = verdicts(reading, {by for *_, until, by in rows if until != INF})
    return tuple(
        Visit(
            facts[item].public,
            facts[item].material,
            from_microseconds(at),
            None if until == INF else from_microseconds(until),
            None if until == INF else said[by],
        )
        for item, at, until, by in rows
    )
