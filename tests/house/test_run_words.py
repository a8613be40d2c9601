"""run.py makes an environment once, whole, and hands each word to whom it belongs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.small_project import (
    SETUP_TIME,
    copy_project,
    environment_variables,
    started_as,
    words,
)
from tests.support.waiting import eventually_sync

pytestmark = pytest.mark.integration

TOLD_OF_STARTS = """
import runpy, sys
def tell(event, arguments):
    if event in ("os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen"):
        print("starts", arguments[0] if arguments else "a fork", file=sys.stderr)
sys.addaudithook(tell)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script, and tells of each process that it starts."""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run.py of a small project whose environment is made."""
    made = copy_project(tmp_path_factory.mktemp("project"))
    ended = words(made, "status")
    assert ended.returncode == 0, ended.stderr
    return made


def test_unknown_word_goes_to_the_command_with_its_arguments(script: Path, tmp_path: Path) -> None:
    ended = words(script, "ingredients", "sn:A 1", "--json", cwd=tmp_path)
    assert started_as(ended) == ["tracenode", ["ingredients", "sn:A 1", "--json"], str(tmp_path)]


def test_no_word_is_the_demo(script: Path) -> None:
    assert started_as(words(script)) == ["tracenode", ["demo"], str(script.parent)]


def test_exit_code_is_the_command_s(script: Path) -> None:
    assert words(script, "verify", EXIT_CODE="7").returncode == 7


def test_second_run_starts_the_word_and_nothing_else(script: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TOLD_OF_STARTS, str(script), "status"],
        cwd=script.parent,
        env=environment_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SETUP_TIME,
        check=False,
    )
    assert started_as(ended) == ["tracenode", ["status"], str(script.parent)]
    python = script.parent / ".venv" / ("Scripts" if sys.platform == "win32" else "bin")
    starts = [line for line in ended.stderr.splitlines() if line.startswith("starts ")]
    assert len(starts) == 1, starts
    assert str(python) in starts[0]


def test_tests_run_in_the_project_folder_with_their_arguments(script: Path, tmp_path: Path) -> None:
    ended = words(script, "test", "-x", "tests/store", cwd=tmp_path)
    assert started_as(ended) == ["pytest", ["-x", "tests/store"], str(script.parent)]


def test_benchmark_gets_its_options_and_keeps_the_current_folder(
    script: Path, tmp_path: Path
) -> None:
    ended = words(script, "bench", "latency", "--quick", "--json", "rows.json", cwd=tmp_path)
    assert started_as(ended) == ["latency", ["--quick", "--json", "rows.json"], str(tmp_path)]


def test_no_or_unknown_benchmark_names_those_there_are(script: Path) -> None:
    listed = words(script, "bench")
    assert (listed.returncode, listed.stdout) == (0, "latency\n")
    unknown = words(script, "bench", "latencies", "--quick")
    assert unknown.returncode == 2
    assert "latencies" in unknown.stderr
    assert "there are: latency" in unknown.stderr


def test_killed_setup_is_made_again_by_one_of_those_who_wait(tmp_path: Path) -> None:
    script = copy_project(tmp_path)
    stamp = tmp_path / ".venv" / "tracenode-environment.json"
    slow = environment_variables(SLOW_BUILD="1.5")
    first = subprocess.Popen(
        [sys.executable, str(script), "status"],
        env=slow,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said = first.stderr
    assert said is not None
    # It says so when the virtual environment is there and the packages are to come.
    assert eventually_sync(lambda: b"installing" in said.readline(), within=SETUP_TIME)
    first.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    first.communicate(timeout=SETUP_TIME)
    assert json.loads(stamp.read_text()) == {}

    both = [
        subprocess.Popen(
            [sys.executable, str(script), "status"],
            env=environment_variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=SETUP_TIME) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sum("making .venv" in errors for _, errors in ends) == 1
    assert set(json.loads(stamp.read_text())) == {"runtime"}


def test_changed_lock_makes_the_environment_anew(script: Path) -> None:
    marker = script.parent / ".venv" / "left-over"
    marker.touch()
    with (script.parent / "locks" / "runtime.lock").open("a") as lock:
        lock.write("# changed\n")
    assert words(script, "status").returncode == 0
    assert not marker.exists()
