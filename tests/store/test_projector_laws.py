"""Random plants: the tables say what a plain list of the events says, now, as of any time, and as
known at any position; a replay of the journal fills the same tables (S4, S6, S13, S15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.laws.holdings import Content
from tests.store import oracle
from tests.store.oracle import Told
from tests.store.plant import Plant, believed_intervals, instant, misremembered
from tracenode.models.events import Correct, Hold, Register, TraceEvent, Void, parse_event
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.projecting.content import content_at
from tracenode.server.store.projecting.facts import Fact, entry, fact_of, record_at
from tracenode.server.store.projecting.interning import quantity_of
from tracenode.server.store.projecting.stock import holding_of
from tracenode.server.store.reading.resolve import LATEST, public_id, row_of
from tracenode.server.store.writing.journal import microseconds

UNITS = tuple(f"U{i}" for i in range(5))
LOTS = {"L0": "10 KGM", "L1": "2500 GRM", "L2": None}
BOXES = ("B0", "B1")
KINDS = (
    *("assemble",) * 5,
    *("remove",) * 3,
    *("replace",) * 2,
    *("consume",) * 2,
    "weld",
    "cut",
    "press",
    "split",
    "merge",
    *("pack",) * 2,
    "unpack",
    *("start",) * 3,
    *("complete",) * 3,
    "abort",
    "scrap",
    "ship",
    "hold",
    "release",
    "bind",
    "unbind",
    "relabel",
    *("fill",) * 4,
    *("tap",) * 3,
    *("top",) * 2,
    "mix",
    "pour",
    "empty",
    "count",
    "load",
    *("void",) * 3,
    *("correct",) * 2,
)
NAMES = ("parent", "part", "old_part", "new_part", "item", "lot", "container", "source", "target")
step = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from([None, None, None, 0, 1, 3, 8]),
    st.booleans(),
)


@dataclass
class Walk:
    plant: Plant = field(default_factory=Plant)
    told: list[Told] = field(default_factory=list)
    made: int = 0
    asked: list[tuple[int, set[tuple[str, str]], set[Any]]] = field(default_factory=list)

    def begin(self) -> None:
        for text in UNITS:
            self.take(parse_event({"type": "register", "item": text, "material": "PUMP"}), 0)
        for text, quantity in LOTS.items():
            fields = {"item": text, "material": "STEEL", "quantity": quantity}
            self.take(parse_event({"type": "register", **fields}), 0)
        for text in BOXES:
            self.take(parse_event({"type": "register", "item": text, "material": "BOX"}), 0)
        self.take(parse_event({"type": "register", "item": "T", "material": "TRAY"}), 0)

    def take(self, event: TraceEvent, minute: float) -> Receipt:
        receipt = self.plant.book(event, minute)
        wrong = misremembered(self.plant.connection)
        assert not wrong, f"after {event}: {wrong}"
        self._remember(receipt)
        if receipt.status is TraceStatus.WouldCloseCycle:
            self._was_right(event, receipt, minute)
        return receipt

    def _remember(self, receipt: Receipt) -> None:
        plant = self.plant
        type_, at, event = entry(plant.connection, receipt.position)
        if event is None:
            assert type_ in ("refused", "noted")
            return
        target = 0
        if isinstance(event, Void | Correct):
            target = self._position(event.record)
        if isinstance(event, Correct):
            fact = fact_of(plant.connection, receipt.position, at, event)
            self.told.append(Told(fact.seq, fact.at, fact.event, target))
        else:
            said = None if isinstance(event, Void) else event
            self.told.append(Told(receipt.position, at, said, target))
        now = believed_intervals(plant.connection, receipt.position)
        self.asked.append((receipt.position, plant.edges(), now))

    def _position(self, record: str) -> int:
        return next(
            seq
            for seq in range(1, self.plant.seq + 1)
            if record_at(self.plant.connection, seq) == record
        )

    def _was_right(self, event: TraceEvent, receipt: Receipt, minute: float) -> None:
        """A refusal for a cycle names one that would really have been."""
        target = self._position(event.record) if isinstance(event, Void | Correct) else 0
        said: TraceEvent | None = event.replacement if isinstance(event, Correct) else event
        at = microseconds(instant(minute))
        if isinstance(event, Void):
            said = None
        elif isinstance(event, Correct) and event.replacement.event_time is None:
            at = next(t.at for t in self.told if t.seq == target)
        if said is not None:
            said = self._whole(said)
        would = [*self.told, Told(receipt.position, at, said, target)]
        own = said is not None and len({*named(said)}) < len(named(said))
        assert own or oracle.has_cycle(oracle.edges(would, receipt.position))

    def _whole(self, event: TraceEvent) -> TraceEvent:
        texts = {
            text: public_id(self.plant.connection, number)
            for number, text in self.plant.rows("SELECT id, text FROM item WHERE state_of IS NULL")
        }
        fields = event.model_dump()
        for name in NAMES:
            if name in fields:
                fields[name] = texts.get(fields[name], fields[name])
        return parse_event(fields)

    def walk(self, steps: list[tuple[str, int, int, int, int | None, bool]]) -> None:
        hour = 1
        for kind, a, b, c, back, flag in steps:
            hour += a % 2
            minute = hour if back is None else max(0, hour - back)
            if kind in ("void", "correct"):
                self._withdraw(kind, (a, b, c), acknowledge=flag, minute=minute)
            else:
                for fields in self._events(kind, a, b, c, flag):
                    self.take(parse_event(fields), minute)

    def _withdraw(
        self, kind: str, choices: tuple[int, int, int], *, acknowledge: bool, minute: float
    ) -> None:
        one, other = UNITS[choices[0]], UNITS[choices[1]]
        choice = choices[0] * 25 + choices[1] * 5 + choices[2]
        connection = self.plant.connection
        told = self.told[choice % len(self.told)]
        if isinstance(told.event, Register) and choice % 7:
            return
        record = record_at(connection, told.seq)
        listed: tuple[str, ...] = ()
        if acknowledge and told.event is not None:
            found = dependants(connection, oracle_fact(told))
            listed = tuple(record_at(connection, seq) for seq in found)
        fields: dict[str, Any] = {"record": record, "reason": "wrong", "acknowledged": listed}
        if kind == "void":
            self.take(Void(**fields), minute)
        elif not isinstance(told.event, Register):
            replacement = {"type": "assemble", "parent": one, "part": other}
            if choice % 3 == 0:
                replacement = {"type": "consume", "item": one, "lot": f"L{choice % 2}"}
            event = {"type": "correct", "replacement": replacement, **fields}
            self.take(parse_event(event), minute)

    def _content_event(
        self, kind: str, choices: tuple[int, int, int], flag: bool
    ) -> dict[str, Any]:
        a, b, c = choices
        lot, next_lot, box = f"L{c % 3}", f"L{(c + 1) % 3}", BOXES[b % 2]
        either = box if flag else lot
        some = {"quantity": (None, "0.5 KGM", "250 GRM", "2 KGM", "1 KGM")[a]}
        match kind:
            case "fill":
                return {"type": kind, "container": box, "lot": lot, **some}
            case "top":
                return {"type": "fill", "container": next_lot, "lot": either, **some}
            case "mix":
                return {"type": "consume", "item": next_lot, "lot": lot, **some}
            case "tap":
                return {"type": "consume", "item": UNITS[a], "lot": box, **some}
            case "pour":
                target = BOXES[box == BOXES[0]] if flag else lot
                return {"type": "transfer", "source": box, "target": target, **some}
            case "empty":
                return {"type": kind, "container": either}
            case "count":
                counted = "-1 KGM" if flag else "300 GRM"
                return {"type": "adjust", "lot": either, "quantity": counted, "reason": "counted"}
            case _:
                return {"type": "load", "station": "M1", "slot": "F1", "lot": either}

    def _new(self) -> str:
        self.made += 1
        return f"N{self.made}"

    def _events(  # noqa: PLR0912
        self, kind: str, a: int, b: int, c: int, flag: bool
    ) -> list[dict[str, Any]]:
        unit, other, third = UNITS[a], UNITS[b], UNITS[c]
        parents = {part: parent for parent, part in self.plant.edges()}
        if kind in ("remove", "replace", "unpack") and (flag or b != c):
            unit = parents.get(other, unit)
        lot, next_lot, station = f"L{c % 3}", f"L{(c + 1) % 3}", f"OP{c % 2}"
        match kind:
            case "assemble":
                return [{"type": kind, "parent": unit, "part": other}]
            case "remove":
                return [{"type": kind, "parent": unit, "part": other}]
            case "replace":
                return [{"type": kind, "parent": unit, "old_part": other, "new_part": third}]
            case "consume":
                return [{"type": kind, "item": unit, "lot": lot, "quantity": "0.25 KGM"}]
            case "fill" | "top" | "mix" | "tap" | "pour" | "empty" | "count" | "load":
                return [self._content_event(kind, (a, b, c), flag)]
            case "weld" if b != c:
                return []
            case "weld":
                return [{"type": "consume", "item": unit, "lot": other}]
            case "cut":
                outputs = [{"item": self._new(), "material": "GLUE"} for _ in range(2)]
                shares = [{"output": 0, "input": 0}, {"output": 1, "input": 1}]
                inputs = [{"item": lot}, {"item": next_lot}]
                fields: dict[str, Any] = {"type": "transform", "inputs": inputs}
                return [{**fields, "outputs": outputs, "map": shares if flag else None}]
            case "press" if a != b:
                return []
            case "press":
                outputs = [{"item": self._new(), "material": "CAR"}]
                return [{"type": "transform", "inputs": [{"item": unit}], "outputs": outputs}]
            case "split":
                return [{"type": kind, "lot": lot, "child": self._new()}]
            case "merge":
                lots = [{"item": lot}, {"item": next_lot}]
                return [{"type": kind, "lots": lots, "item": self._new(), "material": "GLUE"}]
            case "unpack":
                return [{"type": kind, "container": unit, "item": other}]
            case "pack":
                item = BOXES[0] if flag and c == 0 else unit
                return [{"type": kind, "container": BOXES[1 if flag else b % 2], "item": item}]
            case "start" | "abort":
                return [{"type": kind, "item": unit, "station": station}]
            case "complete":
                fields = {"type": kind, "item": unit, "station": station}
                return [{**fields, "evaluation": 1 if flag else 2}]
            case "hold":
                return [{"type": kind, "item": unit, "reason": "r"}] if b == c else []
            case "release":
                record = next(
                    (
                        record_at(self.plant.connection, told.seq)
                        for told in self.told
                        if isinstance(told.event, Hold) and (flag or told.seq % 2)
                    ),
                    "",
                )
                return [{"type": kind, "hold": record, "reason": "r"}]
            case "bind":
                return [{"type": kind, "carrier": "T", "item": unit}]
            case "unbind":
                return [{"type": kind, "carrier": "T"}]
            case "relabel":
                return [{"type": kind, "item": unit, "alias": f"X{b}"}]
            case "scrap":
                return [{"type": kind, "item": unit}] if a == b == c else []
            case _:
                return [{"type": "ship", "items": [unit]}] if a == 4 and b == c else []


def named(event: TraceEvent) -> list[str]:
    return [getattr(event, name) for name in NAMES if name != "old_part" and hasattr(event, name)]


def oracle_fact(told: Told) -> Fact:
    assert told.event is not None
    return Fact(told.at, told.seq, told.event)


def carried(plant: Plant, known: int) -> dict[tuple[str, str], Decimal | None]:
    """Return how much was carried over from which content into which, as known."""
    node = "{0}.text || iif({0}.state_of IS NULL, '', '~s' || {0}.ev)"
    rows = plant.rows(
        f"""
        SELECT {node.format("o")}, {node.format("i")}, e.qty, e.unit FROM (
          SELECT dst, src, qty, unit FROM edge WHERE rel=5 AND kf<=?1 UNION ALL
          SELECT dst, src, qty, unit FROM edge_was WHERE rel=5 AND kf<=?1 AND kt>?1) e
        JOIN item o ON o.id=e.dst JOIN item i ON i.id=e.src""",
        known,
    )
    found: dict[tuple[str, str], Decimal | None] = {}
    for output, input_, mantissa, unit in rows:
        quantity = quantity_of(plant.connection, mantissa, unit)
        found[output, input_] = None if quantity is None else quantity.to("KGM").value
    return found


def assert_holds(plant: Plant, public: str, content: Content) -> None:
    """The tables say the same of what is in an item, and of its stock."""
    number, _ = row_of(plant.connection, public)
    node = content_at(plant.connection, number, LATEST, container=content.place)
    assert (node and public_id(plant.connection, node)) == content.node
    holding = holding_of(plant.connection, number, container=content.place)
    gaps = (content.unknown, content.taken, content.fed)
    assert holding.totals[1:] == (content.come, content.gone, *gaps), public


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(st.lists(step, min_size=10, max_size=40))
def test_tables_say_what_the_events_say(
    steps: list[tuple[str, int, int, int, int | None, bool]],
) -> None:
    walk = Walk()
    walk.begin()
    walk.walk(steps)
    plant, told = walk.plant, walk.told
    nodes = dict(plant.rows("SELECT id, text || iif(state_of IS NULL, '', '~s' || ev) FROM item"))
    short = {public_id(plant.connection, number): text for number, text in nodes.items()}

    def shortened(edges: set[oracle.OracleEdge]) -> set[tuple[str, str]]:
        return {(short[output], short[input_]) for output, input_, *_ in edges}

    positions = [position for position, *_ in walk.asked]
    for known in [*positions[9::3], plant.seq]:
        expected, contents = oracle.edges_and_contents(told, known)
        assert not oracle.has_cycle(expected)
        assert carried(plant, known) == {
            (short[new], short[before]): amount
            for (new, before), amount in contents.carried.items()
        }
        assert plant.edges(known=known) == shortened(oracle.holding(expected, None))
        for minute in (0, 2, 5, 9, 14, 99):
            then = microseconds(instant(minute))
            assert plant.edges(minute, known) == shortened(oracle.holding(expected, then))
    for known, live, intervals in walk.asked:
        assert plant.edges(known=known) == live
        assert believed_intervals(plant.connection, known) == intervals
    for public, content in oracle.edges_and_contents(told, plant.seq)[1].of.items():
        assert_holds(plant, public, content)
    expected_states = oracle.states(told, plant.seq)
    assert {
        public: plant.state(text) for public, text in short.items() if plant.state(text) is not None
    } == expected_states
    assert plant.replayed() == plant.dump()
