"""What is mounted on the slots of stations (SEMANTICS S12)."""

from __future__ import annotations

from random import Random

import pytest

from tests.store.plant import Plant
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.projecting.facts import entry, fact_of, record_at


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.master("station", "SMT", consumption="derive", slots=["F1", "F2"])
    plant.minute = 0
    plant.make("PUMP U1", "STEEL R1", "STEEL R2", "BOX B1", "TRAY T1")
    plant.minute = 9
    return plant


def load(plant: Plant, lot: str, minute: float | None = None, slot: str = "F1") -> Receipt:
    return plant.ok("load", minute, station="SMT", slot=slot, lot=lot)


def unload(plant: Plant, minute: float | None = None, slot: str = "F1") -> Receipt:
    return plant.ok("unload", minute, station="SMT", slot=slot)


def mounted(plant: Plant, known: int | None = None) -> list[tuple[str, str, float, float | None]]:
    """(slot, lot, from, until) in minutes, as known at a position."""
    known = plant.seq if known is None else known
    start = plant.rows("SELECT at FROM journal WHERE seq=?", 1)[0][0] - 60_000_000
    rows = plant.rows(
        """
        SELECT s.name, i.text, m.at, iif(m.uev<=?1, m.until, 1<<62) FROM (
          SELECT slot, item, at, until, uev FROM mount WHERE kf<=?1 UNION ALL
          SELECT slot, item, at, until, uev FROM mount_was WHERE kf<=?1 AND kt>?1) m
        JOIN slot s ON s.id=m.slot JOIN item i ON i.id=m.item ORDER BY m.slot, m.at, m.until""",
        known,
    )
    return [
        (name, text, (at - start) / 6e7, None if until == 1 << 62 else (until - start) / 6e7)
        for name, text, at, until in rows
    ]


def test_a_load_takes_off_what_was_on_the_slot_and_an_unload_ends_it(plant: Plant) -> None:
    assert load(plant, "R1", 10).item == "lot:STEEL:R1"
    load(plant, "R2", 12)
    assert unload(plant, 14).item == "lot:STEEL:R2"
    assert mounted(plant) == [("F1", "R1", 10, 12), ("F1", "R2", 12, 14)]
    assert plant.rows("SELECT count(*) FROM mount_was") == [(0,)]


def carried(plant: Plant) -> list[int | None]:
    """How much was carried over from content to content, oldest first."""
    return [amount for (amount,) in plant.rows("SELECT qty FROM edge WHERE rel=5 ORDER BY at")]


def test_S9_what_is_left_of_what_consumption_is_derived_from_is_unknown(plant: Plant) -> None:
    plant.ok("receive", item="L1", material="STEEL", quantity="100 KGM")
    plant.ok("receive", item="L2", material="STEEL", quantity="100 KGM")
    first = load(plant, "L1", 20)
    plant.ok("start", 21, item="U1", station="SMT")
    plant.ok("complete", 22, item="U1", station="SMT", evaluation=1)
    plant.ok("fill", 23, container="L1", lot="L2", quantity="1 KGM")
    off = unload(plant, 24)
    plant.ok("fill", 25, container="L1", lot="L2", quantity="1 KGM")
    assert carried(plant) == [None, None]
    assert plant.replayed() == plant.dump()
    moved = {"type": "load", "station": "SMT", "slot": "F1", "lot": "R1"}
    withdrawn = {"record": first.record, "reason": "it was R1", "acknowledged": [off.record]}
    plant.ok("correct", 26, **withdrawn, replacement=moved)
    plant.ok("consume", 22, item="U1", lot="L1", quantity="4 KGM")
    assert carried(plant) == [96, 97]
    assert plant.replayed() == plant.dump()


