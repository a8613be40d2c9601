"""Making the adjacency index beside a running server (ADR 009)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.genealogy.indexed import is_asked, same_as_tables
from tests.store.line import fill, open_line, unit
from tests.support.waiting import eventually
from tracenode.models.errors import StoreLocked
from tracenode.server.store.adjacency import index as index_room
from tracenode.server.store.adjacency.layout import index_path
from tracenode.server.store.adjacency.making import make_in_process
from tracenode.server.store.file.lock import FileLock
from tracenode.server.trace import Trace


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    fill(path, 5)
    return path


def test_two_processes_do_not_make_it_at_once(line: Path) -> None:
    with open_line(line) as trace, FileLock(index_path(line)):
        with pytest.raises(StoreLocked):
            trace.index_now()
        assert not is_asked(trace)


def units(trace: Trace, numbers: Iterable[int]) -> None:
    for number in numbers:
        unit(trace, number)


async def kept(trace: Trace, until: Callable[[], bool]) -> None:
    keeping = asyncio.create_task(trace.keep_index())
    await eventually(until, 30)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert keeping.cancelled()


@pytest.mark.integration
async def test_a_server_makes_it_in_another_process_and_again_when_it_is_far_behind(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_room, "WORTH", 20)
    monkeypatch.setattr(index_room, "WATCH_S", 0.05)
    with open_line(line) as trace:
        await kept(trace, lambda: trace.store.index.watermark is None)
        await asyncio.to_thread(units, trace, range(10, 20))
        await kept(trace, lambda: trace.store.index.watermark is not None)
        assert await asyncio.to_thread(same_as_tables, trace)
        first = trace.store.index.watermark
        monkeypatch.setattr(index_room, "BEHIND", 5)
        await asyncio.to_thread(units, trace, range(20, 25))
        await kept(trace, lambda: trace.store.index.watermark != first)
        assert await asyncio.to_thread(same_as_tables, trace)


_SLOWLY = """
import pathlib, sys, time
from tracenode.server.store.adjacency import layout, making
arrays = layout._arrays
def slowly(*arguments):
    for number, numbers in enumerate(arrays(*arguments)):
        if number == 3:
            print("half", flush=True)
            time.sleep(60)
        yield numbers
layout._arrays = slowly
making.main(pathlib.Path(sys.argv[1]))
"""


def making_slowly(line: Path) -> subprocess.Popen[bytes]:
    """Return a process that is half done."""
    child = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, str(line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"half\n"
    return child


@pytest.mark.integration
def test_a_killed_making_leaves_nothing_in_use(line: Path) -> None:
    with making_slowly(line) as child:
        child.kill()
    draft = index_path(line).with_name(index_path(line).name + ".draft")
    assert draft.exists()
    assert not index_path(line).exists()
    with open_line(line) as trace:
        assert not trace.store.index.load()
        trace.index_now()
        assert same_as_tables(trace)
    assert not draft.exists()


@pytest.mark.integration
def test_the_process_ends_with_the_one_that_began_it(line: Path) -> None:
    with making_slowly(line) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 1


@pytest.mark.integration
async def test_a_making_that_is_given_up_ends(line: Path) -> None:
    making = asyncio.create_task(make_in_process(line))
    await asyncio.sleep(0.05)
    making.cancel()
    await asyncio.wait([making])
    assert making.cancelled()
    assert await make_in_process(line)
    assert not await make_in_process(line.with_name("none.db"))
