"""A reading process gives the bytes that this process gives, and follows what is booked; lost, it
is replaced; and it ends with whoever began it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.genealogy.chain import LONG, chain_at
from tests.genealogy.chance import ITEMS, LOTS, Chance
from tests.support.waiting import eventually, eventually_sync
from tracenode.models.analysis import CommonCause, Coverage, Impact
from tracenode.models.answers import Asked, RecallScope, WhereUsed, canonical
from tracenode.models.errors import MalformedRequest, ReadingProcessLost, TraceError, UnknownItem
from tracenode.models.events import Consume, Master, Output, Portion, Receive, Register, Transform
from tracenode.models.receipts import Requester
from tracenode.server.store.schema import APPLICATION_ID, SCHEMA_VERSION
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration

OFFICE = Requester("test:office")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="wants /proc")
STARTED_S = 30.0
"""Within which a Python process is up on a machine that is busy."""


def busy_for(pid: int) -> float:
    """The processor time of a process, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def in_the_middle(trace: Trace) -> int:
    """Wait until the one reading process has worked for a while; return its id."""
    (pid,) = trace.reading_pids
    before = busy_for(pid)
    await eventually(lambda: busy_for(pid) > before + 20, within=STARTED_S)
    return pid


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chain_at(tmp_path_factory.mktemp("chain") / "t.db")


# ------------------------------------------------------------------ the same answers
def plant_at(path: Path, random: Random) -> None:
    plant = Chance(random)
    for _ in range(120):
        plant.step()
    connection = plant.plant.connection
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("VACUUM INTO ?", (str(path),))


def questions(random: Random, head: int) -> Iterator[Asked]:
    for item in (*ITEMS, "NOBODY"):
        for known in (head, random.randrange(1, head)):
            yield WhereUsed(item=item, as_known_at=known)
            yield WhereUsed(item=item, as_known_at=known, ever=True, max_nodes=2)
            yield RecallScope(item=item, as_known_at=known)
            yield RecallScope(item=item, as_known_at=known, limit=0)
            yield RecallScope(item=item, as_known_at=known, max_nodes=1, limit=1)
            yield Impact(item=item, as_known_at=known)
    yield CommonCause(failed=tuple(ITEMS[:3]), passed=tuple(ITEMS[3:6]), as_known_at=head)
    yield Coverage(stations=("OP10",), as_known_at=head)
    yield RecallScope(item=LOTS[0], limit=-1)