def test_S9_a_tank_emptied_on_its_slot_is_drawn_from_again_by_nobody_knows_how_much(
    plant: Plant,
) -> None:
    plant.ok("receive", item="L", material="STEEL", quantity="100 KGM")
    plant.ok("fill", 20, container="B1", lot="L", quantity="5 KGM")
    plant.ok("fill", 21, container="B1", lot="L", quantity="1 KGM")
    assert carried(plant) == [5]
    first = load(plant, "B1", 22)
    plant.ok("empty", 23, container="B1")
    plant.ok("fill", 24, container="B1", lot="L", quantity="5 KGM")
    plant.ok("fill", 25, container="B1", lot="L", quantity="5 KGM")
    assert carried(plant) == [5, None]
    assert plant.replayed() == plant.dump()
    plant.ok("void", 26, record=first.record, reason="never there")
    assert carried(plant) == [5, 5]
    load(plant, "B1", 20.5)
    assert carried(plant) == [None, None]
    assert plant.replayed() == plant.dump()


def test_S9_what_is_on_a_slot_whose_station_declares_is_known(plant: Plant) -> None:
    plant.ok("receive", item="L", material="STEEL", quantity="100 KGM")
    plant.ok("load", 20, station="M1", slot="F1", lot="L")
    plant.ok("fill", 21, container="L", lot="R1", quantity="1 KGM")
    plant.master("station", "M1", consumption="derive")
    plant.ok("fill", 23, container="L", lot="R1", quantity="1 KGM")
    assert carried(plant) == [100, 101]
    assert plant.replayed() == plant.dump()


def test_a_lot_may_be_on_several_slots_for_lots_divide(plant: Plant) -> None:
    load(plant, "R1", 10)
    load(plant, "R1", 11, "F2")
    assert mounted(plant) == [("F1", "R1", 10, None), ("F2", "R1", 11, None)]


def test_an_empty_slot_is_not_unloaded(plant: Plant) -> None:
    load(plant, "R1", 10)
    refused = plant.refused(TraceStatus.MaterialEmpty, "unload", station="SMT", slot="F2")
    assert "slot F2 of SMT" in refused.text
    plant.refused(TraceStatus.MaterialEmpty, "unload", 9.5, station="SMT", slot="F1")
    unload(plant, 12)
    plant.refused(TraceStatus.MaterialEmpty, "unload", 12, station="SMT", slot="F1")


def test_only_the_slots_that_the_policy_lists_are_loaded(plant: Plant) -> None:
    refused = plant.refused(
        TraceStatus.MalformedRequest, "load", station="SMT", slot="F3", lot="R1"
    )
    assert refused.text == "slot: expected a slot of SMT: F1, F2, found F3"
    plant.ok("load", station="OP10", slot="any", lot="R1")


def test_only_lots_and_containers_that_may_be_used_are_loaded(plant: Plant) -> None:
    for item in ("U1", "T1"):
        plant.refused(TraceStatus.MalformedRequest, "load", station="SMT", slot="F1", lot=item)
    plant.ok("hold", item="R1", reason="suspect")
    plant.refused(TraceStatus.ItemOnHold, "load", station="SMT", slot="F1", lot="R1")
    plant.ok("scrap", item="R2")
    plant.refused(TraceStatus.ItemScrapped, "load", station="SMT", slot="F1", lot="R2")
    plant.ok("receive", item="R3", material="STEEL", quantity="10 KGM")
    plant.refused(
        TraceStatus.UnitMismatch, "load", station="SMT", slot="F1", lot="R3", quantity="1 LTR"
    )


def test_S12_a_station_that_derives_its_consumption_declares_none(plant: Plant) -> None:
    refused = plant.refused(
        TraceStatus.MalformedRequest, "consume", station="SMT", item="U1", lot="R1"
    )
    assert "SMT" in refused.text and "policy" in refused.text
    plant.ok("consume", station="OP10", item="U1", lot="R1")


