"""Where an item stands on the route of its material (SEMANTICS S18).

Only operations that ended with a verdict count: one that was broken off takes nothing away and uses
up no run. A verdict on a step takes away those on all later steps: they are to be done again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from tracenode.models.evaluation import Evaluation
from tracenode.server.store.reading.master import Route, RouteStep

__all__ = ["Progress", "Verdict", "progress", "verdicts"]

_VERDICTS: Final = """
SELECT v.until, v.uev,
  coalesce(json_extract(j.body, iif(j.type='correct','$.f.replacement.step','$.f.step')), ''),
  s.name,
  json_extract(j.body, iif(j.type='correct','$.f.replacement.evaluation','$.f.evaluation')), v.ev
FROM visit v CROSS JOIN journal j CROSS JOIN station s
WHERE v.item=? AND v.until<=? AND v.uev>0 AND j.seq=v.uev AND s.id=v.station
  AND (j.type='complete'
    OR j.type='correct' AND json_extract(j.body,'$.f.replacement.type')='complete')"""


class Verdict(NamedTuple):
    """How an operation ended: event time in microseconds, journal position, the step that was said
    (empty: the station's own), the station, and the position that the operation began by. Sorts in
    event order."""

    at: int
    seq: int
    step: str
    station: str
    evaluation: Evaluation
    begun: int


def verdicts(connection: sqlite3.Connection, item: int, at: int) -> list[Verdict]:
    """Return the valid verdicts on an item up to an event time, in event order."""
    rows = connection.execute(_VERDICTS, (item, at))
    return sorted(
        Verdict(ended, seq, step, station, Evaluation(evaluation), begun)
        for ended, seq, step, station, evaluation, begun in rows
    )


def progress(planned: Route, passed: Iterable[Verdict]) -> Progress:
    """Return where an item stands after verdicts in event order. What is no step of the route, such
    as an operation from before there was one, does not count."""
    reached = Progress(planned.steps)
    for verdict in passed:
        index = reached.index(verdict.step, verdict.station)
        if index is not None:
            reached.take(index, verdict.evaluation)
    return reached


class Progress:
    """Of each step of a route the verdict that stands, None for none, and how often it was done."""

    def __init__(self, steps: tuple[RouteStep, ...]) -> None:
        self.steps = steps
        self.standing: list[Evaluation | None] = [None] * len(steps)
        self.runs = [0] * len(steps)
        self._named: dict[str, list[int]] = {}
        for index, step in enumerate(steps):
            self._named.setdefault(step.step, []).append(index)

    def take(self, index: int, evaluation: Evaluation) -> None:
        """Enter the newest verdict."""
        self.runs[index] += 1
        self.standing[index] = evaluation
        later = len(self.steps) - index - 1
        self.standing[index + 1 :] = [None] * later

    def index(self, name: str, station: str) -> int | None:
        """Return which step is meant by a name, or by a station where no step is named, and where
        the name is the station's id and no step's. Of several the first that is not passed, else
        the last; None for none."""
        meant = self._named.get(name, [])
        if not meant and name in ("", station):
            meant = self._done_at(station) or self._done_at("")
        if len(meant) < 2:
            return meant[0] if meant else None
        ahead = (index for index in meant if self.standing[index] is not Evaluation.OK)
        return next(ahead, meant[-1])

    def _done_at(self, station: str) -> list[int]:
        return [index for index, step in enumerate(self.steps) if step.station == station]

    def waiting(self, before: int) -> int | None:
        """Return the first step ahead of a step that must be passed before it: a failed one, or one
        without a verdict that is not optional; None where nothing is missing."""
        for index, verdict in enumerate(self.standing[:before]):
            left_out = verdict is None and self.steps[index].optional
            if verdict is not Evaluation.OK and not left_out:
                return index
        return None

    @property
    def next(self) -> int | None:
        """The step that is to be done next; None where all is done. What is optional is never
        asked for."""
        return self.waiting(len(self.steps))
