"""The slots of stations as nodes: one appears with its first load and stays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from asyncua import ua

from tracenode.models.events import Correct, Master, Void
from tracenode.models.identifiers import Identity
from tracenode.models.receipts import Record
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.surface.changes import ModelChanges
from tracenode.server.opcua.surface.keys import below, encoded, model_id
from tracenode.server.opcua.surface.tree import ORGANIZES, Members
from tracenode.server.store.reading.catalogue import Catalogue
from tracenode.server.store.reading.slots import Slot, slots_of

__all__ = ["Slots"]

CHANGING: Final = ("load", "unload", "consume", "adjust", "fill", "transfer", "split", "scrap")
"""Types of events after which a slot may hold something else, or less."""


class Slots:
    """Keeps the variables of the slots of all stations."""

    def __init__(
        self,
        server: TraceServer,
        stations: Mapping[str, Members],
        catalogue: Catalogue,
        changes: ModelChanges,
    ) -> None:
        self._changes = changes
        for members in stations.values():
            changes.watch(members["Slots"])
        self._server, self._stations, self._catalogue = server, stations, catalogue
        self._slots: dict[tuple[str, str], Members] = {}
        self._held: dict[tuple[str, str], Slot] = {}

    def restored(self) -> Iterator[NewValue]:
        """Yield every value as the store knows it."""
        for station in self._stations:
            yield from self._shown(station)

    def held(self) -> list[tuple[str, Slot, Members]]:
        """Return what is on every slot as it was shown last: station, slot, ids of members."""
        return [(key[0], slot, self._slots[key]) for key, slot in self._held.items()]

    def after(self, records: Sequence[Record]) -> Iterator[NewValue]:
        """Yield what changed by some records."""
        for station in self._concerned(records):
            yield from self._shown(station)

    def _concerned(self, records: Iterable[Record]) -> Iterable[str]:
        concerned: dict[str, None] = {}
        for record in records:
            if record.refusal is not None:
                continue
            event = record.event
            if isinstance(event, Void | Correct | Master):
                return self._stations
            if event.type in CHANGING:
                if event.station in self._stations:
                    concerned[event.station] = None
                concerned.update(dict.fromkeys(station for station, _ in self._slots))
        return concerned

    def _shown(self, station: str) -> Iterator[NewValue]:
        for slot in self._catalogue.read(lambda connection: slots_of(connection, station)):
            members = self._slots.get((station, slot.name)) or self._make(station, slot.name)
            self._held[station, slot.name] = slot
            yield from _values(members, slot)

    def _make(self, station: str, name: str) -> Members:
        folder: ua.NodeId = self._stations[station]["Slots"]
        node_id, type_id = below(folder, ".", encoded(name)), model_id("TraceSlotType")
        made = self._server.instances.create(
            type_id, node_id, name, parent=folder, reference_type=ORGANIZES
        )
        self._changes.added(folder, node_id, type_id)
        self._slots[station, name] = made
        return made


def _values(members: Members, slot: Slot) -> Iterator[NewValue]:
    identity = Identity.parse(slot.lot) if slot.lot else None
    left = slot.remaining
    status = TraceStatus.Ok
    if not slot.lot:
        status = TraceStatus.MaterialEmpty
    elif slot.expires is not None and slot.expires <= datetime.now(UTC):
        status = TraceStatus.MaterialExpired
    yield NewValue(members["LotId"], slot.lot)
    yield NewValue(members["MaterialId"], "" if identity is None else identity.part)
    yield NewValue(members["Remaining"], math.nan if left is None else float(left))
    yield NewValue(members["LoadedAt"], slot.loaded or NULL_DATE)
    yield NewValue(members["ExpiresAt"], slot.expires or NULL_DATE)
    yield NewValue(members["Status"], int(status))
