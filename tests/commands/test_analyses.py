"""Questions about many items on the command line: the answers of the door, tables, exit codes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.commands.plant import BEGUN, LOT, called, document, error_of
from tracenode.models.analysis import (
    CommonCause,
    CompareToBom,
    Coverage,
    FindItems,
    Impact,
    MassBalance,
    TimeWindow,
)
from tracenode.models.answers import Asked, ItemHistory, PathBetween, RecallScope, WhereUsed, plain
from tracenode.models.event_parts import Window
from tracenode.models.events import Consume, Hold, Master, Register
from tracenode.models.items import ItemState
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

SINCE, UNTIL = BEGUN + timedelta(hours=2), BEGUN + timedelta(hours=2, minutes=10)
LATER = BEGUN + timedelta(hours=9)
"""When P2 had no longer the board B2."""


def lines(*arguments: object) -> list[str]:
    """What a question that is answered prints."""
    said = called(*map(str, arguments))
    assert said.exit_code in (0, 1), said.output
    return said.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "question", "code"),
    [
        (["path", LOT, "P1"], PathBetween(item=LOT, into="P1"), 0),
        (["path", "P1", LOT], PathBetween(item="P1", into=LOT), 1),
        (["path", LOT, "P1", "--max-depth", 1], PathBetween(item=LOT, into="P1", max_depth=1), 5),
        (["mass-balance", LOT], MassBalance(item=LOT), 0),
        (["mass-balance", LOT, "--as-of", UNTIL], MassBalance(item=LOT, as_of=UNTIL), 0),
        (["causes", "P1", "P3"], CommonCause(failed=("P1", "P3"), limit=20), 0),
        (["causes", "P1", "--passed", "P2", "--passed", "P3", "--limit", 2],
         CommonCause(failed=("P1",), passed=("P2", "P3"), limit=2), 0),
        (["window", "OP10"], TimeWindow(station="OP10"), 0),
        (["window", "OP10", "--since", SINCE, "--until", UNTIL, "--as-known-at", 40],
         TimeWindow(station="OP10", since=SINCE, until=UNTIL, as_known_at=40), 0),
        (["find", "P"], FindItems(text="P", limit=100), 0),
        (["find", "--made-from", LOT, "--state", "completed", "--limit", 1],
         FindItems(made_from=LOT, state=ItemState.Completed, limit=1), 0),
        (["find", "1", "--station", "OP10", "--since", SINCE, "--as-of", UNTIL],
         FindItems(text="1", station="OP10", since=SINCE, as_of=UNTIL, limit=100), 0),
        (["bom", "P1"], CompareToBom(item="P1"), 1),
        (["bom", "M1"], CompareToBom(item="M1"), 0),
        (["coverage", "OP10", "OP20"], Coverage(stations=("OP10", "OP20")), 0),
        (["coverage", "OP10", "--since", SINCE, "--until", UNTIL],
         Coverage(stations=("OP10",), since=SINCE, until=UNTIL), 0),
        (["impact", LOT], Impact(item=LOT), 0),
        (["impact", LOT, "--as-of", SINCE, "--ever"], Impact(item=LOT, as_of=SINCE, ever=True), 0),
        (["where-used", "B2", "--as-of", LATER], WhereUsed(item="B2", as_of=LATER), 0),
        (["where-used", "B2", "--as-of", LATER, "--ever"],
         WhereUsed(item="B2", as_of=LATER, ever=True), 0),
        (["recall", "B2", "--as-of", LATER, "--ever"],
         RecallScope(item="B2", as_of=LATER, ever=True, limit=100_000), 0),
    ],
)  # fmt: skip
def test_json_is_the_answer_of_the_door(
    plant: Path, arguments: list[object], question: Asked, code: int
) -> None:
    with Trace.open(plant, read_only=True) as trace:
        expected = json.loads(json.dumps(plain(trace.ask_now(question))))
    said = called(*map(str, arguments), "--db", plant, "--json")
    assert json.loads(said.stdout) == expected
    assert said.exit_code == code
    assert called(*map(str, arguments), "--db", plant).exit_code == code


def test_a_path_is_one_line_for_each_step(plant: Path) -> None:
    head, first, second, *_ = lines("path", LOT, "P1", "--db", plant)
    assert head.split() == ["item", "how", "into", "quantity", "station", "from"]
    assert first.split()[:5] == [LOT, "Consume", "sn:MOTOR:M1", "0.35", "KGM"]
    assert second.split()[:4] == ["sn:MOTOR:M1", "Install", "sn:PUMP:P1", "unknown"]
    assert lines("path", "P1", LOT, "--db", plant)[0] == f"no way from sn:PUMP:P1 into {LOT}"
    same = called("path", "P1", "sn:PUMP:P1", "--db", plant)
    assert (same.exit_code, "nothing lies between" in same.stdout) == (0, True)


def test_a_balance_is_a_sum(plant: Path) -> None:
    said = [line.split() for line in lines("mass-balance", LOT, "--db", plant)]
    assert [LOT] in said
    assert ["-", "consumed", "1.05", "KGM"] in said
    (received,) = (float(line[2]) for line in said if line[:2] == ["+", "received"])
    (left,) = (float(line[2]) for line in said if line[:2] == ["=", "balance"])
    assert round(received - left, 9) == 1.05
    seal = "lot:SEAL:SEAL-2026-08"
    with Trace.open(plant, read_only=True) as trace:
        records = trace.ask_now(ItemHistory(item="P1")).entries
    believed = next(entry.position for entry in records if entry.voided_by)
    used = lines("mass-balance", seal, "--db", plant, "--as-known-at", believed)
    assert ["-", "consumed", "unknown"] in [line.split() for line in used]
    assert "1 record(s) without a quantity, or of another dimension" in used
    assert "the balance is unknown: the amounts of those can't be added up" in used
    assert not any("unknown" in line for line in lines("mass-balance", LOT, "--db", plant))


def test_a_balance_of_what_nothing_was_booked_on_is_unknown(database: Path) -> None:
    with Trace.open(database) as trace:
        for event in (
            Master(kind="material", key="SILO", data={"kind": "container"}),
            Register(item="S", material="SILO"),
        ):
            assert not trace.record_now(event, Requester("t")).refused
    said = lines("mass-balance", "S", "--db", database)
    assert "the balance is unknown: no quantity was ever booked" in said


def test_causes_say_how_often_and_how_likely(plant: Path) -> None:
    head, *said = lines("causes", "P1", "--passed", "P2", "--limit", 3, "--db", plant)
    assert head.split() == ["what", "which", "failed", "passed", "lift", "p", "q"]
    assert said[0].split() == ["Item", "sn:BOARD:B1", "1/1", "0/1", "2.000", "0.5", "1"]
    assert "3 of 11 candidate(s)" in said
    alone = lines("causes", "P1", "--db", plant)
    assert alone[1].split()[-3:] == ["unknown", "1", "1"]
    assert any(line.startswith("no passing units") for line in alone)


def test_a_search_says_where_it_goes_on(plant: Path) -> None:
    whole = lines("find", "P", "--db", plant)
    assert whole[0].split() == ["item", "kind", "state", "station", "order", "last", "record"]
    said = lines("find", "P", "--offset", 1, "--limit", 1, "--db", plant)
    assert said[1] == whole[2]
    assert said[2].startswith("1 of ")
    assert said[3] == "more: --offset 2"
    assert lines("find", "no such number", "--db", plant)[1] == "0 of 0 item(s)"


def test_a_window_says_where_it_goes_on(plant: Path) -> None:
    said = lines("window", "OP10", "--offset", 1, "--limit", 1, "--db", plant)
    assert said[1].split() == [
        "sn:PUMP:P2",
        "2026-11-02T08:04:00+00:00",
        "2026-11-02T08:05:00+00:00",
        "OK",
    ]
    assert said[2:4] == ["1 of 3 visit(s)", "more: --offset 2"]
    open_ = lines("window", "OP20", "--offset", 2, "--db", plant)[1]
    assert open_.split() == ["sn:PUMP:P3", "2026-11-02T09:06:00+00:00"]


def test_a_bill_that_does_not_match_is_1(plant: Path) -> None:
    said = lines("bom", "P1", "--db", plant)
    verdicts = {tuple(line.split())[-1] for line in said[1:7]}
    assert verdicts == {"Missing", "NotInBom"}
    assert any(line.startswith("matches: NO") for line in said)
    assert "matches: yes" in lines("bom", "M1", "--db", plant)


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


def test_coverage_is_counts(plant: Path) -> None:
    said = [line.split() for line in lines("coverage", "OP10", "OP20", "--db", plant)]
    assert said[0] == ["OP10,", "OP20"]
    assert ["items", "seen", "3"] in said
    assert ["complete", "0"] in said


def test_an_impact_is_counts(plant: Path) -> None:
    said = [line.split() for line in lines("impact", LOT, "--db", plant)]
    assert said[1:5] == [
        ["MOTOR", "Registered", "3"],
        ["PUMP", "InProcess", "1"],
        ["PUMP", "Completed", "1"],
        ["PUMP", "Shipped", "1"],
    ]
    assert "6 item(s) affected" in lines("impact", LOT, "--db", plant)
    then = lines("impact", LOT, "--as-of", SINCE, "--db", plant)
    assert "2 item(s) affected" in then


@pytest.mark.parametrize("command", ["where-used", "recall"])
def test_ever_finds_what_an_item_was_in_by_then(plant: Path, command: str) -> None:
    then = lines(command, "B2", "--as-of", LATER, "--db", plant)
    assert not any("sn:PUMP:P2" in line for line in then)
    ever = lines(command, "B2", "--as-of", LATER, "--ever", "--db", plant)
    (hit,) = (line for line in ever if "sn:PUMP:P2" in line)
    assert "Removed" in hit


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["path", "NOPE", "P1"], "UnknownItem"),
        (["path", "P1", "NOPE"], "UnknownItem"),
        (["mass-balance", "NOPE"], "UnknownItem"),
        (["mass-balance", "P1"], "MalformedRequest"),
        (["causes", "P1", "NOPE"], "UnknownItem"),
        (["causes", "P1", "--passed", "P1"], "MalformedRequest"),
        (["window", "OP99"], "UnknownStation"),
        (["find", "--made-from", "nobody"], "UnknownItem"),
        (["bom", "NOPE"], "UnknownItem"),
        (["coverage", "OP10", "OP99"], "UnknownStation"),
        (["coverage", "OP10", "OP10"], "MalformedRequest"),
        (["impact", "NOPE"], "UnknownItem"),
    ],
)
def test_no_answer_is_one_sentence_and_1(plant: Path, arguments: list[str], kind: str) -> None:
    said = called(*arguments, "--db", plant)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("tracenode: ")
    assert said.stderr.count("\n") == 1
    assert error_of(called(*arguments, "--db", plant, "--json"))["kind"] == kind


@pytest.mark.parametrize(
    "arguments",
    [
        ["path", LOT],
        ["causes"],
        ["coverage"],
        ["window", "OP10", "--limit", "0"],
        ["find", "--state", "onhold"],
        ["find", "--since", str(UNTIL), "--until", str(SINCE)],
        ["window", "OP10", "--since", "yesterday"],
        ["window", "OP10", "--as-of", str(UNTIL)],
        ["window", "OP10", "--since", str(UNTIL), "--until", str(SINCE)],
        ["window", "OP10", "--until", str(SINCE), "--since", str(SINCE)],
        ["coverage", "OP10", "--since", str(UNTIL), "--until", str(SINCE)],
        ["impact", LOT, "--max-nodes", "0"],
    ],
)
def test_wrong_use_is_2(plant: Path, arguments: list[str]) -> None:
    said = called(*arguments, "--db", plant)
    assert said.exit_code == 2
    assert f"Usage: tracenode {arguments[0]}" in said.stderr


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
