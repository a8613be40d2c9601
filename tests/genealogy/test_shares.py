"""Which fraction of a hit comes from the suspect (SEMANTICS S9)."""

from __future__ import annotations

from decimal import Decimal

from tests.genealogy.asking import made_of, recall, short, used_in
from tests.store.plant import Plant


def shares(plant: Plant, suspect: str, **more: int) -> dict[str, str]:
    """Shares of the hits, as short as they can be told."""
    return {
        short(hit.item): "?" if hit.share is None else f"{hit.share.normalize():f}"
        for hit in recall(plant, suspect, **more).hits
    }


def lots(plant: Plant, *texts: str) -> None:
    for text in texts:
        plant.ok("receive", item=text, material="STEEL", quantity="1000 KGM")


def test_shares_multiply_along_a_chain_and_add_over_ways() -> None:
    plant = Plant()
    lots(plant, "A", "B")
    plant.make("STEEL M", "STEEL N", "PUMP P", "PUMP Q")
    plant.ok("consume", item="M", lot="A", quantity="1 KGM")
    plant.ok("consume", item="M", lot="B", quantity="3 KGM")
    plant.ok("consume", item="N", lot="M", quantity="1 KGM")
    plant.ok("consume", item="N", lot="A", quantity="500 GRM")
    plant.ok("consume", item="N", lot="B", quantity="500 GRM")
    plant.ok("consume", item="P", lot="N", quantity="2 KGM")
    plant.ok("consume", item="Q", lot="B", quantity="2 KGM")
    assert shares(plant, "A") == {"P": "0.375"}
    assert shares(plant, "B") == {"P": "0.625", "Q": "1"}
    assert shares(plant, "M") == {"P": "0.5"}


def test_a_share_that_is_not_known_is_unknown_never_nothing() -> None:
    plant = Plant()
    lots(plant, "A", "B")
    plant.make(*(f"PUMP {text}" for text in ("NONE", "OTHER", "BOTH", "CLEAN")), "MOTOR M")
    plant.ok("consume", item="NONE", lot="A")
    plant.ok("consume", item="OTHER", lot="A", quantity="1 KGM")
    plant.ok("consume", item="OTHER", lot="B")
    plant.ok("consume", item="BOTH", lot="A", quantity="1 KGM")
    plant.ok("consume", item="CLEAN", lot="A", quantity="1 KGM")
    plant.ok("assemble", parent="CLEAN", part="M")
    assert shares(plant, "A") == {"NONE": "?", "OTHER": "?", "BOTH": "1", "CLEAN": "1"}
    assert recall(plant, "A").shares_unknown == 2
    assert recall(plant, "A", limit=0).shares_unknown == 0


def test_of_nothing_no_share_is_known() -> None:
    plant = Plant()
    lots(plant, "A", "B")
    plant.make("PUMP NOTHING", "PUMP SOME")
    plant.ok("consume", item="NOTHING", lot="A", quantity="0 KGM")
    plant.ok("consume", item="SOME", lot="A", quantity="0 KGM")
    plant.ok("consume", item="SOME", lot="B", quantity="1 KGM")
    assert shares(plant, "A") == {"NOTHING": "?", "SOME": "0"}


def test_another_dimension_is_left_out_unless_the_suspect_came_in_it() -> None:
    plant = Plant()
    lots(plant, "A")
    plant.ok("receive", item="OIL", material="GLUE", quantity="10 LTR")
    plant.make("STEEL M", "PUMP P", "PUMP Q")
    plant.ok("consume", item="P", lot="A", quantity="1 KGM")
    plant.ok("consume", item="P", lot="OIL", quantity="3 LTR")
    assert shares(plant, "A") == {"P": "1"}
    plant.ok("consume", item="M", lot="A", quantity="1 KGM")
    plant.ok("consume", item="Q", lot="M", quantity="2 LTR")
    plant.ok("consume", item="Q", lot="A", quantity="1 KGM")
    assert shares(plant, "A") == {"P": "1", "Q": "?"}


def test_of_a_mixture_in_two_dimensions_no_share_is_known() -> None:
    plant = Plant()
    lots(plant, "A")
    plant.ok("receive", item="OIL", material="GLUE", quantity="10 LTR")
    plant.make("BOX T", "STEEL M", "PUMP P", "PUMP Q")
    for tank, unit in (("T", "P"), ("M", "Q")):
        plant.ok("fill", container=tank, lot="OIL", quantity="4 LTR")
        plant.ok("fill", container=tank, lot="A", quantity="4 KGM")
        plant.ok("consume", item=unit, lot=tank, quantity="1 KGM")
    assert shares(plant, "A") == shares(plant, "OIL") == {"P": "?", "Q": "?"}


def test_what_a_lot_was_received_with_is_part_of_it() -> None:
    plant = Plant()
    plant.ok("receive", item="A", material="STEEL", quantity="30 KGM")
    plant.ok("receive", item="B", material="STEEL", quantity="100 KGM")
    plant.ok("receive", item="C", material="STEEL")
    plant.make("PUMP P", "PUMP Q")
    for lot in ("A", "C"):
        plant.ok("fill", container=lot, lot="B", quantity="10 KGM")
    plant.ok("consume", item="P", lot="A", quantity="1 KGM")
    plant.ok("consume", item="Q", lot="C", quantity="1 KGM")
    assert shares(plant, "B") == {"P": "0.25", "Q": "?"}


