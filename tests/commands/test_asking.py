"""Questions on the command line: the same answers as through the door, for people and programs."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.commands.plant import BEGUN, LOT, called, document, error_of
from tracenode.models.answers import (
    Ingredients,
    ItemHistory,
    Question,
    RecallScope,
    WhereUsed,
    plain,
)
from tracenode.models.events import Master, Pack, Register
from tracenode.models.receipts import Requester
from tracenode.server.commands.asking import RECORDS
from tracenode.server.trace import Trace

AS_BUILT = BEGUN + timedelta(hours=2, minutes=10)
"""When P2 still had the board B2."""


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["ingredients", "P2"], Ingredients(item="P2")),
        (["ingredients", "P2", "--ever"], Ingredients(item="P2", ever=True)),
        (["ingredients", "P2", "--max-depth", 1], Ingredients(item="P2", max_depth=1)),
        (["where-used", LOT], WhereUsed(item=LOT)),
        (["where-used", LOT, "--as-of", AS_BUILT], WhereUsed(item=LOT, as_of=AS_BUILT)),
        (["history", "P1"], ItemHistory(item="P1", limit=RECORDS)),
        (["history", "P1", "--offset", 2, "--limit", 3], ItemHistory(item="P1", offset=2, limit=3)),
        (["history", "P1", "--as-known-at", 30], ItemHistory(item="P1", as_known_at=30)),
        (["recall", LOT], RecallScope(item=LOT, limit=100_000)),
    ],
)
def test_json_is_the_answer_of_the_door(
    plant: Path, arguments: list[object], question: Question
) -> None:
    with Trace.open(plant, read_only=True) as trace:
        expected = json.loads(json.dumps(plain(trace.ask_now(question))))
    said = called(*map(str, arguments), "--db", plant, "--json")
    assert json.loads(said.stdout) == expected
    assert said.exit_code == (5 if expected["statement"]["truncated"] else 0)


def test_ingredients_for_people(plant: Path) -> None:
    said = called("ingredients", "P2", "--db", plant).stdout
    assert [line.split()[1] for line in said.splitlines()[1:5]] == [
        "sn:PUMP:P2",
        "sn:BOARD:B9",
        "sn:MOTOR:M2",
        LOT,
    ]
    assert "on hold" in said
    assert "3 item(s), 3 edge(s)" in said


def test_an_earlier_moment_has_the_earlier_part(plant: Path) -> None:
    def parts(*options: str) -> set[str]:
        answer = document("ingredients", "P2", "--db", plant, *options)
        return {node["item"] for node in answer["nodes"] if "BOARD" in node["item"]}

    assert parts() == {"sn:BOARD:B9"}
    assert parts("--as-of", AS_BUILT.isoformat()) == {"sn:BOARD:B2"}
    assert parts("--as-of", AS_BUILT.replace(tzinfo=None).isoformat()) == {"sn:BOARD:B2"}
    assert parts("--ever") == {"sn:BOARD:B2", "sn:BOARD:B9"}


def test_an_answer_can_be_had_again_as_it_was_known(plant: Path) -> None:
    now = document("ingredients", "P1", "--db", plant)
    known = now["statement"]["as_known_at"]
    with Trace.open(plant, read_only=True) as trace:
        records = trace.ask_now(ItemHistory(item="P1")).entries
    voided = next(entry for entry in records if entry.voided_by)
    believed = document("ingredients", "P1", "--db", plant, "--as-known-at", str(voided.position))
    assert "lot:SEAL:SEAL-2026-08" in {node["item"] for node in believed["nodes"]}
    assert "lot:SEAL:SEAL-2026-08" not in {node["item"] for node in now["nodes"]}
    assert document("ingredients", "P1", "--db", plant, "--as-known-at", str(known)) == now


def test_a_position_beyond_the_journal_is_its_end(plant: Path) -> None:
    answer = document("ingredients", "P1", "--db", plant, "--as-known-at", "9" * 30)
    assert answer == document("ingredients", "P1", "--db", plant)


def test_history_marks_what_was_voided_and_keeps_the_terminal_quiet(plant: Path) -> None:
    assert "[voided by " in called("history", "P1", "--db", plant).stdout
    said = called("history", "P2", "--db", plant).stdout
    assert "\\x1b]0;owned\\x07 burnt" in said
    assert "\x1b" not in said


def test_history_says_where_it_goes_on(plant: Path) -> None:
    said = called("history", "P1", "--limit", "4", "--offset", "2", "--db", plant).stdout
    assert "4 of 10 record(s)\nmore: --offset 6\n" in said


def test_recall_writes_every_end_item(plant: Path, tmp_path: Path) -> None:
    listed = tmp_path / "recall.csv"
    said = called("recall", LOT, "--db", plant, "--csv", listed)
    assert said.exit_code == 0
    assert "6 item(s) affected, 3 end item(s)" in said.stdout
    with listed.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    answer = document("recall", LOT, "--db", plant)
    assert [row["item"] for row in rows] == [hit["item"] for hit in answer["hits"]]
    assert rows[0] == {
        "item": "sn:PUMP:P1",
        "material": "PUMP",
        "state": "Shipped",
        "now": "Shipped",
        "depth": "2",
        "pooled": "exact",
        "share": "unknown",
        "because_of": f"{LOT} > sn:MOTOR:M1 > sn:PUMP:P1",
    }


def test_recall_says_that_the_suspect_is_to_be_fetched_too(database: Path) -> None:
    with Trace.open(database) as trace:
        for event in (
            Master(kind="material", key="BOX", data={"kind": "container"}),
            Register(item="BOX-1", material="BOX"),
            Pack(container="BOX-1", item="P3"),
        ):
            receipt = trace.record_now(event, Requester("t"))
            assert not receipt.refused, receipt.text
    said = called("recall", "P3", "--db", database).stdout.splitlines()
    assert said[:3] == [
        "1 item(s) affected, 0 end item(s)",
        "the suspect itself is not counted: sn:PUMP:P3",
        "no other unit or lot has anything of it",
    ]
    said = called("recall", LOT, "--db", database).stdout.splitlines()
    assert said[1] == f"the suspect itself is not counted: {LOT}"
    assert "no other unit or lot has anything of it" not in said


def test_recall_never_overwrites_a_list(plant: Path, tmp_path: Path) -> None:
    listed = tmp_path / "recall.csv"
    listed.write_text("mine", encoding="utf-8")
    said = called("recall", LOT, "--db", plant, "--csv", listed)
    assert (said.exit_code, said.stdout) == (4, "")
    assert "is there already" in said.stderr
    assert listed.read_text(encoding="utf-8") == "mine"


def test_a_list_that_can_t_be_written_is_an_error_in_words(plant: Path, tmp_path: Path) -> None:
    said = called("recall", LOT, "--db", plant, "--csv", tmp_path / "none" / "recall.csv")
    assert said.exit_code == 4
    assert "No such file or directory" in said.stderr


def test_a_cut_recall_is_no_list(plant: Path, tmp_path: Path) -> None:
    listed = tmp_path / "recall.csv"
    said = called("recall", LOT, "--db", plant, "--csv", listed, "--max-nodes", "2")
    assert said.exit_code == 5
    assert "truncated" in said.stdout
    assert "was not written" in said.stderr
    assert not listed.exists()


@pytest.mark.parametrize("command", ["ingredients", "where-used", "history", "recall"])
def test_an_unknown_item_is_one_sentence_and_1(plant: Path, command: str) -> None:
    said = called(command, "NOPE", "--db", plant)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == "tracenode: no item is known as 'NOPE'\n"
    told = error_of(called(command, "NOPE", "--db", plant, "--json"))
    assert told == {"kind": "UnknownItem", "message": "no item is known as 'NOPE'", "status": 100}


@pytest.mark.parametrize("item", ["", "NOREAD", "\udcff", "P1\0", "x" * 5000])
def test_an_item_that_can_t_be_one_is_refused_in_words(plant: Path, item: str) -> None:
    said = called("ingredients", item, "--db", plant)
    assert said.exit_code == 1
    assert said.stderr.startswith("tracenode: identifier ")


@pytest.mark.parametrize(
    "options",
    [
        ["--as-of", "yesterday"],
        ["--as-of", "0001-01-01T00:00:00+14:00"],
        ["--as-known-at", "-1"],
        ["--max-depth", "0"],
        ["--max-nodes", "9" * 30],
        ["--deadline", "0"],
        ["--nonsense"],
    ],
)
def test_wrong_use_is_2(plant: Path, options: list[str]) -> None:
    said = called("ingredients", "P1", "--db", plant, *options)
    assert said.exit_code == 2
    assert "Usage: tracenode ingredients" in said.stderr
