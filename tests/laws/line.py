"""A plant on which anything may be booked, and the list of what was accepted."""

from __future__ import annotations

from typing import Any, Final

from tests.laws.told import FOREVER, Told, microseconds
from tests.laws.world import World
from tests.store.plant import Plant, instant, misremembered
from tracenode.models.events import Correct, Release, Void
from tracenode.models.receipts import Receipt
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.projecting.facts import Fact, entry

__all__ = ["BOXES", "DERIVING", "LOTS", "SLOTS", "STATIONS", "TAKES_UNKNOWN", "UNITS", "Line"]

UNITS: Final = tuple(f"U{i}" for i in range(6))
LOTS: Final = {"L0": "10 KGM", "L1": "2500 GRM", "L2": None, "L3": "4 KGM"}
BOXES: Final = ("B0", "B1")
STATIONS: Final = ("OP0", "OP1")
DERIVING: Final = "SMT"
SLOTS: Final = ("F0", "F1")
TAKES_UNKNOWN: Final = "OP9"
"""A station at which a placeholder stands in for what nobody registered."""


class Line:
    """`told` is all that an oracle is given; `records` are the positions of record ids."""

    def __init__(self) -> None:
        self.plant = Plant()
        self.plant.master("station", DERIVING, consumption="derive")
        self.plant.master("station", TAKES_UNKNOWN, unknown_items="placeholder")
        for station in STATIONS:
            self.plant.master("station", station)
        self.told: list[Told] = []
        self.records: dict[str, int] = {}
        self.hour = 1.0
        self._made = 0
        for text in UNITS:
            self.take("register", 0, item=text, material="PUMP")
        for text, quantity in LOTS.items():
            kind = "register" if text == "L1" else "receive"
            self.take(kind, 0, item=text, material="STEEL", quantity=quantity)
        for text in BOXES:
            self.take("register", 0, item=text, material="BOX")

    @property
    def items(self) -> list[str]:
        """The public ids of all items that were ever made."""
        rows = self.plant.rows(
            "SELECT t.scheme, t.code, i.text FROM item i JOIN type t ON t.id=i.type"
            " WHERE i.state_of IS NULL ORDER BY i.id"
        )
        return [f"{scheme}:{part}:{text}" for scheme, part, text in rows]

    def of(self, scheme: str) -> list[str]:
        """The items of one kind, by what their ids begin with."""
        return [item for item in self.items if item.startswith(f"{scheme}:")]

    def new(self) -> str:
        """Return a number that nothing has."""
        self._made += 1
        return f"N{self._made}"

    def world(self, known: int | None = None, minute: float | None = None) -> World:
        """Return what the oracle says, as known at a position, by the end of a minute."""
        then = None if minute is None else microseconds(instant(minute))
        known = FOREVER if known is None else known
        return World.of(self.told, known, then, frozenset({DERIVING}))

    def take(self, kind: str, minute: float, **fields: Any) -> Receipt:
        """Book what happened at a minute; it may be refused."""
        receipt = self.plant.book(kind, minute, **fields)
        connection = self.plant.connection
        wrong = misremembered(connection)
        assert not wrong, f"after {kind} {fields}: {wrong}"
        _, at, event = entry(connection, receipt.position)
        if event is None:
            return receipt
        seq = self.records[receipt.record] = receipt.position
        match event:
            case Void(record=record):
                told = Told(seq, at, None, self.records[record])
            case Correct(record=record, replacement=replacement):
                assert replacement.event_time is not None, "recorded with its time"
                at = microseconds(replacement.event_time)
                told = Told(seq, at, replacement, self.records[record])
            case Release(hold=hold):
                told = Told(seq, at, event, ends=self.records[hold])
            case _:
                told = Told(seq, at, event)
        self.told.append(told)
        return receipt

    def withdraw(self, told: Told, minute: float, replacement: dict[str, Any] | None) -> Receipt:
        """Void a record, or correct it, with all that depends on it acknowledged."""
        records = {seq: record for record, seq in self.records.items()}
        listed: list[str] = []
        if told.event is not None:
            found = dependants(
                self.plant.connection, Fact(told.at, told.seq, told.event, told.ends)
            )
            listed = [records[seq] for seq in found]
        fields: dict[str, Any] = {"record": records[told.seq], "reason": "wrong"}
        fields["acknowledged"] = listed
        if replacement is None:
            return self.take("void", minute, **fields)
        return self.take("correct", minute, **fields, replacement=replacement)