def test_a_share_does_not_depend_on_what_a_budget_left_out() -> None:
    plant = Plant()
    lots(plant, "A", "B")
    plant.make("STEEL M", "PUMP P")
    plant.ok("consume", item="M", lot="A", quantity="1 KGM")
    plant.ok("consume", item="P", lot="A", quantity="1 KGM")
    plant.ok("consume", item="P", lot="B", quantity="1 KGM")
    plant.ok("consume", item="P", lot="M", quantity="2 KGM")
    plant.make("PUMP EARLIER")
    plant.ok("consume", item="EARLIER", lot="A", quantity="1 KGM")
    assert shares(plant, "A") == {"P": "0.75", "EARLIER": "1"}
    cut = [shares(plant, "A", max_nodes=budget) for budget in range(1, 5)]
    assert [found.get("P", "0.75") for found in cut] == ["0.75"] * 4
    assert any("P" in found for found in cut[:-1])


def test_an_edge_says_which_part_of_its_output_it_is() -> None:
    plant = Plant()
    lots(plant, "A", "B")
    plant.make("PUMP P", "MOTOR M")
    plant.ok("consume", item="P", lot="A", quantity="1 KGM")
    plant.ok("consume", item="P", lot="B", quantity="2000 GRM")
    plant.ok("assemble", parent="P", part="M")
    told = {short(edge.input): edge.share for edge in made_of(plant, "P").edges}
    assert told == {"A": Decimal("0.333333333333"), "B": Decimal("0.666666666667"), "M": None}
    (edge,) = used_in(plant, "A").edges
    assert edge.share == told["A"]


def test_shares_in_a_tank_follow_what_was_left_in_it() -> None:
    plant = Plant()
    plant.make("BOX S", *(f"PUMP P{number}" for number in range(4)))
    lots(plant, *(f"T{number}" for number in range(4)))
    for number in range(4):
        plant.ok("fill", container="S", lot=f"T{number}", quantity="100 KGM")
        plant.ok("consume", item=f"P{number}", lot="S", quantity="50 KGM")
    assert shares(plant, "T0") == {
        "P0": "1",
        "P1": "0.333333333333",
        "P2": "0.166666666667",
        "P3": "0.1",
    }
    assert shares(plant, "T3") == {"P3": "0.4"}


def test_items_that_were_in_each_other_have_no_known_share() -> None:
    plant = Plant()
    lots(plant, "X")
    plant.make("PUMP A", "PUMP B")
    for unit, other in (("A", "B"), ("B", "A")):
        plant.ok("consume", item=unit, lot="X", quantity="1 KGM")
        plant.ok("assemble", parent=other, part=unit, quantity="1 KGM")
        plant.ok("remove", parent=other, part=unit)
    assert shares(plant, "X") == {"A": "?", "B": "?"}
    assert {short(edge.input): str(edge.share) for edge in made_of(plant, "A").edges} == {
        "X": "1.000000000000"
    }


def test_a_year_of_a_never_empty_silo_is_worked_out_without_recursion() -> None:
    """5 kg of T, then 3,000 times 1 kg of R, each of which makes a content of its own."""
    plant = Plant()
    plant.make("BOX S", "PUMP LAST")
    lots(plant, "T", "R")
    plant.ok("fill", container="S", lot="T", quantity="5 KGM")
    plant.connection.executescript("""
        CREATE TEMP TABLE first AS SELECT * FROM item WHERE state_of IS NOT NULL;
        CREATE TEMP TABLE made AS WITH RECURSIVE t(n) AS
          (VALUES(1) UNION ALL SELECT n+1 FROM t WHERE n<3000) SELECT n FROM t;
        INSERT INTO item(id, type, text, gen, state_of, at, ev, last)
          SELECT f.id+n, f.type, f.text, 0, f.state_of, f.at+n, f.ev+n, 0 FROM made, first f;
        INSERT INTO content(item, at, ev, state, until, uev, kf)
          SELECT f.state_of, f.at+n, f.ev+n, f.id+n, f.at+n+1, 1, 1 FROM made, first f;
        INSERT INTO edge(dst, src, ev, ord, at, kf, rel, qty, unit)
          SELECT f.id+n, r.id, 1, 0, f.at+n, 1, 1, 1, e.unit
          FROM made, first f, item r, edge e WHERE r.text='R' AND e.dst=f.id
          UNION ALL SELECT f.id+n, f.id+n-1, 1, 1, f.at+n, 1, 5, n+4, e.unit
          FROM made, first f, edge e WHERE e.dst=f.id
          UNION ALL SELECT i.id, f.id+3000, 1, 0, f.at+3000, 1, 1, 1, e.unit
          FROM item i, first f, edge e WHERE i.text='LAST' AND e.dst=f.id;""")
    (hit,) = recall(plant, "T").hits
    assert hit.depth == 3_002
    assert hit.share == Decimal("0.001663893511"), "5 of 3005"
    assert len(hit.reason) == 4


def test_the_share_of_an_edge_is_rounded_half_to_even() -> None:
    told = []
    for part in (1, 3):
        plant = Plant()
        lots(plant, "A", "B")
        plant.make("PUMP P")
        plant.ok("consume", item="P", lot="A", quantity=f"{part} MGM")
        plant.ok("consume", item="P", lot="B", quantity=f"{2 * 10**12 - part} MGM")
        told += [edge.share for edge in made_of(plant, "P").edges if short(edge.input) == "A"]
    assert told == [Decimal("0.000000000000"), Decimal("0.000000000002")]
    assert str(told[0]) == "0E-12"
