"""What is mounted on a slot over time, from its loads and unloads in event order (SEMANTICS S12).

A load takes off what was on the slot, an unload leaves it empty. While a lot or container is on a
slot its content may change (S5): each content is a row of its own, so that a unit is made from what
was in the container while it was there. A container that is emptied on its slot stays there, and
nothing is derived from it until it is filled again.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, NamedTuple

from tracenode.models.events import Load, TraceEvent, Unload
from tracenode.server.store.projecting.belief import MOUNT, Key, Row, version
from tracenode.server.store.projecting.facts import Fact, facts_of_item
from tracenode.server.store.projecting.interning import position_id, slot_id, station_id
from tracenode.server.store.projecting.standing import standing_of
from tracenode.server.store.reading.master import policy_then
from tracenode.server.store.schema import INF

__all__ = [
    "MADE_FROM",
    "any_mounts",
    "ended_by",
    "mount",
    "remount",
    "remount_of",
    "slot_of",
]

MADE_FROM: Final = """
visit v CROSS JOIN slot s ON s.station=v.station CROSS JOIN mount m ON m.slot=s.id
  AND m.at>=coalesce((SELECT x.at FROM mount x WHERE x.slot=s.id AND x.at<=v.at
    ORDER BY x.at DESC LIMIT 1), v.at)
  AND v.at<m.until AND m.at<v.until AND m.at<m.until AND v.at<v.until AND m.derive=1"""
"""What the unit of a visit `v` is made from by current belief: `m.item`, from max(m.at, v.at) on.
A unit's visits are few, and of a slot only the mounts of its visits are read."""

_LATEST: Final = "SELECT at, ev, until FROM mount WHERE slot=? ORDER BY at DESC, ev DESC LIMIT 1"
_CONTENTS: Final = "SELECT at, ev, state, until, uev FROM content WHERE item=? ORDER BY at, ev"
_SLOTS_OF: Final = """
SELECT slot FROM mount INDEXED BY mount_item WHERE item=:item
UNION SELECT m.slot FROM item i CROSS JOIN mount m INDEXED BY mount_item
  WHERE i.state_of=:item AND m.item=i.id"""
_NAMES: Final = """
SELECT t.name, s.name FROM slot s CROSS JOIN station t WHERE s.id=? AND t.id=s.station"""

Place = tuple[int, int]
"""An event time and a journal position: what orders the events of an item or slot."""
_ENDLESS: Final[Place] = (INF, 0)


@dataclass(slots=True)
class _Loaded:
    """A lot on a slot, from the load at `begin` to what takes it off."""

    lot: str
    begin: Place
    end: Place = _ENDLESS


class _Piece(NamedTuple):
    """What a lot or container holds for a time; not `filled`: it was emptied."""

    item: int
    begin: Place
    end: Place
    filled: bool = True


def any_mounts(connection: sqlite3.Connection) -> bool:
    """True where anything was ever mounted, so that edges may have to be derived."""
    (number,) = connection.execute("SELECT max(id) FROM slot").fetchone()
    return number is not None


def slot_of(connection: sqlite3.Connection, event: TraceEvent) -> int | None:
    """Return the number of the slot that an event loads or unloads, giving it one where it has
    none; None for other events."""
    if type(event) is not Load and type(event) is not Unload:
        return None
    position_id(connection, event.slot)
    return slot_id(connection, station_id(connection, event.station), event.slot)


def mount(connection: sqlite3.Connection, fact: Fact) -> None:
    """Load or unload as a recorded fact says; nothing for other facts."""
    slot = slot_of(connection, fact.event)
    if slot is None:
        return
    _touch(connection, slot, fact.seq)
    latest = connection.execute(_LATEST, (slot,)).fetchone()
    if not _is_newest(connection, slot, fact, latest):
        _recompute(connection, slot, fact.seq, (fact,))
        return
    if latest is not None and latest[2] == INF:
        MOUNT.end(connection, (slot, latest[0], latest[1]), fact.at, fact.seq)
    if isinstance(fact.event, Load):
        loaded = _Loaded(fact.event.lot, (fact.at, fact.seq))
        for row in _rows(connection, slot, fact.event.station, loaded, fact.seq):
            MOUNT.put(connection, row)
    _keep_last(connection, slot, fact.at)


def remount(
    connection: sqlite3.Connection, seq: int, target: Fact, newest: tuple[Fact, ...]
) -> None:
    """Take back what a fact did to its slot, and do as the newest facts say instead."""
    slots: set[int] = set()
    for fact in (target, *newest):
        slot = slot_of(connection, fact.event)
        if slot is not None:
            slots.add(slot)
    for slot in sorted(slots):
        _touch(connection, slot, seq)
        _recompute(connection, slot, seq, newest)


