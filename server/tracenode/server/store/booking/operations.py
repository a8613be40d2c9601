"""Deciding on operations at stations: start, complete, abort, measure, observe."""

from __future__ import annotations

from tracenode.models.errors import (
    AmbiguousItem,
    DuplicateIdentifier,
    NotStarted,
    UnknownItem,
)
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Abort, Complete, Measure, Observe, Start
from tracenode.server.store.booking.checks import (
    Case,
    open_visit,
    require_in_process,
    require_no_hold,
    require_order,
    usable,
)
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.journal import from_microseconds
from tracenode.server.store.resolve import Found, public_id
from tracenode.server.store.routing import advice
from tracenode.server.store.schema import INF

__all__ = ["abort", "check", "complete", "measure", "observe", "start"]


def start(case: Case, event: Start) -> Decision:
    """Check in. While the operation is open here, a second start has no effect.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, UnknownOrder,
        DuplicateIdentifier (open at another station), ItemOnHold.
    """
    found = case.resolve(event.item)
    require_order(case, event.order)
    since = check(case, found, event.station)
    step, recipe = advice(case.connection, found.material, found.id, event.station)
    recorded = resolved(event, item=found.public)
    text = "" if since is None else f"in process here since {since}"
    return Decision(recorded, found.public, text, step, recipe, effect=since is None)


def check(case: Case, found: Found, station: str) -> str | None:
    """Pass the interlock, or say since when the operation is open at the station already.

    Raises: ItemScrapped, DuplicateIdentifier, ItemOnHold.
    """
    require_in_process(found)
    visit = open_visit(case, found)
    if visit is not None and visit[0] != station:
        raise DuplicateIdentifier(found.public, f"in process at {visit[0]}")
    require_no_hold(case, (found,))
    return None if visit is None else from_microseconds(visit[1]).isoformat(timespec="seconds")


def complete(case: Case, event: Complete) -> Decision:
    """End the operation that is open at the station, with a verdict.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, NotStarted.
    """
    found = usable(case, event.item)
    require_order(case, event.order)
    _require_open(case, found, event.station)
    passed = event.evaluation is Evaluation.OK
    now = (event.step, event.station) if passed else None
    step, recipe = advice(case.connection, found.material, found.id, "", passed_now=now)
    recorded = resolved(event, item=found.public)
    return Decision(recorded, found.public, next_step=step, recipe=recipe)


def abort(case: Case, event: Abort) -> Decision:
    """End the operation that is open at the station, without a verdict.

    Raises: as `complete`.
    """
    found = usable(case, event.item)
    require_order(case, event.order)
    _require_open(case, found, event.station)
    return Decision(resolved(event, item=found.public), found.public)


def _require_open(case: Case, found: Found, station: str) -> None:
    visit = open_visit(case, found)
    if visit is None or visit[0] != station:
        raise NotStarted(found.public, station, _in_process_at(case, station))


def _in_process_at(case: Case, station: str) -> str | None:
    row = case.connection.execute(
        "SELECT v.item FROM station s CROSS JOIN visit v INDEXED BY visit_open"
        f" WHERE s.name=? AND v.station=s.id AND v.until={INF} ORDER BY v.at DESC LIMIT 1",
        (station,),
    ).fetchone()
    return None if row is None else public_id(case.connection, row[0])


def measure(case: Case, event: Measure) -> Decision:
    """Values of any known item, whatever its state: a laboratory may be slow."""
    found = case.resolve(event.item)
    require_order(case, event.order)
    return Decision(resolved(event, item=found.public), found.public)


def observe(case: Case, event: Observe) -> Decision:
    """A code that was read; what it names may be unknown or ambiguous.

    Raises: InvalidIdentifier.
    """
    require_order(case, event.order)
    try:
        found = case.resolve(event.item)
    except (UnknownItem, AmbiguousItem):
        return Decision(event)
    return Decision(resolved(event, item=found.public), found.public)
