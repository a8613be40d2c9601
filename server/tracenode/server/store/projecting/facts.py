"""Recorded events as facts in event order, read back from the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from tracenode.models.events import Correct, Release, TraceEvent, parse_event
from tracenode.server.store.writing.journal import microseconds, position_of, record_id

__all__ = [
    "BOOKED_NOTHING",
    "Fact",
    "entry",
    "fact_of",
    "facts_of_item",
    "later_facts_of",
    "record_at",
]

BOOKED_NOTHING: Final = ("refused", "noted")
"""Types of journal entries that no table comes from."""
_NO_INTERVALS: Final = ("observe", "reject", "measure", "void", "master", "gap", *BOOKED_NOTHING)

_OF_ITEM: Final = f"""
SELECT j.seq, j.at, j.type, j.body FROM touch t CROSS JOIN journal j
WHERE t.item=? AND j.seq=t.seq AND t.seq<? AND j.type NOT IN {_NO_INTERVALS}
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=t.seq)"""


_LATER: Final = """
SELECT j.seq, j.at, j.type, j.body FROM touch t CROSS JOIN journal j
WHERE t.item=:item AND j.seq=t.seq AND t.seq<:seq AND (j.type='correct' OR j.at>:at AND j.type IN
  ('consume','split','transform','merge','fill','transfer','adjust','load'))
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=t.seq)"""


class Fact(NamedTuple):
    """What happened according to the record at `seq`; for a correction, its replacement.

    `hold` is the position of the hold that a release ends.
    """

    at: int
    seq: int
    event: TraceEvent
    hold: int = 0


@lru_cache(maxsize=64)
def _event(type_: str, body: str) -> TraceEvent:
    # An event of 10,000 items is read again for each of them when they are recomputed.
    return parse_event({"type": type_, **json.loads(body)["f"]})


def entry(connection: sqlite3.Connection, seq: int) -> tuple[str, int, TraceEvent | None]:
    """Return (type, event time, event) of a journal entry; no event where it booked nothing."""
    type_, at, body = connection.execute(
        "SELECT type, at, body FROM journal WHERE seq=?", (seq,)
    ).fetchone()
    return type_, at, None if type_ in BOOKED_NOTHING else _event(type_, body)


def fact_of(connection: sqlite3.Connection, seq: int, at: int, event: TraceEvent) -> Fact:
    """Return what a recorded event says happened. A void says nothing but that."""
    kind = type(event)
    if kind is not Correct and kind is not Release:
        return Fact(at, seq, event)
    if isinstance(event, Correct):
        assert event.replacement.event_time is not None, "recorded with its time"
        return Fact(microseconds(event.replacement.event_time), seq, event.replacement)
    if isinstance(event, Release):
        return Fact(at, seq, event, position_of(connection, event.hold) or 0)
    return Fact(at, seq, event)


def facts_of_item(
    connection: sqlite3.Connection, item: int, *, before: int, newest: Iterable[Fact] = ()
) -> list[Fact]:
    """Return the valid facts that may shape an item's intervals, in event order: those of the
    journal before a position, and the newest one, which may not stand in it yet."""
    facts = [
        fact_of(connection, seq, at, _event(type_, body))
        for seq, at, type_, body in connection.execute(_OF_ITEM, (item, before))
    ]
    facts.extend(newest)
    facts.sort(key=lambda fact: (fact.at, fact.seq))
    return facts


def later_facts_of(
    connection: sqlite3.Connection, item: int, fact: Fact, *, before: tuple[int, int]
) -> list[Fact]:
    """Return the valid facts that may draw from an item or put something into it, recorded before
    a fact but later in event order, up to a place; in event order."""
    values = {"item": item, "at": fact.at, "seq": fact.seq}
    later = [
        fact_of(connection, seq, at, _event(type_, body))
        for seq, at, type_, body in connection.execute(_LATER, values).fetchall()
    ]
    within = [one for one in later if fact.at < one.at and (one.at, one.seq) < before]
    return sorted(within, key=lambda one: (one.at, one.seq))


def record_at(connection: sqlite3.Connection, seq: int) -> str:
    """Return the record id of a journal position."""
    rec, digest = connection.execute("SELECT rec, hash FROM journal WHERE seq=?", (seq,)).fetchone()
    return record_id(rec, digest)
