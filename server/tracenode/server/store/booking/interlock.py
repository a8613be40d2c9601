"""The interlock (SEMANTICS S18): what may be operated on where, and what may go into what.

The order of all checks is fixed: identity (`checks`), duplicate, hold, expiry, route, component,
recipe and tool. A route, a bill of material and a material count as they are in force when it is
booked; late bookings are checked against what stood before them in event time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tracenode.models.errors import MalformedRequest, TraceError
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Start
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.interlock import (
    AlreadyProcessed,
    MaterialBlocked,
    MaterialExpired,
    PreviousStepFailed,
    PreviousStepMissing,
    ReworkLimitReached,
    WrongRecipe,
    WrongRoute,
    WrongTool,
)
from tracenode.server.store.booking.checks import Case, Visit, require_loose, require_no_hold
from tracenode.server.store.booking.routing import Progress, Verdict, progress, verdicts
from tracenode.server.store.projecting.facts import entry, fact_of
from tracenode.server.store.reading.master import Route, RouteStep, material, route
from tracenode.server.store.reading.resolve import LATEST, Found
from tracenode.server.store.writing.journal import from_microseconds

__all__ = [
    "Advice",
    "first_advice",
    "open_step",
    "pass_judgement",
    "require_as_planned",
    "require_route",
    "require_unexpired",
    "require_usable",
]


# ------------------------------------------------------------------ material
def require_usable(case: Case, items: Iterable[Found]) -> None:
    """Refuse material that may not be used: ItemOnHold, MaterialExpired, MaterialBlocked (not a
    placeholder, of which no material is known)."""
    items = tuple(items)
    require_no_hold(case, items)
    require_unexpired(case, items)
    for found in items:
        known = found.material != PLACEHOLDER
        if known and material(case.connection, found.material) is None:
            raise MaterialBlocked(found.public, found.material)


def require_unexpired(case: Case, items: Iterable[Found]) -> None:
    """Refuse what had expired at the event time: MaterialExpired."""
    for found in items:
        if found.expires is not None and found.expires <= case.at:
            raise MaterialExpired(found.public, from_microseconds(found.expires))


# ------------------------------------------------------------------ route
@dataclass(frozen=True, slots=True)
class Advice:
    """What next: a step and its recipe, both empty where there is none. `text` says why a step that
    is to be done would be refused."""

    step: str = ""
    recipe: str = ""
    text: str = ""


def require_route(case: Case, found: Found, event: Start) -> RouteStep | None:
    """Return the step that may begin at the event time; None where the material has no route.

    Raises:
        WrongRoute: no step of the route is done there.
        PartAlreadyInstalled: the unit is part of another, and the route does not allow it.
        PreviousStepFailed, PreviousStepMissing, AlreadyProcessed, ReworkLimitReached.
    """
    planned = route(case.connection, found.material)
    if planned is None:
        require_loose(case, found)
        return None
    reached = progress(planned, verdicts(case.connection, found.id, case.at))
    index = reached.index(event.step, event.station)
    if index is None or planned.steps[index].station not in ("", event.station):
        raise WrongRoute(found.public, event.station, _expected(reached))
    _require_step(case, found, reached, index)
    return planned.steps[index]


def _expected(reached: Progress) -> str:
    if reached.next is None:
        return ""
    step = reached.steps[reached.next]
    return f"{step.step} at {step.station}" if step.station else step.step


def _require_step(case: Case, found: Found, reached: Progress, index: int) -> None:
    step = reached.steps[index]
    if not step.inside:
        require_loose(case, found)
    waiting = reached.waiting(index)
    if waiting is not None:
        before, verdict = reached.steps[waiting].step, reached.standing[waiting]
        if verdict is None:
            raise PreviousStepMissing(found.public, step.step, before)
        raise PreviousStepFailed(found.public, step.step, before, verdict.name)
    if step.once and reached.standing[index] is Evaluation.OK:
        raise AlreadyProcessed(found.public, step.step)
    if step.max_runs is not None and reached.runs[index] >= step.max_runs:
        raise ReworkLimitReached(found.public, step.step, step.max_runs)


def require_as_planned(step: RouteStep, event: Start) -> None:
    """Refuse another recipe or tool than planned, where both are given: WrongRecipe, WrongTool."""
    if step.recipe and event.recipe and event.recipe != step.recipe:
        raise WrongRecipe(step.step, step.recipe, event.recipe)
    if step.tool and event.tool and event.tool != step.tool:
        raise WrongTool(step.step, step.tool, event.tool)


def open_step(case: Case, found: Found, visit: Visit) -> RouteStep | None:
    """Return the step that an open operation is of; None where the material has no route, or the
    route no step for it."""
    planned = route(case.connection, found.material)
    if planned is None:
        return None
    return _open_step(case, planned, visit, verdicts(case.connection, found.id, visit.since))


def _open_step(
    case: Case, planned: Route, visit: Visit, before: Iterable[Verdict]
) -> RouteStep | None:
    _, at, event = entry(case.connection, visit.ev)
    assert event is not None, "what opened a visit is a booking"
    begun = fact_of(case.connection, visit.ev, at, event).event
    assert isinstance(begun, Start), "a start alone opens a visit"
    index = progress(planned, before).index(begun.step, begun.station)
    return None if index is None else planned.steps[index]


def pass_judgement(case: Case, found: Found, visit: Visit, event: Complete) -> tuple[str, Advice]:
    """Return the step that a verdict is on, which is the open one, and what is next after it. All
    other verdicts count, later ones too; not the one that ended the operation until now.

    Raises:
        MalformedRequest: the verdict says another step.
    """
    planned = route(case.connection, found.material)
    if planned is None:
        return event.step, Advice()
    known = verdicts(case.connection, found.id, LATEST)
    others = [verdict for verdict in known if verdict.begun != visit.ev]
    before = (verdict for verdict in others if verdict.at <= visit.since)
    step = _judged(found, _open_step(case, planned, visit, before), event)
    passed = Verdict(case.at, case.seq, step, event.station, event.evaluation, visit.ev)
    return step, _advice(case, found, progress(planned, sorted((*others, passed))))


def _judged(found: Found, begun: RouteStep | None, event: Complete) -> str:
    if begun is None or event.step == begun.step:
        return event.step
    if event.step not in ("", event.station):
        expected = f"{begun.step}, which is open on {found.public}"
        raise MalformedRequest("step", expected, event.step)
    return begun.step


def _advice(case: Case, found: Found, reached: Progress) -> Advice:
    if reached.next is None:
        return Advice()
    try:
        _require_step(case, found, reached, reached.next)
    except TraceError as refusal:
        return Advice(text=str(refusal))
    step = reached.steps[reached.next]
    return Advice(step.step, step.recipe)


def first_advice(planned: Route | None) -> Advice:
    """Return what is next for an item that is new."""
    index = None if planned is None else Progress(planned.steps).next
    if planned is None or index is None:
        return Advice()
    return Advice(planned.steps[index].step, planned.steps[index].recipe)
