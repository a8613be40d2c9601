"""What was at a station, what is in an item against its bill, how complete the trace is, and what a
recall would touch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import pytest

from tests.genealogy.asking import recall, short
from tests.genealogy.chance import Chance
from tests.store.plant import Plant, instant
from tracenode.models.analysis import (
    BomComparison,
    CommonCause,
    CompareToBom,
    Coverage,
    CoverageAnswer,
    Impact,
    ImpactAnswer,
    TimeWindow,
    WindowAnswer,
)
from tracenode.models.answers import Asked, canonical
from tracenode.models.errors import MalformedRequest, TraceError, UnknownItem, UnknownStation
from tracenode.models.evaluation import Evaluation
from tracenode.models.items import ItemState
from tracenode.server.genealogy import answer


def at(minute: float | None) -> datetime | None:
    return None if minute is None else instant(minute)


# ------------------------------------------------------------------ time window
@pytest.fixture
def line() -> Plant:
    """At OP10: A from 10 to 20 (OK), B from 15 (open), C from 30 to 40 (aborted), A again from 50
    to 55 (NotOK); A at OP20 from 20 to 25."""
    plant = Plant()
    plant.make("PUMP A", "PUMP B", "PUMP C")
    plant.ok("start", 10, item="A", station="OP10")
    plant.ok("start", 15, item="B", station="OP10")
    plant.ok("complete", 20, item="A", station="OP10", evaluation=1)
    plant.ok("start", 20, item="A", station="OP20")
    plant.ok("abort", 25, item="A", station="OP20")
    plant.ok("start", 30, item="C", station="OP10")
    plant.ok("abort", 40, item="C", station="OP10")
    plant.ok("start", 50, item="A", station="OP10")
    plant.ok("complete", 55, item="A", station="OP10", evaluation=2)
    return plant


def window(
    plant: Plant, since: float | None = None, until: float | None = None, **more: Any
) -> WindowAnswer:
    question = TimeWindow(station="OP10", since=at(since), until=at(until), **more)
    return answer(plant.connection, question)


def there(asked: WindowAnswer) -> str:
    return " ".join(short(visit.item) for visit in asked.visits)


def test_operations_say_when_they_began_and_ended_and_how(line: Plant) -> None:
    asked = window(line)
    assert asked.total == 4
    assert [
        (short(visit.item), visit.started, visit.ended, visit.evaluation) for visit in asked.visits
    ] == [
        ("A", instant(10), instant(20), Evaluation.OK),
        ("B", instant(15), None, None),
        ("C", instant(30), instant(40), None),
        ("A", instant(50), instant(55), Evaluation.NotOK),
    ]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, 10, ""),
        (None, 10.1, "A"),
        (19, 21, "A B"),
        (20, 30, "B"),
        (20, 30.1, "B C"),
        (39.9, 50, "B C"),
        (40, None, "B A"),
        (55, None, "B"),
    ],
)
def test_what_shares_an_instant_with_the_time_is_there(
    line: Plant, since: float | None, until: float | None, expected: str
) -> None:
    asked = window(line, since, until)
    assert there(asked) == expected
    assert asked.total == len(expected.split())


def test_a_window_comes_in_pages(line: Plant) -> None:
    pages = [window(line, offset=offset, limit=3) for offset in (0, 3, 6)]
    assert [there(page) for page in pages] == ["A B C", "A", ""]
    assert {page.total for page in pages} == {4}
    cut = window(line, max_nodes=2)
    assert (there(cut), cut.total, cut.statement.truncated) == ("A B", 4, True)


def test_a_window_at_a_moment_has_what_was_so_then(line: Plant) -> None:
    then = window(line, as_of=instant(35))
    assert there(then) == "A B C"
    assert then.visits[-1].ended is None
    known = line.seq
    line.ok("complete", 60, item="B", station="OP10", evaluation=1)
    assert window(line, 56).visits[0].ended == instant(60)
    assert there(window(line, 61)) == ""
    before = window(line, 61, as_known_at=known)
    assert there(before) == "B"
    assert before.visits[0].ended is None


def test_an_operation_of_any_length_is_found(line: Plant) -> None:
    line.make("PUMP D", "PUMP E")
    line.ok("start", 100, item="D", station="OP10")
    line.ok("start", 101, item="E", station="OP10")
    line.ok("complete", 500_000, item="D", station="OP10", evaluation=1)
    line.ok("complete", 101.001, item="E", station="OP10", evaluation=1)
    assert there(window(line, 400_000)) == "B D"
    assert there(window(line, 101.0005, 102)) == "B D E"


def test_a_station_that_nobody_knows_is_refused(line: Plant) -> None:
    with pytest.raises(UnknownStation, match="OP99"):
        answer(line.connection, TimeWindow(station="OP99"))
    line.master("station", "OP99")
    assert answer(line.connection, TimeWindow(station="OP99")).total == 0
    with pytest.raises(MalformedRequest, match="until"):
        window(line, 20, 20)
    with pytest.raises(MalformedRequest, match="since"):
        answer(line.connection, TimeWindow(station="OP10", since=datetime(2026, 1, 1)))  # noqa: DTZ001


# ------------------------------------------------------------------ bill of material
BILL = [
    {"material": "STEEL", "quantity": "1.5 KGM"},
    {"material": "MOTOR", "quantity": "1 H87", "position": "left"},
    {"material": "MOTOR", "quantity": "1 H87", "position": "right"},
    {"material": "GLUE"},
]


@pytest.fixture
def kit() -> Plant:
    """A pump is of 1.5 kg steel, two motors (left and right), and glue."""
    plant = Plant()
    plant.master("bom", "PUMP", components=BILL)
    plant.make("PUMP P", "STEEL S", "STEEL T", "MOTOR M1", "MOTOR M2", "GLUE G")
    return plant


def compared(plant: Plant, item: str = "P", **more: Any) -> BomComparison:
    return answer(plant.connection, CompareToBom(item=item, **more))


def verdicts(asked: BomComparison) -> dict[str, str]:
    return {f"{line.material}{line.position}": line.verdict.name for line in asked.lines}


def test_a_bill_is_met_line_by_line(kit: Plant) -> None:
    assert set(verdicts(compared(kit)).values()) == {"Missing"}
    kit.ok("consume", item="P", lot="S", quantity="700 g")
    kit.ok("consume", item="P", lot="T", quantity="0.8 kg", position="weld")
    kit.ok("consume", item="P", lot="G")
    kit.ok("assemble", parent="P", part="M1", position="left")
    kit.ok("assemble", parent="P", part="M2", position="right")
    asked = compared(kit)
    assert asked.matches
    assert set(verdicts(asked).values()) == {"Right"}
    steel = asked.lines[0]
    assert (str(steel.expected), str(steel.found)) == ("1.5 KGM", "1.5 KGM")
    assert [short(item) for item in steel.items] == ["S", "T"]
    assert asked.lines[-1].found is None, "unknown, and nobody asked"


@pytest.mark.parametrize(
    ("quantity", "verdict"),
    [
        ("1 kg", "TooLittle"),
        ("1.500000000001 kg", "TooMuch"),
        (None, "Unknown"),
        ("2 pcs", "Unknown"),
    ],
)
def test_a_quantity_is_compared_exactly(kit: Plant, quantity: str | None, verdict: str) -> None:
    kit.ok("consume", item="P", lot="S", quantity=quantity)
    asked = compared(kit)
    assert verdicts(asked)["STEEL"] == verdict
    assert not asked.matches


def test_what_is_not_in_the_bill_is_told(kit: Plant) -> None:
    kit.make("CAR C")
    kit.master("bom", "PUMP", components=[{"material": "CAR"}, {"material": "MOTOR"}])
    kit.ok("assemble", parent="P", part="C", position="top")
    kit.ok("assemble", parent="P", part="M1", position="middle")
    kit.master("bom", "PUMP", components=BILL)
    asked = verdicts(compared(kit))
    assert asked["CARtop"] == asked["MOTORmiddle"] == "NotInBom"
    assert asked["MOTORleft"] == "Missing"


def test_a_comparison_is_of_its_moment(kit: Plant) -> None:
    kit.ok("assemble", 100, parent="P", part="M1", position="left")
    kit.ok("remove", 110, parent="P", part="M1")
    assert verdicts(compared(kit))["MOTORleft"] == "Missing"
    assert verdicts(compared(kit, as_of=instant(105)))["MOTORleft"] == "Right"
    known = kit.seq
    kit.master("bom", "PUMP", components=[])
    assert compared(kit).matches
    assert not compared(kit, as_known_at=known).matches


def test_a_material_without_a_bill_matches_nothing(kit: Plant) -> None:
    kit.make("CAR C")
    asked = compared(kit, "C")
    assert (asked.has_bom, asked.matches, asked.lines) == (False, False, ())


def test_a_lot_takes_its_bill_as_often_as_there_is_of_it(kit: Plant) -> None:
    kit.master("bom", "GLUE", components=[{"material": "STEEL", "quantity": "20 g"}])
    kit.ok("register", item="G9", material="GLUE", quantity="10 kg")
    kit.ok("consume", item="G9", lot="S", quantity="0.2 kg")
    assert verdicts(compared(kit, "G9")) == {"STEEL": "Right"}


def test_what_is_drawn_from_a_container_counts_as_what_was_filled_in(kit: Plant) -> None:
    kit.make("BOX B")
    kit.ok("fill", container="B", lot="S", quantity="5 kg")
    kit.ok("fill", container="B", lot="T", quantity="5 kg")
    kit.ok("consume", item="P", lot="B", quantity="1.5 kg")
    assert verdicts(compared(kit))["STEEL"] == "Right"
    kit.ok("fill", container="B", lot="G")
    kit.make("PUMP Q")
    kit.ok("consume", item="Q", lot="B", quantity="1.5 kg")
    assert verdicts(compared(kit, "Q"))["BOX"] == "NotInBom", "steel and glue"


# ------------------------------------------------------------------ coverage
def covered(plant: Plant, *stations: str, **more: Any) -> CoverageAnswer:
    return answer(plant.connection, Coverage(stations=stations or ("OP10",), **more))


def test_an_item_is_complete_where_all_is_ended_and_known() -> None:
    plant = Plant()
    plant.ok("receive", item="L", material="STEEL")
    plant.make("STEEL UNKNOWN", "PUMP M")
    for pump, lot in {"A": "L", "B": "L", "C": "UNKNOWN", "D": "L"}.items():
        plant.make(f"PUMP {pump}")
        plant.ok("start", item=pump, station="OP10")
        plant.ok("consume", item=pump, lot=lot)
        if pump != "B":
            plant.ok("complete", item=pump, station="OP10", evaluation=1)
    asked = covered(plant)
    assert (asked.seen, asked.complete) == (4, 2)
    plant.ok("assemble", parent="D", part="M")
    plant.ok("consume", item="M", lot="UNKNOWN")
    assert covered(plant).complete == 1
    plant.ok("complete", item="B", station="OP10", evaluation=2)
    assert covered(plant).complete == 2
    assert covered(plant, as_known_at=asked.statement.as_known_at) == asked
    cut = covered(plant, max_nodes=2)
    assert (cut.seen, cut.statement.truncated) == (4, True)


def test_coverage_counts_what_is_missing_and_refused() -> None:
    plant = Plant()
    plant.make("PUMP A")
    plant.ok("start", 10, item="A", station="OP10")
    plant.ok("gap", 20, kind="fifo", missing=3, station="OP10")
    plant.ok("gap", 21, kind="fifo", missing=5, station="OP20")
    wrong = plant.ok("gap", 22, kind="bypass", missing=7, station="OP10")
    plant.ok("reject", 30, raw="00", reason="NOREAD", station="OP10")
    plant.book("complete", 40, item="NONE", station="OP10", evaluation=1)
    plant.ok("void", 50, record=wrong.record, reason="no")
    asked = covered(plant)
    assert (asked.gaps, asked.rejected, asked.refused) == (3, 1, 1)
    assert covered(plant, "OP10", "OP20").gaps == 8
    part = covered(plant, since=instant(30), until=instant(40))
    assert (part.gaps, part.rejected, part.refused) == (0, 1, 0)
    with pytest.raises(MalformedRequest, match="stations"):
        covered(plant, "OP10", "OP10")


def test_placeholders_are_counted_until_they_are_known() -> None:
    plant = Plant()
    plant.master("station", "OP10", unknown_items="placeholder")
    plant.make("PUMP A")
    plant.ok("start", item="A", station="OP10")
    plant.ok("consume", item="A", lot="X", station="OP10")
    plant.ok("complete", item="A", station="OP10", evaluation=1)
    asked = covered(plant)
    assert (asked.placeholders, asked.complete) == (1, 0)
    plant.ok("receive", item="X1", material="STEEL")
    plant.ok("identify", placeholder="X", item="X1")
    known = covered(plant)
    assert (known.placeholders, known.complete) == (0, 1)


# ------------------------------------------------------------------ impact
def touched(plant: Plant, item: str, **more: Any) -> ImpactAnswer:
    return answer(plant.connection, Impact(item=item, **more))


def test_impact_counts_by_material_and_state() -> None:
    plant = Plant()
    plant.make("STEEL L", "PUMP A", "PUMP B", "PUMP C", "CAR V")
    for pump in "ABC":
        plant.ok("consume", item=pump, lot="L")
    plant.ok("assemble", parent="V", part="A")
    plant.ok("remove", parent="V", part="A")
    plant.ok("scrap", item="B")
    asked = touched(plant, "L")
    assert asked.affected == 4
    assert [(line.material, line.state, line.items) for line in asked.lines] == [
        ("CAR", ItemState.Registered, 1),
        ("PUMP", ItemState.Registered, 2),
        ("PUMP", ItemState.Scrapped, 1),
    ]
    near = touched(plant, "L", max_depth=1)
    assert (near.affected, near.statement.truncated) == (3, True)


def test_impact_counts_what_a_recall_counts() -> None:
    chance = Chance(Random(5))
    for _ in range(80):
        chance.step()
    for item in chance.items:
        try:
            whole = recall(chance.plant, item, limit=0)
        except UnknownItem:
            continue
        asked = touched(chance.plant, item)
        assert asked.affected == whole.affected == sum(line.items for line in asked.lines)
        assert asked.statement == whole.statement


# ------------------------------------------------------------------ laws
def questions(chance: Chance) -> list[Asked]:
    random = chance.random
    minute = random.choice((None, None, random.uniform(0, 40)))
    items = random.sample(chance.items, 4)
    begin = random.choice((None, random.uniform(0, 30)))
    common: dict[str, Any] = {"as_of": at(minute)}
    bounds: dict[str, Any] = {"since": at(begin), "until": at(random.choice((None, 31)))}
    return [
        CommonCause(failed=tuple(items[:2]), passed=tuple(items[2:]), **common),
        CommonCause(failed=tuple(items[:2]), **common),
        TimeWindow(station="OP10", **bounds, **common),
        Coverage(stations=("OP10", "OP20"), **bounds, **common),
        CompareToBom(item=items[0], **common),
        Impact(item=items[0], ever=random.random() < 0.5, **common),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_asked_live_is_the_same_bytes_later(seed: int) -> None:
    chance = Chance(Random(seed))
    connection = chance.plant.connection
    components = [{"material": "STEEL", "quantity": "1.5 KGM"}]
    chance.plant.master("bom", "PUMP", components=components)
    chance.plant.ok("start", 0.5, item="U0", station="OP10")
    chance.plant.ok("consume", 0.5, item="U0", lot="L0", station="OP20")

    def said(question: Asked) -> bytes:
        try:
            return canonical(answer(connection, question))
        except TraceError as error:
            return str(error).encode()

    live: list[tuple[Asked, int, bytes]] = []
    for _ in range(25):
        chance.step()
        for question in chance.random.sample(questions(chance), 2):
            live.append((question, chance.plant.seq, said(question)))
    for question, known, before in live:
        assert said(replace(question, as_known_at=known)) == before, (question, known)
