"""Issued reports and the recall drill on the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.commands.plant import BEGUN, LOT, called, document, error_of, writing
from tracenode.models.answers import ItemHistory, WhereUsed
from tracenode.models.events import Consume, Correct, Stale
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace


def issue(database: Path, folder: Path) -> dict[str, str]:
    """Issue a recall of LOT into a new file."""
    file = folder / "recall.json"
    what: tuple[str | Path, ...] = ("report", "issue", "recall", LOT, file)
    said = document(*what, "--name", "complaint 7", "--db", database)
    assert isinstance(said, dict)
    return said


def late(database: Path) -> str:
    """Book something that happened long ago; return its record."""
    with Trace.open(database) as trace:
        at = BEGUN + timedelta(hours=1)
        return trace.record_now(
            Consume(item="B3", lot=LOT, station="OP20", event_time=at), Requester("t")
        ).record


def test_a_report_is_written_and_listed(database: Path, tmp_path: Path) -> None:
    said = issue(database, tmp_path)
    written = json.loads((tmp_path / "recall.json").read_text(encoding="utf-8"))
    assert written["answer"]["end_items"] == 3
    assert written["question"]["item"] == LOT
    assert written["digest"] == said["digest"]
    (listed,) = document("report", "list", "--db", database)
    assert listed["report"] == written["report"] == said["report"]
    people = called("report", "list", "--db", database).stdout
    assert f"RecallScope {LOT}" in people
    assert people.rstrip().endswith("open")


def test_a_report_never_overwrites_a_file(database: Path, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_text("mine", encoding="utf-8")
    said = called(
        *("report", "issue", "recall", LOT, tmp_path / "recall.json", "--name", "x"),
        *("--db", database),
    )
    assert (said.exit_code, said.stdout) == (4, "")
    assert document("report", "list", "--db", database) == []


def test_what_can_not_be_written_is_not_booked(database: Path, tmp_path: Path) -> None:
    for file, name, code in ((tmp_path / "none" / "x.json", "x", 4), (tmp_path / "x.json", "", 1)):
        said = called("report", "issue", "recall", LOT, file, "--name", name, "--db", database)
        assert (said.exit_code, said.stdout) == (code, "")
        assert not file.exists()
    assert "expected a text of 1 to 254 characters" in said.stderr
    assert document("report", "list", "--db", database) == []


def test_a_report_is_checked_against_what_is_known_now(database: Path, tmp_path: Path) -> None:
    report = issue(database, tmp_path)["report"]
    assert "the same" in called("report", "check", "--db", database).stdout
    cause = late(database)
    said = called("report", "check", report, "--db", database)
    assert said.exit_code == 1
    words = f"{cause}: consume of 2026-11-02T07:00:00+00:00, {LOT} consumed by sn:BOARD:B3 at OP20"
    assert f"DIFFERS because of {words}" in said.stdout
    said = called("report", "check", "--db", database, "--json")
    (found,) = json.loads(said.stdout)
    assert (said.exit_code, found["same"], found["cause"]) == (1, False, cause)
    because = found["because"]
    assert (because["record"], because["type"], because["station"]) == (cause, "consume", "OP20")


def test_the_list_says_what_made_a_report_stale(database: Path, tmp_path: Path) -> None:
    report = issue(database, tmp_path)["report"]
    with Trace.open(database) as trace:
        wrong = trace.ask_now(WhereUsed(item=LOT)).edges[0].record
        record = next(
            e for e in trace.ask_now(ItemHistory(item=LOT)).entries if e.position == wrong
        )
        again = Consume(item="M1", lot=LOT, station="OP10", event_time=record.at)
        cause = trace.record_now(
            Correct(record=record.record, replacement=again, reason="weighed"), Requester("t")
        )
        assert not cause.refused, cause.text
        stale = Stale(report=report, cause=cause.record, digest="0" * 64)
        assert not trace.record_now(stale, Requester("t")).refused
    (listed,) = document("report", "list", "--db", database)
    assert listed["cause"] == listed["because"]["record"] == cause.record
    assert (listed["because"]["type"], listed["because"]["station"]) == ("correct", "OP10")
    people = called("report", "list", "--db", database).stdout
    assert f"stale because of {cause.record}: correct of " in people
    assert f"instead: {LOT} consumed by sn:MOTOR:M1 at OP10" in people


def test_errors_of_reports_are_told_in_words(database: Path, tmp_path: Path) -> None:
    said = called("report", "check", "nothing", "--db", database)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "there is no such report" in said.stderr
    file = tmp_path / "x.json"
    said = called("report", "issue", "recall", "NOBODY", file, "--name", "x", "--db", database)
    assert said.exit_code == 1
    assert not file.exists()
    with writing(database):
        said = called("report", "issue", "recall", LOT, file, "--name", "x", "--db", database)
        assert said.exit_code == 4
        assert not file.exists()


def test_a_drill_says_what_could_not_be_traced(plant: Path) -> None:
    people = called("recall-drill", LOT, "--db", plant)
    assert people.exit_code == 0
    assert f"recall of {LOT}: answered in " in people.stdout
    assert "6 item(s) affected, 3 end item(s)" in people.stdout
    assert f"the suspect itself is not counted: {LOT}" in people.stdout
    assert "share of the suspect: known of " in people.stdout
    assert "1 item(s) were neither shipped nor scrapped nor finished: sn:PUMP:P3" in people.stdout
    said = document("recall-drill", LOT, "--db", plant)
    assert said["shares_known"] + said["shares_unknown"] == said["end_items"] == 3
    assert said["taken_ms"] >= 0
    assert len(said["not_traced"]) == 1


def test_a_drill_that_is_cut_says_so_and_is_no_error(plant: Path) -> None:
    people = called("recall-drill", LOT, "--max-nodes", "2", "--db", plant)
    assert people.exit_code == 0
    assert "the list is cut" in people.stdout
    said = called("recall-drill", "NOBODY", "--db", plant, "--json")
    assert said.exit_code == 1
    assert error_of(said)["kind"] == "UnknownItem"


def test_a_drill_of_what_went_nowhere_says_what_is_to_be_fetched(plant: Path) -> None:
    said = called("recall-drill", "P1", "--db", plant).stdout
    assert (
        "0 item(s) affected, 0 end item(s)\nthe suspect itself is not counted: sn:PUMP:P1" in said
    )
    assert "no other unit or lot has anything of it" in said
    assert "share of the suspect" not in said
