"""Whoever breaks a rule breaks a law: every mutant is caught, and tracenode as it is keeps all."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.laws.mutants import CAUGHT, MUTANTS

pytestmark = pytest.mark.integration
ROOT: Final = Path(__file__).parents[2]
AS_IT_IS: Final = ""
Verdicts = dict[str, subprocess.CompletedProcess[str]]


def _tried(number: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.laws.mutants", *filter(None, [number])]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """Try them all, on all processors."""
    numbers = [AS_IT_IS, *map(str, range(len(MUTANTS)))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(numbers, pool.map(_tried, numbers), strict=True))


def test_tracenode_as_it_is_keeps_the_laws(verdicts: Verdicts) -> None:
    whole = verdicts[AS_IT_IS]
    assert whole.returncode == 0, whole.stderr[-4000:]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: MUTANTS[n].rule)
def test_a_mutant_is_caught(number: int, verdicts: Verdicts) -> None:
    tried = verdicts[str(number)]
    survived = f"it breaks no law: {MUTANTS[number]}"
    assert tried.returncode == CAUGHT, tried.stderr[-4000:] or survived
