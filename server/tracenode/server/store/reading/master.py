"""Master data as it is journaled (SEMANTICS S22): what an entry must say, and the one in force."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tracenode.models.errors import TraceError
from tracenode.models.event_parts import Name
from tracenode.models.events import Master, TraceEvent
from tracenode.models.faults import malformed
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity, unit_code
from tracenode.server.store.projecting.memory import memory_of

__all__ = [
    "Bom",
    "BomLine",
    "Material",
    "Order",
    "Route",
    "RouteStep",
    "Station",
    "bom",
    "checked_master",
    "in_force",
    "master_data",
    "material",
    "order_exists",
    "policy_then",
    "put_master",
    "route",
    "station_policy",
]

MAX_DAYS: Final = 36_525
"""A hundred years."""


class MasterEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Material(MasterEntry):
    """What a part number is. Its kind decides the scheme of its items' ids."""

    kind: Literal["unit", "lot", "container", "carrier"] = "unit"
    name: str = ""
    unit: str = ""
    """UN/ECE code of its quantities."""
    reuse_after_days: float | None = Field(default=None, ge=0, le=MAX_DAYS)
    """A number may come around again, as the next generation, this long after it was registered;
    None: never."""
    gtin: str = Field(default="", pattern=r"^([0-9]{14})?$")
    revision: str = ""
    level: int | None = Field(default=None, ge=1, le=4)
    """Traceability level of IPC-1782."""
    shelf_life_days: float | None = Field(default=None, ge=0, le=MAX_DAYS)
    id_pattern: str = ""
    over_consumption: Literal["reject", "flag"] = "flag"
    """What becomes of a booking that takes more of a lot than there is."""
    description: str = ""

    @field_validator("unit")
    @classmethod
    def _is_known(cls, unit: str) -> str:
        try:
            return unit_code(unit) if unit else unit
        except TraceError as error:
            raise ValueError(str(error)) from error

    @property
    def item_kind(self) -> ItemKind:
        return _KINDS[self.kind]


class RouteStep(MasterEntry):
    """One operation; an empty station means any, an empty recipe or tool any too. It may be done
    `max_runs` times (None: as often as needed; one that is broken off does not count); `once`: not
    again while its pass stands; `optional`: what follows does not wait for it, unless it failed;
    `inside`: also done while the unit is part of another."""

    step: str = Field(min_length=1)
    station: str = ""
    recipe: str = ""
    tool: str = ""
    max_runs: int | None = Field(default=None, ge=1)
    once: bool = False
    optional: bool = False
    inside: bool = False


class Route(MasterEntry):
    """The operations of a material, in order. The key of the entry is the material."""

    steps: tuple[RouteStep, ...] = Field(min_length=1)


class BomLine(MasterEntry):
    material: str = Field(min_length=1)
    quantity: Quantity | None = None
    position: str = ""


class Bom(MasterEntry):
    """What goes into a material. The key of the entry is the material."""

    components: tuple[BomLine, ...]


class Station(MasterEntry):
    """How a station books. The key of the entry is the station.

    `consumption`: its material is declared by bookings, or derived from what is mounted on its
    slots while a unit is there (SEMANTICS S12); never both; a change counts from the next load of
    a slot on. `unknown_items`: refused, or stood in for by a placeholder (S16).
    """

    consumption: Literal["declare", "derive"] = "declare"
    unknown_items: Literal["reject", "placeholder"] = "reject"
    slots: tuple[Name, ...] = ()
    """Names of its slots; none: any name is taken."""

    @property
    def derives(self) -> bool:
        """True where consumption is derived."""
        return self.consumption == "derive"


class Order(MasterEntry):
    """A production order; its number is the key of the entry."""

    material: str = ""
    quantity: Quantity | None = None
    due: date | None = None
    customer: str = ""
    description: str = ""


