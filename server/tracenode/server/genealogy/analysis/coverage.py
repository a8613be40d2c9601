"""How complete the trace of a line is: of the items that were at its stations within a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tracenode.models.analysis import Coverage, CoverageAnswer
from tracenode.models.errors import MalformedRequest
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.identifiers import is_placeholder
from tracenode.server.genealogy.analysis.window import instants_of
from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.edges.walk import Origin, Walked
from tracenode.server.genealogy.items.ends import leaves
from tracenode.server.genealogy.items.facts import facts_of, received
from tracenode.server.genealogy.items.visits import verdicts, within
from tracenode.server.genealogy.moment import Moment, moment_of, position_by
from tracenode.server.store.reading.snapshot import OutOfTime, Reading
from tracenode.server.store.schema import INF

__all__ = ["coverage"]

BATCH: Final = 500
"""Items whose ingredients are walked at once."""
_SEEN: Final = "SELECT json_group_array(json_array(item, until, uev)) FROM ({found})"
_SAID: Final = """
SELECT count(*) FILTER (WHERE r.type='reject'), count(*) FILTER (WHERE r.type='refused'),
  coalesce(sum(json_extract(r.body,'$.f.missing')) FILTER (WHERE r.type='gap'), 0)
FROM journal r WHERE r.seq>:after AND r.seq<=:last AND r.type IN ('gap','reject','refused')
  AND (:T IS NULL OR r.at<=:T)
  AND json_extract(r.body,'$.f.station') IN (SELECT value FROM json_each(:stations))
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=r.seq AND v.by<=:K)
"""


@dataclass(slots=True)
class _Found:
    """What was found so far. `ended` False: an operation of the item there is open, or gave no
    verdict."""

    ended: dict[int, bool] = field(default_factory=dict)
    complete: int = 0
    placeholders: set[int] = field(default_factory=set)
    pooled: set[Link] = field(default_factory=set)
    frontier: set[str] = field(default_factory=set)
    said: tuple[int, int, int] = (0, 0, 0)


def coverage(reading: Reading, question: Coverage) -> CoverageAnswer:
    """Answer how complete the trace of some stations is.

    Operations count as in `TimeWindow`. Gaps, rejected scans (those of a flood that were summed up
    are one) and refused bookings are those *recorded* within the time: the journal is in the order
    of record time and has no index of stations, so that part of it is read. An ingredient is of
    unknown origin where nothing went into it and it came by no receipt: the frontier names them.
    Past `max_nodes` items, or the deadline, the others do not count as complete, and the answer is
    truncated.

    Raises:
        MalformedRequest: no station, or the same one twice.
        UnknownStation: one that no record and no master data names.
    """
    if not question.stations or len(set(question.stations)) < len(question.stations):
        raise MalformedRequest("stations", "some, each once", ", ".join(question.stations))
    moment = moment_of(reading, question)
    since, until = instants_of(question)
    windows = [within(reading, name, since, until, moment) for name in question.stations]
    found = _Found()
    ends = time.monotonic() + question.deadline_s
    truncated = False
    try:
        with reading.until(ends):
            for sql, values in windows:
                _see(reading, found, reading.array(_SEEN.format(found=sql), values))
            found.said = _said(reading, question.stations, (since, until), moment)
        looked_at = sorted(found.ended)[: question.max_nodes]
        truncated = len(looked_at) < len(found.ended)
        for first in range(0, len(looked_at), BATCH):
            batch = tuple(looked_at[first : first + BATCH])
            left = ends - time.monotonic()
            walk = _walk(reading, batch, moment, replace(question, deadline_s=max(left, 0)))
            _count(reading, found, walk, moment)
            truncated |= walk.truncated
    except OutOfTime:
        truncated = True
    rejected, refused, gaps = found.said
    return CoverageAnswer(
        stations=question.stations,
        seen=len(found.ended),
        complete=found.complete,
        placeholders=len(found.placeholders),
        gaps=gaps,
        rejected=rejected,
        refused=refused,
        statement=moment.statement(
            truncated=truncated,
            frontier=tuple(sorted(found.frontier)),
            pooled_edges=len(found.pooled),
            placeholders=len(found.placeholders),
        ),
    )


def _see(reading: Reading, found: _Found, rows: Iterable[Sequence[int]]) -> None:
    said = verdicts(reading, {by for _, until, by in rows if until != INF})
    for item, until, by in rows:
        ended = until != INF and said[by] is not None
        found.ended[item] = found.ended.get(item, True) and ended


def _said(
    reading: Reading,
    stations: tuple[str, ...],
    times: tuple[int | None, int | None],
    moment: Moment,
) -> tuple[int, int, int]:
    """Rejected scans, refused bookings and missing records, as recorded within a time."""
    since, until = times
    values: dict[str, Any] = {
        "after": 0 if since is None else position_by(reading, since - 1, moment.known),
        "last": moment.known if until is None else position_by(reading, until - 1, moment.known),
        "stations": json.dumps(stations),
        **moment.parameters,
    }
    ((rejected, refused, gaps),) = reading.rows(_SAID, values)
    return rejected, refused, gaps


def _walk(reading: Reading, items: tuple[int, ...], moment: Moment, question: Coverage) -> Walked:
    return search(reading, Origin(items[0], items), moment, moment.point, question, up=True)


def _count(reading: Reading, found: _Found, walked: Walked, moment: Moment) -> None:
    """Count the items at which a walk began that are complete."""
    facts = facts_of(reading, walked.depth, moment)
    known = {
        item
        for link in walked.links
        if link.relation is Relation.Identity
        for item in (link.src, link.dst)
    }
    stand_ins = {n for n, fact in facts.items() if is_placeholder(fact.public)} - known
    found.placeholders |= stand_ins
    ends = leaves(walked, facts)
    doubtful = (set(ends) - received(reading, ends, moment)) | stand_ins | walked.cut
    found.pooled.update(link for link in walked.links if link.quality is EdgeQuality.Pooled)
    outputs: dict[int, list[int]] = {}
    for link in walked.links:
        outputs.setdefault(link.src, []).append(link.dst)
    found.frontier.update(facts[item].public for item in doubtful - set(walked.origin.starts))
    made_of = _above(doubtful, lambda item: outputs.get(item, ()))
    incomplete = made_of | stand_ins | walked.cut
    found.complete += sum(
        found.ended[item] for item in walked.origin.starts if item not in incomplete
    )


def _above(items: Iterable[int], outputs: Callable[[int], Iterable[int]]) -> set[int]:
    """What some items went into, by any number of edges; without them unless one is in another."""
    reached: set[int] = set()
    todo = list(items)
    while todo:
        for item in outputs(todo.pop()):
            if item not in reached:
                reached.add(item)
                todo.append(item)
    return reached
