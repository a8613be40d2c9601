"""What strangers and careless clients do to the real server, at sizes of a minute."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support.peers import require

pytestmark = pytest.mark.integration

INPUTS = 2_000
SEED = 7 if os.environ.get("CI") == "true" else random.randrange(2**31)
"""Printed with what fails: `bench fuzz --seed` says the same bytes again."""


@pytest.fixture(autouse=True)
def linux() -> None:
    require(Path("/proc/self/fd").exists(), "a system with /proc")
    require(Path("/proc/self/schedstat").exists(), "a system with /proc/PID/schedstat")


def test_changed_input_leaves_the_server_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import fuzz
    from benchmarks._rows import Options, Report

    report = Report(Options(quick=True, json=None, folder=None), "fuzz")
    fuzz.run(report, tmp_path, seed=SEED, first=0, inputs=INPUTS)
    assert report.finish() == 0, capsys.readouterr().out
    ended = [row.ours for row in report.rows if "was ended" in row.name]
    answered = [row.ours for row in report.rows if "went on" in row.name]
    assert min(ended) > 0
    assert sum(answered) > INPUTS / 4


def test_a_leak_is_told_from_caches_that_fill() -> None:
    from benchmarks.fuzz import MORE_MIB, thirds

    batches = range(100)  # a full run
    fills = [124 + min(number, 20) * 0.2 + number % 3 for number in batches]
    leaks = [124 + number * 500 * 300 / 2**20 for number in batches]  # 300 bytes an input
    for sizes, grows in ((fills, False), (leaks, True)):
        middle, last = thirds(sizes)
        assert (last - middle > MORE_MIB) is grows
    assert thirds([1.0]) == (1.0, 1.0)
    assert thirds([1.0, 2.0]) == (1.0, 2.0)


def test_the_same_seed_makes_the_same_bytes() -> None:
    from asyncua.ua.ua_binary import struct_to_binary

    from benchmarks._fuzz_changes import changed, framed
    from benchmarks._fuzz_requests import spoken

    bodies = [struct_to_binary(request) for _, request in spoken(1, 2)]

    def made(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [framed(chance, changed(chance, body, bodies) + bytes(24)) for body in bodies * 5]

    assert made(1) == made(1) != made(2)


def test_clients_that_come_and_go_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import churn
    from benchmarks._rows import Options, Report

    report = Report(Options(quick=True, json=None, folder=None), "churn")
    churn.run(report, tmp_path, {"unencrypted": 200, "SignAndEncrypt": 40})
    assert report.finish() == 0, capsys.readouterr().out
