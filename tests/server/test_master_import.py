"""Master data from CSV: the header tells the kind, every fault is named, nothing is guessed."""

from __future__ import annotations

import pytest

from tracenode.models.errors import ConfigError
from tracenode.models.events import Master, Receive
from tracenode.server.master_import import read_master


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_master(text, "file.csv")
    return [str(problem) for problem in caught.value.problems]


def test_materials_with_a_semicolon() -> None:
    (booking,) = read_master("material;kind;unit\nCOIL;lot;kg\n", "m.csv")
    assert booking.event == Master(kind="material", key="COIL", data={"kind": "lot", "unit": "KGM"})
    assert booking.request_id == ""


def test_the_steps_of_a_route_become_one_record() -> None:
    text = "material,step,station,recipe\nPUMP,mount,OP10,\nPUMP,test,OP30,R7\n"
    (booking,) = read_master(text, "r.csv")
    assert isinstance(booking.event, Master)
    assert booking.event.data == {
        "steps": [
            {"step": "mount", "station": "OP10"},
            {"step": "test", "station": "OP30", "recipe": "R7"},
        ]
    }


def test_the_rules_of_a_step() -> None:
    text = (
        "material,step,station,tool,max_runs,once,optional,inside\n"
        "PUMP,mount,OP10,T1,2,yes,no,\nPUMP,look,OP20,,,,yes,YES\n"
    )
    (booking,) = read_master(text, "r.csv")
    assert isinstance(booking.event, Master)
    assert booking.event.data == {
        "steps": [
            {"step": "mount", "station": "OP10", "tool": "T1", "max_runs": 2, "once": True},
            {"step": "look", "station": "OP20", "optional": True, "inside": True},
        ]
    }
    (fault,) = faults("material,step,station,once\nPUMP,mount,OP10,maybe\n")
    assert fault == "line 2, once: expected yes, no or nothing, found 'maybe'"
    (fault,) = faults("material,step,station,max_runs\nPUMP,mount,OP10,0\n")
    assert fault == "line 2, max_runs: expected a whole number from 1 on, found '0'"


def test_stations_and_all_that_a_material_can_say() -> None:
    (booking,) = read_master(
        "station;consumption;unknown_items;slots\nSMT1;derive;placeholder;F1|F2\n", "s.csv"
    )
    assert booking.event == Master(
        kind="station",
        key="SMT1",
        data={"consumption": "derive", "unknown_items": "placeholder", "slots": ["F1", "F2"]},
    )
    assert "consumption" in faults("station,consumption\nSMT1,guess\n")[0]
    text = "material,kind,level,shelf_life_days,over_consumption,description\n"
    (booking,) = read_master(text + "GLUE,lot,2,180,reject,two parts\n", "m.csv")
    assert isinstance(booking.event, Master)
    assert booking.event.data == {
        "kind": "lot",
        "level": 2,
        "shelf_life_days": 180,
        "over_consumption": "reject",
        "description": "two parts",
    }
    assert "level" in faults(text + "GLUE,lot,5,,,\n")[0]


def test_bill_of_material_and_orders() -> None:
    (bom,) = read_master("material,component,quantity,unit,position\nP,M,1,H87,left\n", "b.csv")
    assert isinstance(bom.event, Master)
    assert bom.event.data == {
        "components": [{"material": "M", "quantity": "1 H87", "position": "left"}]
    }
    (order,) = read_master("order,material,quantity,unit\n4711,P,10,pcs\n", "o.csv")
    assert isinstance(order.event, Master)
    assert (order.event.key, order.event.data) == ("4711", {"material": "P", "quantity": "10 H87"})


def test_the_same_lot_twice_is_one_request() -> None:
    text = "material,lot,quantity,unit\nCOIL,L1,12.5,kg\n"
    (first,), (again,) = read_master(text, "a.csv"), read_master(text, "b.csv")
    assert isinstance(first.event, Receive)
    assert str(first.event.quantity) == "12.5 KGM"
    assert first.request_id == again.request_id != ""


def test_every_fault_is_named_with_its_line() -> None:
    found = faults("material,kind,unit\nA,unit,\nB,box,\nC,lot,parsec\n,lot,\nD,unit,,more\n")
    assert [fault.split(":")[0] for fault in found] == [
        "line 3, kind",
        "line 4",
        "line 5, material",
        "line 6",
    ]


def test_a_fault_says_what_was_expected_and_what_was_found_in_the_cell() -> None:
    (fault,) = faults("station,consumption\nSMT1,derives\n")
    assert fault == "line 2, consumption: expected 'declare' or 'derive', found 'derives'"
    (fault,) = faults("order,material,quantity,unit,due\n1,A,1,pcs,soon\n")
    assert fault == "line 2, due: expected a date such as 2027-12-31, found 'soon'"
    (fault,) = faults("material,kind,shelf_life_days\nA,lot,99999999999\n")
    assert fault.startswith("line 2, shelf_life_days: expected less than or equal to 36525, found ")
    (fault,) = faults("station,slots\nSMT1,F1||F2\n")
    assert fault == "line 2, slots: expected a text of at least 1 character(s), found ''"
    (fault,) = faults("material,kind\n?,unit\n")
    assert fault.startswith("line 2: expected a usable identifier, found '?': ")


def test_an_unknown_header_lists_the_known_ones() -> None:
    (fault,) = faults("serial,colour\n1,red\n")
    assert "serial, colour" in fault
    assert "lot: material, lot" in fault


def test_a_quantity_without_unit_is_refused() -> None:
    assert "unit beside the quantity" in faults("material,lot,quantity\nA,L1,5\n")[0]
