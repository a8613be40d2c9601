"""The example package, built and installed beside tracenode, is found by its entry point."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import ROOT

pytestmark = pytest.mark.integration

EXAMPLE = ROOT / "examples" / "driver-thermometer"
LONGEST = 120
"""Seconds of one command."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that has the example alone."""
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=EXAMPLE, check=True, capture_output=True, timeout=LONGEST)
    (wheel,) = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def ran(site: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )


def configured(folder: Path, port: int, **keys: Any) -> Path:
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    head = '[site]\nid = "a"\n[[devices]]\nid = "Oven"\ndriver = "acme-thermometer"\n'
    file = folder / "tracenode.toml"
    file.write_text(head + f'link = "tcp://127.0.0.1:{port}"\n' + "\n".join(lines), "utf-8")
    return file


def test_the_driver_is_found_by_its_entry_point_and_probed(site: Path, tmp_path: Path) -> None:
    def thermometer() -> None:
        caller, _ = there.accept()
        with caller:
            while caller.recv(16):
                caller.sendall(b"T=-07.5\r\n")

    with socket.create_server(("127.0.0.1", 0)) as there:
        answering = threading.Thread(target=thermometer)
        answering.start()
        config = configured(tmp_path, there.getsockname()[1])
        said = ran(site, "tracenode.server", "check", config, "--probe", "--json")
        answering.join(LONGEST)
    assert said.returncode == 0, said.stdout + said.stderr
    (found,) = json.loads(said.stdout)["probe"]
    assert (found["device"], found["well"], found["usable"]) == ("Oven", True, 1)


def test_its_faults_come_with_all_others(site: Path, tmp_path: Path) -> None:
    said = ran(site, "tracenode.server", "check", configured(tmp_path, 0, period=1), "--json")
    assert said.returncode == 3
    paths = [problem["path"] for problem in json.loads(said.stderr)["error"]["problems"]]
    assert paths == ["devices[0].link", "devices[0].period"]


def test_without_the_package_the_installed_drivers_are_named(tmp_path: Path) -> None:
    said = ran(tmp_path, "tracenode.server", "check", configured(tmp_path, 1), "--json")
    (problem,) = json.loads(said.stderr)["error"]["problems"]
    assert problem["path"] == "devices[0].driver"
    assert "modbus" in problem["expected"]
    assert "acme" not in problem["expected"]


def test_its_own_tests_pass(site: Path) -> None:
    project = EXAMPLE / "pyproject.toml"
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), "-c", str(project)]
    said = ran(site, "pytest", *options, EXAMPLE / "tests")
    assert said.returncode == 0, said.stdout
    assert "10 passed" in said.stdout