def told(trace: Trace, question: Asked) -> bytes | str:
    try:
        return canonical(trace.ask_now(question))
    except TraceError as refusal:
        return repr((type(refusal), str(refusal), vars(refusal)))


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_the_same_bytes_as_in_this_process(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = tmp_path / "t.db"
    plant_at(path, random)
    with (
        Trace.open(path, reading_processes=1) as beside,
        Trace.open(path, read_only=True) as here,
    ):
        beside.index_now()
        for question in questions(random, beside.head.seq):
            assert told(beside, question) == told(here, question), question
        assert len(beside.reading_pids) == 1


async def test_what_is_booked_is_in_the_next_answer(tmp_path: Path) -> None:
    with Trace.open(tmp_path / "t.db", site="S", create=True, reading_processes=1) as trace:
        await trace.record(Master(kind="material", key="PUMP", data={"kind": "unit"}), OFFICE)
        await trace.record(Master(kind="material", key="STEEL", data={"kind": "lot"}), OFFICE)
        await trace.record(Receive(item="L", material="STEEL"), OFFICE)
        trace.index_now()
        for number in range(60):
            await trace.record(Register(item=f"U{number}", material="PUMP"), OFFICE)
            receipt = await trace.record(Consume(item=f"U{number}", lot="L"), OFFICE)
            assert not receipt.refused, receipt.text
            answer = await trace.ask(WhereUsed(item="L"))
            assert len(answer.nodes) == number + 2
            assert answer.statement.as_known_at >= trace.head.seq
            if number == 30:
                trace.index_now()


async def test_a_recall_comes_by_pages(tmp_path: Path) -> None:
    units = 4_500
    with Trace.open(tmp_path / "t.db", site="S", create=True, reading_processes=1) as trace:
        for event in (
            Master(kind="material", key="PUMP", data={"kind": "unit"}),
            Master(kind="material", key="STEEL", data={"kind": "lot"}),
            Receive(item="L", material="STEEL"),
            Transform(
                station="OP10",
                inputs=(Portion(item="L"),),
                outputs=tuple(Output(item=f"U{n:05}", material="PUMP") for n in range(units)),
            ),
        ):
            receipt = await trace.record(event, OFFICE)
            assert not receipt.refused, receipt.text
        whole = await trace.ask(RecallScope(item="L", limit=units))
        found = await trace.recall(RecallScope(item="L", limit=units), 2_000)
        assert (found.total, found.frontier) == (units, len(whole.statement.frontier))
        assert found.answer.affected == units
        hits = found.answer.hits
        while len(hits) < found.total:
            page = await trace.page(found.name, len(hits), 2_000)
            assert page.total == units
            hits += page.hits
        assert hits == whole.hits
        await trace.release(found.name)
        with pytest.raises(MalformedRequest, match="is not kept"):
            await trace.page(found.name, 0, 1)
        said = await trace.say(RecallScope(item="L", limit=units))
        assert said == canonical(whole)


# ------------------------------------------------------------------ limits
async def test_a_cancelled_question_leaves_the_process_free(chain: Path) -> None:
    with Trace.open(chain, reading_processes=1) as trace:
        assert (await trace.ask(RecallScope(item="Q"))).affected == 0
        waiting = [asyncio.create_task(trace.ask(RecallScope(item="P"))) for _ in range(6)]
        pid = await in_the_middle(trace)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(task.cancelled() for task in waiting)
        async with asyncio.timeout(STARTED_S):
            assert (await trace.ask(RecallScope(item="Q"))).affected == 0
        assert trace.reading_pids == [pid]


async def test_a_deadline_cuts_an_answer_there_too(chain: Path) -> None:
    with Trace.open(chain, reading_processes=1) as trace:
        answer = await trace.ask(RecallScope(item="P", deadline_s=0.05))
        assert answer.statement.truncated
        assert not answer.statement.complete
        with pytest.raises(UnknownItem, match="no item is known as 'NOBODY'"):
            await trace.ask(RecallScope(item="NOBODY"))


# ------------------------------------------------------------------ life and death
@LINUX
async def test_a_process_that_is_killed_in_the_middle_is_replaced(chain: Path) -> None:
    with Trace.open(chain, reading_processes=1) as trace:
        await trace.ask(RecallScope(item="Q"))
        asked = asyncio.create_task(trace.ask(RecallScope(item="P", limit=1)))
        os.kill(pid := await in_the_middle(trace), signal.SIGKILL)
        assert (await asked).affected == LONG
        (other,) = trace.reading_pids
        assert other != pid


@LINUX
async def test_a_question_whose_process_is_killed_twice_has_no_answer(chain: Path) -> None:
    with Trace.open(chain, reading_processes=1) as trace:
        await trace.ask(RecallScope(item="Q"))
        asked = asyncio.create_task(trace.ask(RecallScope(item="P")))
        os.kill(first := await in_the_middle(trace), signal.SIGKILL)
        await eventually(lambda: trace.reading_pids not in ([], [first]), within=STARTED_S)
        os.kill(await in_the_middle(trace), signal.SIGKILL)
        with pytest.raises(ReadingProcessLost, match="ended with code -9"):
            await asked
        assert (await trace.ask(RecallScope(item="Q"))).affected == 0


@LINUX
async def test_signals_to_the_group_are_the_servers_alone(chain: Path) -> None:
    with Trace.open(chain, reading_processes=1) as trace:
        await trace.ask(RecallScope(item="Q"))
        (pid,) = trace.reading_pids
        for kind in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, kind)
        await trace.ask(RecallScope(item="Q"))
        assert trace.reading_pids == [pid]
    await eventually(lambda: not is_alive(pid))


@LINUX
def test_a_process_ends_with_a_server_that_is_killed(chain: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from tracenode.models.answers import RecallScope\n"
        "from tracenode.server.trace import Trace\n"
        "with Trace.open(sys.argv[1], reading_processes=1) as trace:\n"
        "    trace.start_reading()\n"
        "    print(*trace.reading_pids, flush=True)\n"
        "    while True:\n"
        "        trace.ask_now(RecallScope(item='P'))\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program, str(chain)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        eventually_sync(lambda: busy_for(pid) > 100, within=STARTED_S)
    finally:
        server.kill()
        server.wait()
        server.stdout.close() if server.stdout else None
    eventually_sync(lambda: not is_alive(pid))


async def test_a_database_that_is_no_more_is_told(tmp_path: Path) -> None:
    """What the process can't open is said, and not tried for ever."""
    path = chain_at(tmp_path / "t.db", 10)
    with Trace.open(path, reading_processes=1) as trace:
        path.rename(tmp_path / "other.db")
        with pytest.raises(Exception, match=r"t\.db"):
            await trace.ask(RecallScope(item="P"))
        (tmp_path / "other.db").rename(path)
        assert (await trace.ask(RecallScope(item="P"))).affected == 10
