"""Commands as processes: pipes, folders, signals, a server beside them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.plant import (
    LOT,
    PROCESS_S,
    called,
    coming_from,
    command_line,
    document,
    writing,
)
from tests.support.waiting import eventually_sync
from tracenode.models.events import Hold
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize(
    "words", [["history", "P1"], ["recall", LOT, "--json"], ["--help"]], ids=lambda words: words[0]
)
def test_a_reader_that_goes_away_is_not_complained_about(plant: Path, words: list[str]) -> None:
    reading, written = os.pipe()
    os.close(reading)
    database = [] if words == ["--help"] else ["--db", str(plant)]
    with os.fdopen(written, "wb") as pipe:
        ended = subprocess.run(
            command_line(*words, *database),
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=PROCESS_S,
            check=False,
        )
    assert ended.stderr == b""
    assert ended.returncode == (1 if words == ["--help"] else 141)


def test_head_of_a_pipe_is_quiet(plant: Path) -> None:
    with subprocess.Popen(
        command_line("history", "P1", "--db", plant),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"time")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PROCESS_S) in (0, 141)


def test_the_names_of_files_are_those_of_the_current_folder(tmp_path: Path) -> None:
    assert coming_from(tmp_path, "init", "plant").returncode == 0
    checked = coming_from(tmp_path / "plant", "check", "tracenode.toml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert coming_from(tmp_path / "plant", "status").returncode == 0
    named = coming_from(tmp_path, "status", TRACENODE_DB="plant/tracenode.db")
    assert named.returncode == 0


def test_an_output_that_has_no_unicode_gets_it_spelled_out(database: Path, tmp_path: Path) -> None:
    with Trace.open(database) as trace:
        event = Hold(item="P1", reason="oil \u2713 \N{GRINNING FACE}")
        assert not trace.record_now(event, Requester("test")).refused
    for words in (["history", "P1"], ["history", "P1", "--json"]):
        ended = coming_from(tmp_path, *words, "--db", str(database), PYTHONIOENCODING="latin-1")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "\\u2713" in ended.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX names of files")
def test_an_argument_that_is_no_text_is_refused_in_words(plant: Path) -> None:
    words = [os.fsencode(word) for word in command_line("ingredients")]
    ended = subprocess.run(
        [*words, b"\xff\xfe", b"--db", os.fsencode(plant)],
        capture_output=True,
        timeout=PROCESS_S,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"tracenode: identifier ")


async def test_questions_are_answered_while_another_process_writes(database: Path) -> None:
    program = (
        "import sys\n"
        "from tracenode.models.events import Register\n"
        "from tracenode.models.receipts import Requester\n"
        "from tracenode.server.trace import Trace\n"
        "with Trace.open(sys.argv[1]) as trace:\n"
        "    number = 0\n"
        "    while True:\n"
        "        number += 1\n"
        "        trace.record_now(Register(item=f'N{number}', material='BOARD'), Requester('w'))\n"
        "        print(number, flush=True)\n"
    )
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", program, str(database), stdout=subprocess.PIPE
    )
    try:
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"1\n"
        before = document("status", "--db", database)["entries"]
        assert document("recall", LOT, "--db", database)["end_items"] == 3
        assert called("verify", "--db", database).exit_code == 0
        assert called("backup", database.with_name("copy.db"), "--db", database).exit_code == 0
        async with asyncio.timeout(PROCESS_S):
            while document("status", "--db", database)["entries"] <= before:
                await writer.stdout.readline()
    finally:
        writer.kill()
        await writer.wait()
    # The killed writer took nothing with it, and its lock ended with it.
    assert called("verify", "--deep", "--db", database).exit_code == 0
    assert called("rebuild", "--db", database).exit_code == 0


@pytest.mark.parametrize("words", [["rebuild"], ["restore", "copy.db", "--force"]])
def test_what_replaces_the_file_waits_for_nobody(database: Path, words: list[str]) -> None:
    copy = database.with_name("copy.db")
    assert called("backup", copy, "--db", database).exit_code == 0
    before = database.read_bytes()
    words = [str(copy) if word == "copy.db" else word for word in words]
    with writing(database):
        said = called(*words, "--db", database)
    assert said.exit_code == 4
    assert "stop it first" in said.stderr
    assert database.read_bytes() == before


def test_run_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    config = tmp_path / "tracenode.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config.write_text(
        f'[site]\nid = "a"\n[opcua]\nendpoint = "opc.tcp://127.0.0.1:{port}/tracenode"\n'
        'security = ["None"]\n',
        encoding="utf-8",
    )
    with subprocess.Popen(
        command_line("run", config, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            said = json.loads(server.stdout.readline())
            assert said == {"serving": f"opc.tcp://127.0.0.1:{port}/tracenode"}
            database = tmp_path / "tracenode.db"
            assert document("status", "--db", database)["writer_pid"] == server.pid
            second = coming_from(tmp_path, "run", "tracenode.toml")
            assert second.returncode == 4
            assert f"process {server.pid}; stop it first" in second.stderr
            other = tmp_path / "other.toml"
            other.write_text(
                config.read_text(encoding="utf-8") + '[store]\npath = "other.db"\n',
                encoding="utf-8",
            )
            taken = coming_from(tmp_path, "run", "other.toml")
            assert taken.returncode == 4
            why = f"tracenode: can't listen at opc.tcp://127.0.0.1:{port}/tracenode: "
            assert taken.stderr.startswith(why)
            assert "opcua.endpoint" in taken.stderr
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PROCESS_S)
        assert server.stderr is not None
        assert "nobody can log in" in server.stderr.read()
    assert server.returncode == 0
    assert document("status", "--db", database)["writer_pid"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_command_with_130(plant: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    os.mkfifo(rows)
    with subprocess.Popen(
        command_line("import-master", rows, "--db", plant), stderr=subprocess.PIPE
    ) as process:
        # Opening a pipe returns when the other end is open as well: it now waits for the rows.
        with rows.open("w", encoding="utf-8"):
            process.send_signal(signal.SIGINT)
            assert process.wait(PROCESS_S) == 130
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_demo_with_its_summary(tmp_path: Path) -> None:
    truth = tmp_path / "data" / "truth.jsonl"
    with subprocess.Popen(
        command_line("demo", "--dir", truth.parent, "--port", "0", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        try:
            eventually_sync(truth.exists, PROCESS_S)
        finally:
            demo.send_signal(signal.SIGINT)
            told, errors = demo.communicate(timeout=PROCESS_S)
    assert (demo.returncode, errors) == (0, "")
    assert '"differences": []' in told


def test_the_demo_makes_what_the_controllers_say(tmp_path: Path) -> None:
    made = document("demo", "--units", "6", "--dir", tmp_path / "data", "--port", "0")
    assert (made["finished"] >= 6, made["compared"] >= 6) == (True, True)
    assert made["differences"] == []
    database = tmp_path / "data" / "tracenode.db"
    assert called("verify", "--deep", "--db", database).exit_code == 0
    assert called("check", tmp_path / "data" / "tracenode.toml").exit_code == 0
    again = called("demo", "--dir", tmp_path / "data")
    assert again.exit_code == 2
    assert "has files in it" in again.stderr