def test_S12_what_is_mounted_derives_as_the_policy_said_when_it_was_loaded(plant: Plant) -> None:
    load(plant, "R1", 10)
    plant.master("station", "SMT", consumption="declare")
    load(plant, "R2", 12, "F2")
    first = "SELECT i.text, m.derive FROM mount m JOIN item i ON i.id=m.item ORDER BY m.at"
    assert plant.rows(first) == [("R1", 1), ("R2", 0)]
    load(plant, "R2", 10.5)
    assert plant.rows(first) == [("R1", 1), ("R2", 0), ("R2", 0)]
    assert plant.replayed() == plant.dump()


def test_S15_a_late_load_takes_its_place(plant: Plant) -> None:
    load(plant, "R1", 10)
    unload(plant, 20)
    known = plant.seq
    load(plant, "R2", 15)
    assert mounted(plant) == [("F1", "R1", 10, 15), ("F1", "R2", 15, 20)]
    assert mounted(plant, known) == [("F1", "R1", 10, 20)]


def test_S13_what_takes_off_a_voided_load_depends_on_it(plant: Plant) -> None:
    voided = load(plant, "R1", 10)
    off = unload(plant, 12)
    refused = plant.refused(
        TraceStatus.MalformedRequest, "void", record=voided.record, reason="wrong reel"
    )
    assert off.record in refused.text
    known = plant.seq
    plant.ok("void", record=voided.record, reason="wrong reel", acknowledged=[off.record])
    assert mounted(plant) == []
    assert mounted(plant, known) == [("F1", "R1", 10, 12)]


def test_S13_a_void_unload_leaves_the_lot_on_its_slot(plant: Plant) -> None:
    load(plant, "R1", 10)
    off = unload(plant, 12)
    plant.ok("void", record=off.record, reason="not so")
    assert mounted(plant) == [("F1", "R1", 10, None)]
    unload(plant, 14)
    assert mounted(plant) == [("F1", "R1", 10, 14)]


def test_S13_an_unload_that_ends_nothing_any_more_still_ends_a_late_load(plant: Plant) -> None:
    wrong = load(plant, "R1", 10)
    off = unload(plant, 20)
    plant.ok("void", record=wrong.record, reason="wrong", acknowledged=[off.record])
    load(plant, "R2", 15)
    assert mounted(plant) == [("F1", "R2", 15, 20)]


def test_S13_a_correction_moves_a_load_to_another_slot(plant: Plant) -> None:
    load(plant, "R1", 9.5)
    wrong = load(plant, "R2", 10)
    known = plant.seq
    right = {"type": "load", "station": "SMT", "slot": "F2", "lot": "R2"}
    plant.ok("correct", record=wrong.record, reason="other slot", replacement=right)
    assert mounted(plant) == [("F1", "R1", 9.5, None), ("F2", "R2", 10, None)]
    assert mounted(plant, known) == [("F1", "R1", 9.5, 10), ("F1", "R2", 10, None)]
    assert plant.replayed() == plant.dump()


def test_a_hold_reaches_the_units_that_were_made_from_what_is_mounted(plant: Plant) -> None:
    load(plant, "R1", 10)
    plant.ok("start", 11, item="U1", station="SMT")
    plant.ok("complete", 12, item="U1", station="SMT", evaluation=1)
    hold = plant.ok("hold", item="R1", reason="suspect", scope="where_used")
    plant.refused(TraceStatus.ItemOnHold, "start", item="U1", station="OP20")
    plant.ok("release", hold=hold.record, reason="fine")
    plant.ok("start", item="U1", station="OP20")


def test_S17_nothing_is_started_on_held_material_that_is_mounted(plant: Plant) -> None:
    load(plant, "R1", 10)
    hold = plant.ok("hold", item="R1", reason="suspect")
    refused = plant.refused(TraceStatus.ItemOnHold, "start", item="U1", station="SMT")
    assert "lot:STEEL:R1" in refused.text
    plant.ok("start", 9.9, item="U1", station="SMT")
    plant.ok("abort", 9.95, item="U1", station="SMT")
    unload(plant)
    plant.ok("start", item="U1", station="SMT")
    plant.ok("release", hold=hold.record, reason="fine")


