"""export-epcis: one document of all records, or of those of an item."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.plant import called
from tracenode.server.commands import exporting


def test_a_document_has_every_record(plant: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonld"
    said = called("export-epcis", str(file), "--db", str(plant))
    assert said.exit_code == 0, said.output
    events = json.loads(file.read_text(encoding="utf-8"))["epcisBody"]["eventList"]
    assert said.stdout.splitlines() == [f"{len(events)} event(s)", f"written: {file}"]
    ids = [event["eventID"] for event in events if "errorDeclaration" not in event]
    assert len(set(ids)) == len(ids) > 10


def test_pages_join_to_the_same_document(
    plant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    called("export-epcis", str(whole), "--db", str(plant))
    monkeypatch.setattr(exporting, "PAGE", 3)
    called("export-epcis", str(parts), "--db", str(plant))
    read = [json.loads(file.read_text(encoding="utf-8")) for file in (whole, parts)]
    assert read[0]["epcisBody"] == read[1]["epcisBody"]


def test_an_item_has_its_own_and_a_file_is_never_overwritten(plant: Path, tmp_path: Path) -> None:
    file = tmp_path / "one"
    said = called("export-epcis", str(file), "--item", "P1", "--json", "--db", str(plant))
    count = json.loads(said.stdout)["events"]
    assert count == len(json.loads(file.read_text(encoding="utf-8"))["epcisBody"]["eventList"])
    assert called("export-epcis", str(file), "--db", str(plant)).exit_code == 4
    missing = called("export-epcis", str(tmp_path / "x"), "--item", "nobody", "--db", str(plant))
    assert missing.exit_code == 1
    assert not (tmp_path / "x").exists()
