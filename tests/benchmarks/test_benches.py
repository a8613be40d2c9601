"""The benchmarks themselves, at sizes of seconds, with the real peer and without it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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
    from benchmarks._postgres import peer_schema
    from benchmarks._rows import Options, Report

    report = Report(Options(quick=True, json=None, folder=None), "ingest")
    sizes = store.Sizes(rounds=1, units=TINY, filled=10, starts=1)
    with peer_schema() as peer:
        asyncio.run(store.ingest(report, sizes, tmp_path / "ingest.db", peer))
        store.disk(report, tmp_path / "ingest.db", peer[0])
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
