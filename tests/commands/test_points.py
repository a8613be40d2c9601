"""export-points: a table that a configuration takes in again."""

from __future__ import annotations

from pathlib import Path

from tests.commands.plant import called, document, error_of

HEAD = '[site]\nid = "a"\n[[devices]]\nid = "PLC"\ndriver = "modbus"\nlink = "tcp://plc"\n'
READER = '[[devices]]\nid = "R"\ndriver = "scanner"\nlink = "tcp://h:1"\n'


def configured(folder: Path, text: str) -> Path:
    file = folder / "tracenode.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_what_is_exported_is_taken_in_again(tmp_path: Path) -> None:
    points = '[devices.points]\nForce = { at = "hr:100", type = "float32", unit = "NEW" }\n'
    config, table = configured(tmp_path, HEAD + points), tmp_path / "points.csv"
    plan = document("check", config)["read_plan"]
    said = called("export-points", table, "--device", "PLC", "--config", config)
    assert (said.exit_code, said.stdout) == (0, f"written: {table}, 1 point(s)\n")
    configured(tmp_path, HEAD + 'points_csv = "points.csv"\n')
    assert document("check", config)["read_plan"] == plan
    assert called("export-points", table, "--device", "PLC", "--config", config).exit_code == 4


def test_a_device_that_has_no_points_is_refused_with_those_that_have(tmp_path: Path) -> None:
    config = configured(tmp_path, HEAD + "points = {}\n" + READER)
    to = tmp_path / "points.csv"
    said = called("export-points", to, "--device", "R", "--config", config, "--json")
    assert said.exit_code == 1
    assert "PLC" in error_of(said)["message"]
    assert not to.exists()