def test_S6_a_unit_is_not_started_on_material_that_it_is_in(plant: Plant) -> None:
    plant.master("route", "PUMP", steps=[{"step": "place", "station": "SMT", "inside": True}])
    plant.ok("assemble", parent="R1", part="U1")
    load(plant, "R1", 12)
    refused = plant.refused(TraceStatus.WouldCloseCycle, "start", 13, item="U1", station="SMT")
    assert "lot:STEEL:R1" in refused.text


def test_S5_an_empty_container_is_not_loaded(plant: Plant) -> None:
    plant.refused(TraceStatus.MaterialEmpty, "load", station="SMT", slot="F1", lot="B1")
    plant.ok("fill", container="B1", lot="R1")
    load(plant, "B1")


def test_S6_no_edge_closes_a_cycle_with_one_that_is_derived(plant: Plant) -> None:
    load(plant, "R1", 10)
    plant.ok("start", 11, item="U1", station="SMT")
    plant.ok("complete", 12, item="U1", station="SMT", evaluation=1)
    plant.refused(TraceStatus.WouldCloseCycle, "assemble", parent="R1", part="U1")
    plant.ok("assemble", parent="R2", part="U1")


@pytest.mark.parametrize("seed", range(6))
def test_slots_say_what_a_plain_list_of_loads_says(seed: int) -> None:
    random = Random(seed)
    plant = Plant()
    plant.make(*(f"STEEL R{i}" for i in range(3)))
    told: dict[int, tuple[float, str, str]] = {}
    voided: dict[int, int] = {}
    believed: list[tuple[int, list[tuple[str, str, float, float | None]]]] = []
    hour = 10.0
    for _ in range(40):
        hour += random.choice((0, 1, 2))
        minute = hour if random.random() < 0.7 else round(random.uniform(9, hour))
        slot, lot = random.choice(("F1", "F2")), f"R{random.randrange(3)}"
        kind = random.choice(("load", "load", "load", "unload", "unload", "void"))
        if kind == "void" and told:
            seq = random.choice(list(told))
            receipt = void(plant, seq, minute)
            if receipt.status is TraceStatus.Ok:
                voided[seq] = receipt.position
        elif kind != "void":
            more = {"lot": lot} if kind == "load" else {}
            receipt = plant.book(kind, minute, station="SMT", slot=slot, **more)
            if receipt.status is TraceStatus.Ok:
                told[receipt.position] = (minute, slot, more.get("lot", ""))
        believed.append((plant.seq, mounted(plant)))
    for known, rows in believed:
        assert mounted(plant, known) == rows
        assert [row for row in rows if row[2] != row[3]] == plain(told, voided, known)
    assert plant.replayed() == plant.dump()


def void(plant: Plant, seq: int, minute: float) -> Receipt:
    """Void a record, with all that depends on it acknowledged."""
    connection = plant.connection
    _, at, event = entry(connection, seq)
    assert event is not None
    found = dependants(connection, fact_of(connection, seq, at, event))
    listed = [record_at(connection, position) for position in found]
    record = record_at(connection, seq)
    return plant.book("void", minute, record=record, reason="wrong", acknowledged=listed)


def plain(
    told: dict[int, tuple[float, str, str]], voided: dict[int, int], known: int
) -> list[tuple[str, str, float, float | None]]:
    """What is mounted by a list of (minute, slot, lot or nothing), in the order of the slots."""
    valid = [(*said, seq) for seq, said in told.items() if seq <= known]
    valid = [said for said in valid if voided.get(said[3], known + 1) > known]
    found = []
    slots = list(dict.fromkeys(slot for _, slot, _ in told.values()))
    for name in slots:
        events = sorted((at, seq, lot) for at, slot, lot, seq in valid if slot == name)
        ends = [*(at for at, *_ in events[1:]), None]
        for (at, _, lot), end in zip(events, ends, strict=False):
            if lot and at != end:
                found.append((name, lot, at, end))
    return found
