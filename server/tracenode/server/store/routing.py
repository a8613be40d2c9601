"""What next: the first step of a material's route that an item has not passed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete
from tracenode.server.store.facts import entry, fact_of
from tracenode.server.store.master import RouteStep, route

__all__ = ["advice"]

_VERDICTS: Final = """
SELECT j.seq FROM touch t CROSS JOIN journal j
WHERE t.item=? AND j.seq=t.seq AND j.type IN ('complete','correct')
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=t.seq)"""

Pass = tuple[str, str]
"""(step, station) of an operation that ended OK."""


def advice(
    connection: sqlite3.Connection,
    material: str,
    item: int | None,
    station: str,
    *,
    passed_now: Pass | None = None,
) -> tuple[str, str]:
    """Return (next step, recipe) of an item; both empty where the material has no route, or all of
    it is passed. At a station, the recipe is that of the open step which is done there.

    `passed_now` is a pass that is being booked.
    """
    planned = route(connection, material)
    if planned is None:
        return "", ""
    passes = [] if item is None else list(_passes(connection, item))
    if passed_now is not None:
        passes.append(passed_now)
    ahead = [step for step in planned.steps if not any(_is_of(step, done) for done in passes)]
    if not ahead:
        return "", ""
    here = next((step for step in ahead if step.station and step.station == station), ahead[0])
    return ahead[0].step, here.recipe


def _is_of(step: RouteStep, done: Pass) -> bool:
    name, station = done
    return name == step.step if name else bool(step.station) and station == step.station


def _passes(connection: sqlite3.Connection, item: int) -> Iterator[Pass]:
    for (seq,) in connection.execute(_VERDICTS, (item,)).fetchall():
        _, at, event = entry(connection, seq)
        if event is None:
            continue
        said = fact_of(connection, seq, at, event).event
        if isinstance(said, Complete) and said.evaluation is Evaluation.OK:
            yield said.step, said.station