def remount_of(
    connection: sqlite3.Connection, item: int, seq: int, newest: tuple[Fact, ...]
) -> None:
    """Recompute the slots that a lot or container is or was on, after its contents changed.

    `newest` are the facts at `seq` itself.
    """
    for (slot,) in connection.execute(_SLOTS_OF, {"item": item}).fetchall():
        _recompute(connection, slot, seq, newest)


def ended_by(connection: sqlite3.Connection, load: Fact) -> set[int]:
    """Return the position of the record that takes off what a load put on its slot; none where it
    is there still."""
    slot = slot_of(connection, load.event)
    assert slot is not None, "a load is at a slot"
    loads = _loaded(connection, slot, INF, ())
    return {loaded.end[1] for loaded in loads if loaded.begin[1] == load.seq} - {0}


def _touch(connection: sqlite3.Connection, slot: int, seq: int) -> None:
    connection.execute("INSERT OR IGNORE INTO touch(item,seq) VALUES(?,?)", (-slot, seq))


def _keep_last(connection: sqlite3.Connection, slot: int, at: int) -> None:
    connection.execute("UPDATE slot SET last=? WHERE id=? AND last<?", (at, slot, at))


def _is_newest(
    connection: sqlite3.Connection, slot: int, fact: Fact, latest: tuple[int, int, int] | None
) -> bool:
    """True where a fact comes after all that is on record of a slot, and was not done yet along
    with a change of contents."""
    (last,) = connection.execute("SELECT last FROM slot WHERE id=?", (slot,)).fetchone()
    if fact.at < last:
        return False
    if latest is None:
        return True
    at, ev, until = latest
    return at <= fact.at and ev != fact.seq and (until == INF or until <= fact.at)


def _recompute(
    connection: sqlite3.Connection, slot: int, seq: int, newest: tuple[Fact, ...]
) -> None:
    station, _ = connection.execute(_NAMES, (slot,)).fetchone()
    want: dict[Key, Row] = {}
    for loaded in _loaded(connection, slot, seq, newest):
        for row in _rows(connection, slot, station, loaded, seq):
            want[row.key] = row
        _keep_last(connection, slot, loaded.begin[0])
    version(connection, MOUNT, MOUNT.rows(connection, slot), want, seq)


def _loaded(
    connection: sqlite3.Connection, slot: int, before: int, newest: tuple[Fact, ...]
) -> list[_Loaded]:
    """Return what was on a slot, in event order, by its valid facts before a position."""
    place = connection.execute(_NAMES, (slot,)).fetchone()
    found: list[_Loaded] = []
    for fact in facts_of_item(connection, -slot, before=before, newest=newest):
        event = fact.event
        # A correction may have moved what it corrects to another slot.
        if not isinstance(event, Load | Unload) or (event.station, event.slot) != place:
            continue
        if found and found[-1].end == _ENDLESS:
            found[-1].end = (fact.at, fact.seq)
        if isinstance(event, Load):
            found.append(_Loaded(event.lot, (fact.at, fact.seq)))
    return found


def _rows(
    connection: sqlite3.Connection, slot: int, station: str, loaded: _Loaded, seq: int
) -> list[Row]:
    standing = standing_of(connection, loaded.lot)
    assert standing is not None, f"no item has the recorded id {loaded.lot!r}"
    standing.used = True
    derive = policy_then(connection, station, loaded.begin[1]).derives
    rows = []
    for piece in _pieces(connection, standing.number, loaded.begin):
        begin, end = max(piece.begin, loaded.begin), min(piece.end, loaded.end)
        if begin < end:
            payload = (piece.item, int(derive and piece.filled))
            rows.append(Row((slot, *begin), payload, *end, seq))
    return rows


def _pieces(connection: sqlite3.Connection, item: int, load: Place) -> list[_Piece]:
    """What a lot or container holds from its load on, without a gap. A lot is its own content
    before its first state; so is a container of whose content at the load nothing is known."""
    pieces: list[_Piece] = []
    past: Place = (-INF, 0)
    for at, ev, state, until, uev in connection.execute(_CONTENTS, (item,)).fetchall():
        begin, end = (at, ev), _ENDLESS if until == INF else (until, uev)
        if past < begin:
            pieces.append(_Piece(item, past, begin, filled=past <= load))
        pieces.append(_Piece(state, begin, end))
        past = end
    if past[0] < INF:
        pieces.append(_Piece(item, past, _ENDLESS, filled=past <= load))
    return [piece for piece in pieces if load < piece.end]
