"""Random plants with late events, voids and corrections, booked through the real door."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.store.oracle import Told
from tests.store.plant import Plant
from tracenode.models.events import Correct, Void
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.projecting.facts import Fact, entry, fact_of, record_at

__all__ = ["BOXES", "ITEMS", "LOTS", "UNITS", "Chance"]

UNITS: Final = tuple(f"U{i}" for i in range(7))
LOTS: Final = ("L0", "L1", "L2")
BOXES: Final = ("B0", "B1")
ITEMS: Final = (*UNITS, *LOTS, *BOXES)
_KINDS: Final = (
    *("assemble",) * 6,
    *("remove",) * 3,
    *("replace",) * 2,
    *("consume",) * 4,
    *("weld",) * 2,
    "cut",
    "split",
    *("fill",) * 3,
    *("tap",) * 3,
    *("top",) * 2,
    "pour",
    "empty",
    *("pack",) * 2,
    "unpack",
    *("start",) * 2,
    *("complete",) * 2,
    "scrap",
    "ship",
    *("hold",) * 2,
    "release",
    *("void",) * 4,
    *("correct",) * 3,
)


class Chance:
    """A plant and what was told of it, for an oracle."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.plant = Plant()
        self.told: list[Told] = []
        self._made = 0
        self._hour = 1.0
        for texts, material in ((UNITS, "PUMP"), (LOTS, "STEEL"), (BOXES, "BOX")):
            for text in texts:
                kind = "receive" if text == "L0" else "register"
                self._take(kind, 0, item=text, material=material)

    @property
    def items(self) -> list[str]:
        """The public ids of all items."""
        return [
            f"{scheme}:{part}:{text}"
            for scheme, part, text in self.plant.rows(
                "SELECT t.scheme, t.code, i.text FROM item i JOIN type t ON t.id=i.type"
                " WHERE i.state_of IS NULL ORDER BY i.id"
            )
        ]

    def step(self) -> None:  # noqa: PLR0912
        """Book something; it may be refused."""
        random = self.random
        self._hour += random.choice((0, 1, 2))
        minute = self._hour if random.random() < 0.7 else random.uniform(0, self._hour)
        kind = random.choice(_KINDS)
        unit, other, third = random.sample(UNITS, 3)
        box, lot = random.choice(BOXES), random.choice(LOTS)
        match kind:
            case "assemble":
                self._take(kind, minute, parent=unit, part=other, station="OP10")
            case "remove" | "replace":
                sits = [edge for edge in self.plant.edges() if set(edge) <= set(UNITS)]
                unit, other = random.choice(sorted(sits)) if sits else (unit, other)
                if kind == "remove":
                    self._take(kind, minute, parent=unit, part=other)
                else:
                    self._take(kind, minute, parent=unit, old_part=other, new_part=third)
            case "consume":
                self._take(kind, minute, item=unit, lot=lot, quantity="1.5 KGM", station="OP20")
            case "weld":
                self._take("consume", minute, item=unit, lot=other)
            case "cut":
                inputs = [{"item": lot}, {"item": LOTS[random.randrange(3)]}]
                outputs = [{"item": self._new(), "material": "GLUE"} for _ in range(2)]
                self._take("transform", minute, inputs=inputs, outputs=outputs)
            case "split":
                self._take(kind, minute, lot=lot, child=self._new())
            case "fill":
                self._take(kind, minute, container=box, lot=lot, quantity="3 KGM")
            case "tap":
                self._take("consume", minute, item=unit, lot=box, quantity="0.5 KGM")
            case "top":
                target, source = random.sample((*LOTS, box), 2)
                self._take("fill", minute, container=target, lot=source)
            case "pour":
                self._take("transfer", minute, source=BOXES[0], target=BOXES[1], quantity="1 KGM")
            case "empty":
                self._take(kind, minute, container=box)
            case "pack" | "unpack":
                self._take(kind, minute, container=box, item=random.choice((unit, *BOXES)))
            case "start" | "complete":
                verdict: dict[str, Any] = {"evaluation": 1} if kind == "complete" else {}
                self._take(kind, minute, item=unit, station="OP10", **verdict)
            case "scrap":
                self._take(kind, minute, item=unit)
            case "ship":
                self._take(kind, minute, items=[random.choice((unit, box))])
            case "hold":
                scope = random.choice(("item", "where_used"))
                self._take(kind, minute, item=random.choice(ITEMS), scope=scope, reason="look")
            case "release":
                held = self.plant.rows("SELECT ev FROM hold")
                if held:
                    record = record_at(self.plant.connection, random.choice(held)[0])
                    self._take(kind, minute, hold=record, reason="fine")
            case _:
                self._withdraw(kind, minute)

    def _new(self) -> str:
        self._made += 1
        return f"N{self._made}"

    def _withdraw(self, kind: str, minute: float) -> None:
        random, connection = self.random, self.plant.connection
        told = random.choice(self.told)
        listed = []
        if told.event is not None and random.random() < 0.8:
            found = dependants(connection, Fact(told.at, told.seq, told.event))
            listed = [record_at(connection, seq) for seq in found]
        fields: dict[str, Any] = {
            "record": record_at(connection, told.seq),
            "reason": "wrong",
            "acknowledged": listed,
        }
        if kind == "correct":
            unit, other = random.sample(UNITS, 2)
            fields["replacement"] = random.choice(
                (
                    {"type": "assemble", "parent": unit, "part": other, "station": "OP30"},
                    {"type": "consume", "item": unit, "lot": random.choice(LOTS)},
                )
            )
        self._take(kind, minute, **fields)

    def _take(self, kind: str, minute: float, **fields: Any) -> None:
        receipt = self.plant.book(kind, minute, **fields)
        connection = self.plant.connection
        type_, at, event = entry(connection, receipt.position)
        if event is None:
            return
        target = 0
        if isinstance(event, Void | Correct):
            target = next(
                told.seq for told in self.told if record_at(connection, told.seq) == event.record
            )
        if isinstance(event, Correct):
            fact = fact_of(connection, receipt.position, at, event)
            self.told.append(Told(fact.seq, fact.at, fact.event, target))
        else:
            said = None if type_ == "void" else event
            self.told.append(Told(receipt.position, at, said, target))
