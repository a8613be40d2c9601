"""The rows that benchmarks write, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks._rows import Options, Report, Row, arguments, met, percentile


def report(file: Path | None = None) -> Report:
    return Report(Options(quick=True, json=file, folder=None), "bench of tests")


def test_rows_are_written_with_exactly_the_promised_keys(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    made = report(file)
    made.add("a trace vs another", 20, 100, unit="us", target="<=0.25")
    made.add("alone", 7, unit="ms")
    assert made.finish() == 0
    assert json.loads(file.read_text(encoding="utf-8")) == [
        {
            "name": "a trace vs another",
            "ours": 20,
            "peer": 100,
            "ratio": 0.2,
            "target": "<=0.25",
            "unit": "us",
        },
        {"name": "alone", "ours": 7, "peer": None, "ratio": None, "target": None, "unit": "ms"},
    ]


def test_answers_that_disagree_are_named_and_fail_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = report()
    made.agree("ingredients of X", {1, 2}, {1, 3})
    assert made.finish() == 1
    said = capsys.readouterr().out
    assert "DISAGREE ingredients of X: only ours [2] (1), only the peer's [3] (1)" in said


def test_missed_targets_and_missing_peers_do_not_fail_the_run() -> None:
    made = report()
    made.add("slow", 9, 1, unit="us", target="<=0.5")
    made.add("alone", 9, unit="us", target=">=1.5", missing="PostgreSQL")
    assert made.rows[1].name == "alone (PostgreSQL missing)"
    assert [met(row) for row in made.rows] == [False, None]
    assert made.finish() == 0


def test_a_target_bounds_the_ratio_or_else_our_number() -> None:
    assert met(Row("throughput", 300, 100, 3.0, ">=1.5", "1/s")) is True
    assert met(Row("memory", 41, None, None, "<=40", "MiB")) is False
    assert met(Row("without", 41, None, None, None, "MiB")) is None


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([5, 1, 3], 0.5) == 3
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([4], 0.99) == 4


def test_the_command_line_is_checked() -> None:
    assert arguments("", ["--quick"]) == Options(quick=True, json=None, folder=None)
    with pytest.raises(SystemExit) as ended:
        arguments("", ["--fast"])
    assert ended.value.code == 2
