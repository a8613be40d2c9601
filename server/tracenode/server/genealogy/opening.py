"""The item of a question and the moment that it looks at, by one statement where that can be."""

from __future__ import annotations

from typing import Final, NamedTuple

from tracenode.models.answers import Question
from tracenode.server.genealogy.edges.contents import Kind
from tracenode.server.genealogy.moment import HEAD, Moment, latest, moment_of
from tracenode.server.store.reading.known import IDENTIFIED, TYPED, number_of, parts_of
from tracenode.server.store.reading.resolve import parsed
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["Opened", "opened"]

_OPENED: Final = f"""
SELECT h.head, h.hash, h.mounts, i.id, t.cls, i.state_of, t.code
FROM ({HEAD}) h LEFT JOIN type t ON {TYPED} LEFT JOIN item i ON {IDENTIFIED}"""
"""Two joins, since SQLite would make a table of a join on the right of one."""


class Opened(NamedTuple):
    """`kind` is None where it was not read."""

    moment: Moment
    item: int
    kind: Kind | None


def opened(reading: Reading, question: Question) -> Opened:
    """Return when a question looks and the number of its item. Mostly that is named by its public
    id and the question is of what is known now: then it is one statement.

    Raises:
        InvalidIdentifier, UnknownItem, AmbiguousItem: the item.
        MalformedRequest: a time without its zone, or a position below 0.
    """
    text = question.item
    identity = None if question.as_known_at is not None else parsed(text)
    if identity is None or identity.state:
        moment = moment_of(reading, question)
    else:
        values = {"k": INF, **parts_of(identity)}
        ((head, last, mounts, item, *kind),) = reading.rows(_OPENED, values)
        moment = latest(reading, question.as_of, head, last, mounts)
        if item is not None:
            return Opened(moment, item, Kind(*kind))
    item = number_of(reading.connection, text, moment.as_of, moment.known)
    return Opened(moment, item, None)
