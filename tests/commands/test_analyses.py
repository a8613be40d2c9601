"""What the questions about many items say to people, and how they end."""

from __future__ import annotations

from pathlib import Path

from tests.commands.plant import BEGUN, LOT, called, document
from tracenode.models.event_parts import Window
from tracenode.models.events import Consume, Hold, Master
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace


def test_a_way_is_shown_and_none_is_refused(plant: Path) -> None:
    there = called("path", LOT, "P1", "--db", plant)
    assert (there.exit_code, "sn:MOTOR:M1" in there.stdout) == (0, True)
    back = called("path", "P1", LOT, "--db", plant)
    assert (back.exit_code, f"no way from sn:PUMP:P1 into {LOT}" in back.stdout) == (1, True)
    same = called("path", "P1", "sn:PUMP:P1", "--db", plant)
    assert (same.exit_code, "nothing lies between" in same.stdout) == (0, True)


def test_a_bill_matches_or_not_or_it_is_not_known(database: Path) -> None:
    none = called("bom", "B3", "--db", database)
    assert (none.exit_code, "BOARD has no bill of material\n" in none.stdout) == (1, True)
    assert "matches" not in none.stdout
    components = [{"material": "COIL", "quantity": "1 KGM"}]
    with Trace.open(database) as trace:
        for event in (
            Master(kind="bom", key="BOARD", data={"components": components}),
            Consume(item="B3", lot=LOT),
        ):
            assert not trace.record_now(event, Requester("t")).refused
    unknown = called("bom", "B3", "--db", database)
    assert (unknown.exit_code, "matches: unknown" in unknown.stdout) == (1, True)


def test_causes_say_that_there_was_nothing_to_compare_with(plant: Path) -> None:
    said = called("causes", "P1", "--db", plant)
    assert (said.exit_code, "name some with --passed" in said.stdout) == (0, True)


def test_a_hold_on_a_window_is_counted(database: Path) -> None:
    open_holds = document("status", "--db", database)["open_holds"]
    with Trace.open(database) as trace:
        window = Window(station="OP10", since=BEGUN)
        hold = Hold(scope="window", window=window, reason="cold")
        assert not trace.record_now(hold, Requester("t")).refused
    assert document("status", "--db", database)["open_holds"] == open_holds + 1


def test_a_time_that_is_none_names_what_is_taken(plant: Path) -> None:
    said = called("history", "P1", "--as-known-at", "-5", "--db", plant)
    assert said.exit_code == 2
    assert "expected a time such as" in said.stderr
    assert "or a journal position" in said.stderr
