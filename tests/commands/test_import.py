"""import-master: all rows or none, again without harm, faults by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.plant import EXAMPLES, TABLES, called, document, error_of, writing


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    assert called("init", tmp_path / "plant").exit_code == 0
    return tmp_path / "plant" / "tracenode.db"


def written(folder: Path, text: str) -> Path:
    file = folder / "rows.csv"
    file.write_bytes(text.encode())
    return file


def entries(database: Path) -> int:
    return int(document("status", "--db", database)["entries"])


def test_the_examples_are_booked_once(empty: Path) -> None:
    for table, rows in zip(TABLES, (7, 1, 2, 2, 3), strict=True):
        made = document("import-master", EXAMPLES / f"{table}.csv", "--db", empty)
        assert made == {"booked": rows, "known": 0, "refused": []}
    booked = entries(empty)
    for table, rows in zip(TABLES, (7, 1, 2, 2, 3), strict=True):
        again = document("import-master", EXAMPLES / f"{table}.csv", "--db", empty)
        assert again == {"booked": 0, "known": rows, "refused": []}
    assert entries(empty) == booked


def test_a_changed_row_is_booked_and_the_others_are_known(database: Path, tmp_path: Path) -> None:
    text = (EXAMPLES / "materials.csv").read_text(encoding="utf-8").replace("Motor", "Motor 2")
    made = document("import-master", written(tmp_path, text), "--db", database)
    assert made == {"booked": 1, "known": 6, "refused": []}


def test_one_wrong_row_books_nothing_and_every_fault_has_its_line(
    empty: Path, tmp_path: Path
) -> None:
    text = (
        "material,kind,unit,gtin\n"
        "A,unit,,\n"
        "B,box,,\n"
        "A,lot,kg,\n"
        ",,,\n"
        "C,lot,parsec,\n"
        "D,unit,,123\n"
        "E,,,\n"
        f"{'F' * 41},unit,,\n"
    )
    said = called("import-master", written(tmp_path, text), "--db", empty, "--json")
    assert said.exit_code == 3
    problems = error_of(said)["problems"]
    assert [problem["path"] for problem in problems] == [
        "line 3, kind",
        "line 4",
        "line 6",
        "line 7, gtin",
        "line 8, kind",
        "line 9",
    ]
    assert "see line 2" in problems[1]["expected"]
    assert problems[3]["expected"] == "text of the form ^([0-9]{14})?$"
    assert entries(empty) == 0


def test_a_wrong_step_of_a_group_is_named_by_its_own_line(empty: Path, tmp_path: Path) -> None:
    text = "material,component,quantity,unit\nP,A,1,pcs\nP,B,much,pcs\nP,C,-1,pcs\nP,D,1,\n"
    said = called("import-master", written(tmp_path, text), "--db", empty, "--json")
    found = [problem["path"] for problem in error_of(said)["problems"]]
    assert found == ["line 3, quantity", "line 4, quantity", "line 5, unit"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "material,kind,kind\nA,unit,lot\n",
        'material,kind\nA,"unit\nB,lot\n',
        "material,kind\nA\0,unit\n",
        f"material,kind\n{'A' * 200_000},unit\n",
        "material,kind\nA,unit,more\n",
    ],
    ids=["empty", "column twice", "open quote", "NUL", "huge cell", "cell too many"],
)
def test_what_is_no_table_is_refused_in_words(empty: Path, tmp_path: Path, text: str) -> None:
    said = called("import-master", written(tmp_path, text), "--db", empty)
    assert said.exit_code == 3
    assert "1 problem(s)" in said.stderr
    assert entries(empty) == 0


def test_semicolons_a_byte_order_mark_and_empty_rows_are_what_spreadsheets_write(
    empty: Path, tmp_path: Path
) -> None:
    text = "\ufeffmaterial;kind;name\r\nA;unit;Ümlaut\r\n;;\r\n"
    made = document("import-master", written(tmp_path, text), "--db", empty)
    assert made["booked"] == 1


def test_a_file_in_another_encoding_or_none_at_all_is_wrong_use(
    empty: Path, tmp_path: Path
) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("material,kind,name\nA,unit,Ü\n".encode("latin-1"))
    for file in (latin, tmp_path / "none.csv", tmp_path):
        said = called("import-master", file, "--db", empty)
        assert said.exit_code == 2
        assert "expected a CSV file in UTF-8" in said.stderr


def test_what_the_plant_refuses_is_told_by_line_and_the_rest_is_booked(
    database: Path, tmp_path: Path
) -> None:
    text = "material,lot\nNOPE,L1\nCOIL,COIL-NEW\nCOIL,COIL-2026-17\nCOIL,NOREAD\n"
    said = called("import-master", written(tmp_path, text), "--db", database, "--json")
    assert said.exit_code == 1
    made = json.loads(said.stdout)
    assert (made["booked"], made["known"]) == (1, 0)
    assert [reason.split(":")[0] for reason in made["refused"]] == ["line 2", "line 4", "line 5"]
    assert document("history", "COIL-NEW", "--db", database)["total"] == 1


def test_beside_a_server_it_says_what_to_do(database: Path) -> None:
    with writing(database) as process:
        said = called("import-master", EXAMPLES / "materials.csv", "--db", database)
        assert document("status", "--db", database)["writer_pid"] == process
    assert said.exit_code == 4
    assert f"process {process}; stop it first" in said.stderr
    again = called("import-master", EXAMPLES / "materials.csv", "--db", database)
    assert again.exit_code == 0
