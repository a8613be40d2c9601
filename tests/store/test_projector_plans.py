"""Booking touches a few rows by index, however large the tables are."""

from __future__ import annotations

from tests.store.plant import Plant

LARGE = ("edge", "edge_past", "item", "life", "visit", "touch", "journal", "alias", "void")


def test_no_statement_of_a_booking_scans_a_large_table() -> None:
    plant = Plant()
    plant.make("CAR C1", "PUMP P1", "PUMP P2", "MOTOR M1", "MOTOR M2", "STEEL L1", "BOX B1")
    plant.make("TRAY T1")
    plant.ok("hold", item="P2", scope="where_used", reason="so that holds are looked for")
    plant.master("route", "PUMP", steps=[{"step": "mount", "station": "OP10"}])
    plant.master("bom", "PUMP", components=[{"material": "MOTOR"}, {"material": "STEEL"}])
    statements: list[str] = []
    plant.connection.set_trace_callback(statements.append)
    plant.ok("start", item="P1", station="OP10")
    plant.ok("assemble", parent="P1", part="M1", position="left", station="OP10")
    plant.ok("assemble", parent="C1", part="P1")
    plant.ok("replace", parent="P1", old_part="M1", new_part="M2")
    booked = plant.ok("consume", item="P1", lot="L1", quantity="1 KGM")
    plant.ok("complete", item="P1", station="OP10", evaluation=1)
    plant.ok("pack", container="B1", item="C1")
    plant.ok("bind", carrier="T1", item="C1")
    plant.ok("start", item="T1", station="OP10")
    plant.ok("abort", item="C1", station="OP10")
    plant.ok("void", record=booked.record, reason="wrong lot")
    plant.ok("unbind", carrier="T1")
    plant.ok("ship", items=["B1"])
    plant.connection.set_trace_callback(None)
    scans = {
        (detail, statement)
        for statement in statements
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "\n"))
        for *_, detail in plant.rows(f"EXPLAIN QUERY PLAN {statement}")
        if detail.startswith("SCAN") and detail.split()[1] in LARGE + tuple("eijltv")
    }
    assert len(statements) > 100
    assert not {scan for scan in scans if "RECURSIVE t" not in scan[1] or scan[0] != "SCAN t"}
