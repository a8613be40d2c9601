"""Pages of the journal, or of one item, as EPCIS documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from tracenode.models.receipts import Record
from tracenode.server.epcis.identities import Identities
from tracenode.server.epcis.mapping import epcis_events
from tracenode.server.epcis.parts import time_text
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.master import master_data
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.store.writing.journal import (
    NOTED,
    REFUSED,
    Entry,
    entries,
    entry_at,
    from_microseconds,
    head_of,
    position_of,
    position_of_sequence,
    record_of,
)

__all__ = ["EpcisPage", "export_epcis", "frame"]

MAX_CHARACTERS: Final = 1_000_000
"""Of a page; one record more than that is given whole."""
CONTEXT: Final = (
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"tracenode": "urn:tracenode:epcis:"},
)
_TOUCHING: Final = "SELECT t.seq FROM touch t WHERE t.item=? AND t.seq>=? ORDER BY t.seq"
_OWNER: Final = "SELECT coalesce(state_of, id) FROM item WHERE id=?"


class EpcisPage(NamedTuple):
    """`events` are JSON texts. `following` is the EventSequence at which the next page begins; 0
    where there is none. `created` is the record time of the last record that was read."""

    events: tuple[str, ...]
    following: int
    created: datetime

    @property
    def document(self) -> str:
        """The page as an EPCISDocument."""
        begun, end = frame(self.created)
        return f"{begun}{','.join(self.events)}{end}"


def frame(created: datetime) -> tuple[str, str]:
    """Return what stands before and after the events of an EPCISDocument in JSON-LD."""
    head = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": time_text(created),
    }
    begun = json.dumps(head, separators=(",", ":"), ensure_ascii=False)
    return f'{begun[:-1]},"epcisBody":{{"eventList":[', "]}}"


def export_epcis(
    connection: Connection, site: str, item: str, from_sequence: int, limit: int
) -> EpcisPage:
    """Return up to `limit` published records from an EventSequence on, in their order: those that
    touch an item, or all where `item` is empty.

    Raises:
        InvalidIdentifier, UnknownItem, AmbiguousItem: the item.
    """
    identities = Identities(site, lambda material: _gtin(connection, material))
    created = from_microseconds(head_of(connection).rec)
    said: list[str] = []
    size = 0
    for number, record in enumerate(_records(connection, item, max(1, from_sequence))):
        events = [_text(event) for event in epcis_events(record, identities, _origin(connection))]
        size += sum(map(len, events))
        if number and (number == limit or size > MAX_CHARACTERS):
            return EpcisPage(tuple(said), record.sequence, created)
        said += events
        created = record.recorded
    return EpcisPage(tuple(said), 0, created)


def _records(connection: Connection, item: str, first: int) -> Iterator[Record]:
    """Yield the published records one by one: each may name thousands of items."""
    position = position_of_sequence(connection, first)
    found: Iterable[Entry | None]
    if item:
        ((owner,),) = connection.execute(_OWNER, (number_of(connection, item),))
        touching = connection.execute(_TOUCHING, (owner, position))
        found = (entry_at(connection, seq) for (seq,) in touching)
    else:
        found = entries(connection, position - 1)
    for entry in found:
        if entry is not None and entry.type not in (REFUSED, NOTED):
            record = record_of(entry)
            if record.sequence:
                yield record


def _at(connection: Connection, position: int) -> Record | None:
    entry = entry_at(connection, position)
    return None if entry is None else record_of(entry)


def _origin(connection: Connection) -> Callable[[str], Record | None]:
    def found(record: str) -> Record | None:
        position = position_of(connection, record)
        return None if position is None else _at(connection, position)

    return found


def _gtin(connection: Connection, material: str) -> str:
    data = master_data(connection, "material", material)
    return "" if data is None else str(data.get("gtin") or "")


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)
