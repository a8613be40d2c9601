"""The benchmarks themselves, at sizes of seconds, with the real peer and without it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.node import node_modules
from tests.support.peers import require

pytestmark = pytest.mark.integration

TINY = {1: 2, 10: 20, 100: 100}


@pytest.fixture
def psycopg() -> None:
    """Skip also in CI: benchmarks and their packages are a layer of their own."""
    pytest.importorskip("psycopg", reason="psycopg, of the bench packages")


@pytest.fixture
def postgres(psycopg: None) -> None:
    from benchmarks._postgres import missing

    if why := missing():
        pytest.skip(f"PostgreSQL: {why}")


@pytest.mark.usefixtures("postgres")
def test_ingest_ends_with_the_same_contents_as_postgresql(tmp_path: Path) -> None:
    from benchmarks import store
    from benchmarks._ingest_whole import peers
    from benchmarks._rows import Options, Report

    report = Report(Options(quick=True, json=None, folder=None), "ingest")
    sizes = store.Sizes(rounds=1, units=TINY, filled=10, starts=1)
    with peers() as both:
        asyncio.run(store.ingest(report, sizes, tmp_path / "ingest.db", both))
        store.disk(report, tmp_path / "ingest.db", both.whole[0])
    assert report.finish() == 0
    assert all(row.peer is not None for row in report.rows)


@pytest.mark.usefixtures("psycopg")
def test_without_postgresql_the_rows_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", str(tmp_path))
    from benchmarks import _postgres, latency
    from benchmarks._rows import Options, Report

    assert _postgres.missing()
    options = Options(quick=True, json=None, folder=None)
    report = Report(options, "traces")
    latency.traces(report, options, tmp_path, 1_000)
    assert report.finish() == 0
    alone = [row for row in report.rows if row.peer is None]
    assert any(row.name.endswith("(PostgreSQL missing)") for row in alone)


@pytest.mark.usefixtures("postgres")
def test_traces_agree_with_postgresql_and_networkx(tmp_path: Path) -> None:
    from benchmarks import latency
    from benchmarks._rows import Options, Report

    options = Options(quick=True, json=None, folder=None)
    report = Report(options, "traces")
    latency.traces(report, options, tmp_path, 3_000)
    assert report.finish() == 0


@pytest.mark.usefixtures("postgres")
def test_the_genealogy_agrees_with_every_peer_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rustworkx", reason="rustworkx, of the bench packages")
    from benchmarks import _genealogy_load, genealogy
    from benchmarks._rows import Options, Report

    monkeypatch.setattr(_genealogy_load, "UNITS", {1: 1, 10: 10})
    monkeypatch.setattr(_genealogy_load, "BUSY_S", 0.5)
    report = Report(Options(quick=True, json=None, folder=None), "genealogy")
    run = genealogy.Run(6_000, genealogy.ROWS, asked=3, rounds=1, folder=tmp_path)
    genealogy.measure(report, run)
    assert report.finish() == 0
    named = " ".join(row.name for row in report.rows)
    for peer in ("PostgreSQL", "networkx", "rustworkx"):
        assert f"vs {peer}" in named
        assert f"({peer} missing)" not in named


def test_a_filled_store_is_kept_and_a_missing_peer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("psycopg", "numpy"):
        pytest.importorskip(package, reason=f"{package}, of the bench packages")
    monkeypatch.setenv("PGHOST", str(tmp_path))
    from benchmarks import genealogy

    words = ["--edges", "6000", "--only", "as_of,disk", "--keep", str(tmp_path / "kept")]
    assert genealogy.main(words) == 0
    assert "PostgreSQL is missing" in capsys.readouterr().out
    (kept,) = (tmp_path / "kept").glob("plant-6000-*.db")
    filled = kept.stat().st_mtime_ns
    assert genealogy.main(words) == 0
    assert kept.stat().st_mtime_ns == filled


def test_a_served_file_tells_start_and_memory(tmp_path: Path) -> None:
    require(Path("/proc/self/status").exists(), "a system with /proc")
    from benchmarks._fill import fill
    from benchmarks._mix import line_events
    from benchmarks._served import used

    fill(tmp_path / "full.db", line_events(20))
    (tmp_path / "served").mkdir()
    usage = used(tmp_path / "served", tmp_path / "full.db")
    assert usage.start_s > 0
    assert usage.rss_used_mib >= usage.rss_mib * 0.9 > 0


def test_opcua_servers_answer_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require(Path("/proc/self/schedstat").exists(), "a system with /proc/PID/schedstat")
    from benchmarks import _ua_scenes, opcua

    monkeypatch.setattr(_ua_scenes, "SUBSCRIBERS", 2)
    rows = "read,write,call,browse,items,data,events,secure"
    words = ["--quick", "--only", rows, "--peers", "asyncua", "--json", str(tmp_path / "rows.json")]
    assert opcua.main(words) == 0, capsys.readouterr().out
    found = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert len(found) == 12
    assert all(row["peer"] > 0 for row in found)


def test_a_file_of_items_answers_as_it_was_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(Path("/proc/self/status").exists(), "a system with /proc")
    from benchmarks import items
    from benchmarks._rows import Options, Report

    node_modules()
    report = Report(Options(quick=True, json=None, folder=None), "items")
    items.run(report, tmp_path, units=2_500, each=20, watched=3)
    said = capsys.readouterr().out
    assert report.finish() == 0, said
    named = [row.name for row in report.rows]
    assert any(name.startswith("node-opcua: all 3 pages") for name in named), said


def test_drivers_read_the_same_as_pymodbus_and_libmodbus() -> None:
    from benchmarks import drivers
    from benchmarks._rows import Options, Report
    from tests.support.libmodbus import executable

    executable("modbus_plant")
    report = Report(Options(quick=True, json=None, folder=None), "drivers")
    sizes = drivers.Sizes(rounds=1, seconds=0.5, scans=20, flood=500, units=5)
    drivers.polling(report, sizes)
    drivers.scanning(report, sizes)
    assert report.finish() == 0
    assert sum(row.peer is not None for row in report.rows) == 6
