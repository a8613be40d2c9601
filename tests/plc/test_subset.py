"""The interpreter is no more lenient than a controller: what it runs can be relied on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plc.st.program import Controller
from tests.plc.st.tokens import StError
from tests.plc.station import PROGRAMS, SOURCES

DECLARED = """
VAR
    I : INT; U : UINT; W : WORD; D : DWORD; B : BOOL; A : ARRAY[1..3] OF INT;
    Timer : TON; Edge : R_TRIG;
END_VAR
"""


def run(folder: Path, body: str, cycles: int = 1) -> Controller:
    source = folder / "p.st"
    source.write_text(f"PROGRAM P {DECLARED} {body} END_PROGRAM", encoding="utf-8")
    made = Controller([source], "P")
    for number in range(cycles):
        made.cycle(number * 100)
    return made


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ("I := 2 + 3 * 4 - 10 / 3 - 7 MOD 4;", "I", 8),
        ("I := -7 / 2;", "I", -3),
        ("W := SHL(16#00FF, 0) ;", "W", None),
        ("W := 16#F00F XOR 16#0FF0 AND 16#00F0;", "W", None),
        ("U := 65535; W := UINT_TO_WORD(U); W := SHL(W, 4);", "W", 0xFFF0),
        ("D := 16#12345678; W := DWORD_TO_WORD(SHR(D, 16));", "W", 0x1234),
        ("B := NOT B AND (I = 0) OR FALSE;", "B", True),
        ("FOR I := 1 TO 3 DO A[I] := 4 - I; END_FOR; I := A[1];", "I", 3),
        ("I := 2; CASE I OF 1: I := 5; 2: I := 6; END_CASE;", "I", 6),
        ("IF B THEN I := 1; ELSIF U = 0 THEN I := 2; ELSE I := 3; END_IF;", "I", 2),
    ],
)
def test_what_is_computed(tmp_path: Path, body: str, name: str, value: object) -> None:
    if value is None:  # literals alone have no bit string type
        with pytest.raises(StError):
            run(tmp_path, body)
    else:
        assert run(tmp_path, body).variables[name] == value


@pytest.mark.parametrize(
    "body",
    [
        "U := 65535; U := U + 1;",
        "U := U - 1;",
        "I := 4; A[I] := 1;",
        "U := I;",
        "W := U;",
        "W := W + 1;",
        "I := 40000;",
        "B := 1;",
        "I := X;",
        "X();",
        "I := ABS(I);",
        "I := 1",
        "WHILE B DO I := 1; END_WHILE;",
        "IF I THEN I := 1; END_IF;",
        "Timer(IN := I);",
        "I := Timer.ET;",
    ],
)
def test_what_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(StError):
        run(tmp_path, body)


def test_timer_and_edge(tmp_path: Path) -> None:
    body = "Timer(IN := TRUE, PT := T#200ms); B := Timer.Q; Edge(CLK := TRUE); "
    body += "IF Edge.Q THEN I := I + 1; END_IF;"
    assert run(tmp_path, body, cycles=2).variables["B"] is False
    made = run(tmp_path, body, cycles=3)
    assert made.variables["B"] is True
    assert made.variables["I"] == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_of_plc_is_in_the_subset(program: str) -> None:
    Controller(SOURCES, program).cycle(0)
    folder = SOURCES[0].parent
    assert sorted(folder.glob("*.st")) == sorted(SOURCES)
