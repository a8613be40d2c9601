"""What was drawn from a placeholder was drawn from the lot that it turned out to be (S16).

One identity edge joins the two, and leads to the lot itself. Where the lot was topped up after a
draw it has contents of its own (S5), which what is drawn under the placeholder's id would not be
made of: such a record must name the lot.
"""

from __future__ import annotations

from typing import Final

from tracenode.models.errors import MalformedRequest
from tracenode.models.events import Correct, Identify, TraceEvent, Void
from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import is_placeholder
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.booking.trial import taken_back
from tracenode.server.store.projecting.flows import DRAWN, FLOWING, flows, is_lot
from tracenode.server.store.projecting.placeholders import identified_as, stood_in_by
from tracenode.server.store.projecting.projector import project, target_of
from tracenode.server.store.projecting.stock import holding_of
from tracenode.server.store.reading.resolve import former_number, public_id

__all__ = ["require_same_lot"]

_APART: Final = f"""
SELECT q.dst FROM edge q INDEXED BY edge_identity CROSS JOIN content c CROSS JOIN edge d
WHERE q.src=:lot AND q.rel={Relation.Identity:d} AND c.item=q.src AND c.state<>c.item
  AND d.src=q.dst AND d.rel&15 NOT IN ({Relation.Install:d},{Relation.Contain:d})
  AND (c.at,c.ev)<(d.at,d.ev)
UNION ALL SELECT q.dst FROM edge q INDEXED BY edge_identity CROSS JOIN content c CROSS JOIN mount m
WHERE q.src=:lot AND q.rel={Relation.Identity:d} AND c.item=q.src AND c.state<>c.item
  AND m.item=q.dst AND m.derive=1 AND c.at<m.until
LIMIT 1"""

_CONCERNING: Final = FLOWING | {Identify, Void, Correct}


def require_same_lot(case: Case, recorded: TraceEvent) -> None:
    """Refuse what would leave something drawn from a placeholder while a later content was in the
    lot that it is: MalformedRequest."""
    if type(recorded) not in _CONCERNING:
        return
    lots = _concerned(case, recorded)
    if not lots:
        return
    connection = case.connection
    with taken_back(connection):
        project(connection, case.seq, case.at, recorded)
        for lot in lots:
            apart = connection.execute(_APART, {"lot": lot}).fetchone()
            if apart is not None:
                placeholder, real = public_id(connection, apart[0]), public_id(connection, lot)
                found = f"{placeholder}, drawn from after {real}, which it is, was topped up"
                raise MalformedRequest("placeholder", f"records that name {real}", found)


def _concerned(case: Case, recorded: TraceEvent) -> set[int]:
    """The identified lots whose contents, or whose placeholders' uses, an event may change."""
    connection = case.connection
    named = _owners(case, recorded)
    if isinstance(recorded, Identify):
        named = {recorded.item} if is_lot(recorded.item) else set()
    lots: set[int] = set()
    for public in named:
        number = former_number(connection, public)
        if number is None:
            continue
        if is_placeholder(public):
            real = identified_as(connection, number)
            lots |= set() if real is None else {real}
        elif isinstance(recorded, Identify) or stood_in_by(connection, number):
            lots.add(number)
    return lots


def _owners(case: Case, recorded: TraceEvent) -> set[str]:
    """The lots that an event may give another content, and the placeholders that it draws from."""
    if isinstance(recorded, Void | Correct):
        target = target_of(case.connection, recorded.record).event
        both = (target, recorded.replacement) if isinstance(recorded, Correct) else (target,)
        return {flow.owner for event in both for flow in flows(event) if is_lot(flow.owner)}
    return {
        flow.owner
        for flow in flows(recorded)
        if is_lot(flow.owner)
        and (is_placeholder(flow.owner) or flow.kind not in DRAWN or _is_late(case, flow.owner))
    }


def _is_late(case: Case, public: str) -> bool:
    number = former_number(case.connection, public)
    if number is None:
        return False
    return case.at < holding_of(case.connection, number, container=False).last