_KINDS: Final[dict[str, ItemKind]] = {
    "unit": ItemKind.Unit,
    "lot": ItemKind.Lot,
    "container": ItemKind.Container,
    "carrier": ItemKind.Carrier,
}
_ENTRIES: Final[dict[str, type[MasterEntry]]] = {
    "material": Material,
    "route": Route,
    "bom": Bom,
    "order": Order,
    "station": Station,
}


def checked_master(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an entry's data with spellings made canonical and defaults left out.

    Raises:
        MalformedRequest: the first fault, with its path.
    """
    try:
        entry = _ENTRIES[kind].model_validate(data)
    except ValidationError as error:
        raise malformed(error, "data") from error
    return entry.model_dump(mode="json", exclude_defaults=True)


def put_master(connection: sqlite3.Connection, seq: int, event: Master) -> None:
    """Keep a version of an entry; without data it is out of use from here on."""
    data = None if event.data is None else json.dumps(event.data, sort_keys=True)
    gtin = None if event.data is None else event.data.get("gtin") or None
    connection.execute(
        "INSERT INTO master(kind,key,ev,data,gtin) VALUES(?,?,?,?,?)",
        (event.kind, event.key, seq, data, gtin),
    )
    memory_of(connection).master.pop((event.kind, event.key), None)


def master_data(connection: sqlite3.Connection, kind: str, key: str) -> dict[str, Any] | None:
    """Return the data in force of an entry; None where there is none or it is out of use."""
    text = _in_force(connection, kind, key)
    return None if text is None else json.loads(text)


def _in_force(connection: sqlite3.Connection, kind: str, key: str) -> str | None:
    known = memory_of(connection).master
    if (kind, key) not in known:
        row = connection.execute(
            "SELECT data FROM master WHERE kind=? AND key=? ORDER BY ev DESC LIMIT 1", (kind, key)
        ).fetchone()
        known[kind, key] = None if row is None else row[0]
    return known[kind, key]


def material(connection: sqlite3.Connection, key: str) -> Material | None:
    """Return a material in force."""
    text = _in_force(connection, "material", key)
    return None if text is None else _material(text)


@lru_cache(maxsize=1024)
def _material(text: str) -> Material:
    return Material.model_validate_json(text)


def route(connection: sqlite3.Connection, key: str) -> Route | None:
    """Return the route of a material."""
    text = _in_force(connection, "route", key)
    return None if text is None else _route(text)


@lru_cache(maxsize=1024)
def _route(text: str) -> Route:
    return Route.model_validate_json(text)


def bom(connection: sqlite3.Connection, key: str) -> Bom | None:
    """Return the bill of material of a material."""
    text = _in_force(connection, "bom", key)
    return None if text is None else _bom(text)


@lru_cache(maxsize=1024)
def _bom(text: str) -> Bom:
    return Bom.model_validate_json(text)


def station_policy(connection: sqlite3.Connection, key: str) -> Station:
    """Return how a station books; what stands at the defaults where nothing says so."""
    text = _in_force(connection, "station", key)
    return _STATION if text is None else _station(text)


def policy_then(connection: sqlite3.Connection, key: str, seq: int) -> Station:
    """Return how a station booked when a journal position was recorded."""
    row = connection.execute(
        "SELECT data FROM master WHERE kind='station' AND key=? AND ev<? ORDER BY ev DESC LIMIT 1",
        (key, seq),
    ).fetchone()
    return _STATION if row is None or row[0] is None else _station(row[0])


_STATION: Final = Station()


@lru_cache(maxsize=1024)
def _station(text: str) -> Station:
    return Station.model_validate_json(text)


def order_exists(connection: sqlite3.Connection, key: str) -> bool:
    """True where an order is in force."""
    return _in_force(connection, "order", key) is not None


def in_force(connection: sqlite3.Connection, event: TraceEvent) -> bool:
    """True where the event is master data that says what is in force already.

    Raises:
        MalformedRequest: the first fault of the data.
    """
    if not isinstance(event, Master) or event.data is None:
        return False
    return master_data(connection, event.kind, event.key) == checked_master(event.kind, event.data)
