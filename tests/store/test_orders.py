"""How many items of an order are where, whatever comes late, is voided or corrected."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.plant import Plant
from tracenode.models.evaluation import Evaluation
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus
from tracenode.server.store.projecting.aggregates import intervals
from tracenode.server.store.projecting.facts import facts_of_item
from tracenode.server.store.projecting.moves import Birth, LifeTo

OK, NOT_OK = Evaluation.OK, Evaluation.NotOK
UNITS = ("P1", "P2", "P3")
ORDERS = ("", "4711", "4712")
NOW = "SELECT name, work, good, scrap FROM order_now WHERE work+good+scrap>0 ORDER BY name"


def line() -> Plant:
    plant = Plant()
    for order in ORDERS[1:]:
        plant.master("order", order, material="PUMP")
    return plant


def counted(plant: Plant) -> dict[str, tuple[int, ...]]:
    return {name: tuple(counts) for name, *counts in plant.rows(NOW)}


def told_again(plant: Plant) -> dict[str, tuple[int, ...]]:
    """The same from each item's valid facts alone, in the order in which they happened."""
    found: Counter[tuple[str, int]] = Counter()
    for number, text in plant.rows("SELECT id, text FROM item"):
        facts = facts_of_item(plant.connection, number, before=1 << 40)
        orders = {fact.seq: fact.event.order for fact in facts}
        public = f"sn:PUMP:{text}"
        life = [one for one in intervals(public, facts) if isinstance(one.opening, LifeTo | Birth)]
        named = [orders[one.seq] for one in life if orders[one.seq]]
        if not named:
            continue
        assert isinstance(life[-1].opening, LifeTo)
        match life[-1].opening.state:
            case ItemState.Scrapped:
                found[named[-1], 2] += 1
            case ItemState.Registered | ItemState.InProcess:
                found[named[-1], 0] += 1
            case _:
                found[named[-1], 1] += 1
    return {name: tuple(found[name, i] for i in range(3)) for name, _ in sorted(found)}


def test_items_count_where_they_are() -> None:
    plant = line()
    for unit in UNITS:
        plant.ok("register", item=unit, material="PUMP", order="4711")
    assert counted(plant) == {"4711": (3, 0, 0)}
    plant.ok("start", item="P1", station="OP10")
    assert counted(plant) == {"4711": (3, 0, 0)}
    plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    plant.ok("scrap", item="P2")
    assert counted(plant) == {"4711": (1, 1, 1)}
    plant.ok("ship", items=["P1"])
    assert counted(plant) == {"4711": (1, 1, 1)}
    plant.ok("start", item="P3", station="OP10", order="4712")
    assert counted(plant) == {"4711": (0, 1, 1), "4712": (1, 0, 0)}


def test_what_is_voided_or_corrected_counts_no_more() -> None:
    plant = line()
    plant.ok("register", item="P1", material="PUMP", order="4711")
    plant.ok("start", item="P1", station="OP10", order="4712")
    done = plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    assert counted(plant) == {"4712": (0, 1, 0)}
    again = {"type": "complete", "item": "P1", "station": "OP10", "evaluation": NOT_OK}
    plant.ok("correct", record=done.record, reason="read wrongly", replacement=again)
    assert counted(plant) == {"4712": (1, 0, 0)}
    scrapped = plant.ok("scrap", item="P1")
    assert counted(plant) == {"4712": (0, 0, 1)}
    plant.ok("void", record=scrapped.record, reason="the wrong one")
    assert counted(plant) == {"4712": (1, 0, 0)}
    assert plant.replayed() == plant.dump()


def test_a_late_event_that_names_an_order_does_not_take_the_item_from_the_latest() -> None:
    plant = line()
    plant.ok("register", 1, item="P1", material="PUMP")
    plant.ok("start", 10, item="P1", station="OP10", order="4712")
    plant.ok("start", 5, item="P1", station="OP20", order="4711")
    assert counted(plant) == told_again(plant) == {"4712": (1, 0, 0)}


def test_a_placeholder_counts_until_its_item_is_known() -> None:
    plant = line()
    plant.master("station", "OP10", unknown_items="placeholder")
    stood_in = plant.ok("start", item="P9", station="OP10", order="4711").item
    assert counted(plant) == {"4711": (1, 0, 0)}
    plant.ok("register", item="P10", material="PUMP", order="4711")
    plant.ok("identify", placeholder=stood_in, item="P10")
    assert counted(plant) == {"4711": (1, 0, 0)}
    assert plant.replayed() == plant.dump()


def test_an_order_that_an_identified_placeholder_is_told_does_not_count_it() -> None:
    plant = line()
    plant.master("station", "OP10", unknown_items="placeholder")
    stood_in = plant.ok("start", item="P9", station="OP10").item
    plant.ok("register", item="P10", material="PUMP", order="4711")
    plant.ok("identify", placeholder=stood_in, item="P10")
    plant.ok("scrap", item=stood_in, order="4712")
    assert counted(plant) == {"4711": (1, 0, 0)}
    assert plant.replayed() == plant.dump()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["register", "start", "ok", "nok", "abort", "scrap", "ship", "void", "correct"]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(1, 60)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_counts_are_those_of_the_valid_facts(
    steps: list[tuple[str, int, int, int | None]],
) -> None:
    plant = line()
    records: list[str] = []
    for kind, unit, order, minute in steps:
        item, at = {"item": UNITS[unit]}, {"station": "OP10", "order": ORDERS[order]}
        again = {"type": "start", **item, **at, "event_time": "2026-01-05T06:30:00Z"}
        wrong = {"record": records[unit - 1] if len(records) > 1 else "", "reason": "wrong"}
        by_kind: dict[str, dict[str, Any]] = {
            "register": {**item, **at, "material": "PUMP"},
            "start": {**item, **at},
            "ok": {**item, **at, "evaluation": OK},
            "nok": {**item, **at, "evaluation": NOT_OK},
            "abort": {**item, **at},
            "scrap": {**item, **at},
            "ship": {"items": [UNITS[unit]]},
            "void": wrong,
            "correct": {**wrong, "replacement": again},
        }
        fields = by_kind[kind]
        name = {"ok": "complete", "nok": "complete"}.get(kind, kind)
        late = minute if kind not in {"void", "correct"} else None
        receipt = plant.book(name, late, **fields)
        if receipt.status is TraceStatus.Ok and kind not in {"void", "correct"}:
            records.insert(0, receipt.record)
    assert counted(plant) == told_again(plant)
    assert plant.replayed() == plant.dump()
