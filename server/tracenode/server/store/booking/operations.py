"""Deciding on operations at stations: start, complete, abort, measure, observe."""

from __future__ import annotations

from dataclasses import dataclass

from tracenode.models.errors import (
    AmbiguousItem,
    DuplicateIdentifier,
    NotStarted,
    UnknownItem,
)
from tracenode.models.events import Abort, Complete, Measure, Observe, Start
from tracenode.server.store.booking.checks import (
    Case,
    Visit,
    open_visit,
    require_in_process,
    require_no_hold,
    require_order,
    usable,
)
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.interlock import (
    open_step,
    pass_judgement,
    require_as_planned,
    require_route,
    require_unexpired,
)
from tracenode.server.store.booking.mounts import require_mounted
from tracenode.server.store.reading.master import RouteStep
from tracenode.server.store.reading.resolve import Found, public_id
from tracenode.server.store.schema import OPEN_DIGITS
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["abort", "check", "complete", "measure", "observe", "start"]


@dataclass(frozen=True, slots=True)
class Permit:
    """The interlock's yes. `since` is when the operation was begun that is open there already;
    `step` that of the route, None where it has none."""

    step: RouteStep | None
    since: int | None = None


def start(case: Case, event: Start) -> Decision:
    """Check in; the record names the step of the route. While the operation is open here, a second
    start has no effect.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, UnknownOrder, and as `check`.
    """
    found = case.resolve(event.item)
    require_order(case, event.order)
    permit = check(case, found, event)
    step, recipe = (permit.step.step, permit.step.recipe) if permit.step else ("", "")
    recorded = resolved(event, item=found.public, step=step or event.step)
    if permit.since is None:
        return Decision(recorded, found.public, next_step=step, recipe=recipe)
    since = from_microseconds(permit.since).isoformat(timespec="seconds")
    text = f"in process here since {since}"
    return Decision(recorded, found.public, text, step, recipe, effect=False)


def check(case: Case, found: Found, event: Start) -> Permit:
    """Pass the interlock (SEMANTICS S18).

    Raises: ItemScrapped, DuplicateIdentifier (open at another station), ItemOnHold,
        MaterialExpired, WrongRoute, PartAlreadyInstalled, PreviousStepFailed, PreviousStepMissing,
        AlreadyProcessed, ReworkLimitReached, WrongRecipe, WrongTool; of what is mounted there,
        as `require_mounted`.
    """
    require_in_process(case, found)
    visit = open_visit(case, found)
    if visit is not None and visit.station != event.station:
        raise DuplicateIdentifier(found.public, f"in process at {visit.station}")
    require_no_hold(case, (found,))
    require_unexpired(case, (found,))
    if visit is not None:
        return Permit(open_step(case, found, visit), visit.since)
    step = require_route(case, found, event)
    if step is not None:
        require_as_planned(step, event)
    require_mounted(case, found, event.station)
    return Permit(step)


def complete(case: Case, event: Complete) -> Decision:
    """End the operation that is open at the station, with a verdict on its step.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, NotStarted,
        MalformedRequest (on another step).
    """
    found = usable(case, event.item)
    require_order(case, event.order)
    visit = _require_open(case, found, event.station)
    step, ahead = pass_judgement(case, found, visit, event)
    recorded = resolved(event, item=found.public, step=step)
    return Decision(recorded, found.public, ahead.text, ahead.step, ahead.recipe)


def abort(case: Case, event: Abort) -> Decision:
    """End the operation that is open at the station, without a verdict.

    Raises: as `complete`.
    """
    found = usable(case, event.item)
    require_order(case, event.order)
    _require_open(case, found, event.station)
    return Decision(resolved(event, item=found.public), found.public)


def _require_open(case: Case, found: Found, station: str) -> Visit:
    visit = open_visit(case, found)
    if visit is None or visit.station != station:
        raise NotStarted(found.public, station, _in_process_at(case, station))
    return visit


def _in_process_at(case: Case, station: str) -> str | None:
    row = case.connection.execute(
        "SELECT v.item FROM station s CROSS JOIN visit v INDEXED BY visit_stay"
        f" WHERE s.name=? AND v.station=s.id AND length(v.until-v.at)={OPEN_DIGITS}"
        " ORDER BY v.at DESC LIMIT 1",
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
