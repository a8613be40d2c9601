"""A project of a few bytes that run.py can set up without a network.

Its build backend is its own, its locks are empty, and each of its modules prints how it was
started, as one JSON list: name, arguments, current folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

__all__ = ["copy_project", "environment_variables", "started_as", "words"]

SETUP_TIME = 120
"""Seconds for one run.py that makes an environment; it takes about four."""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tracenode"
version = "0.1"
"""

BACKEND = """
import os, time, zipfile
from pathlib import Path

METADATA = ["Metadata-Version: 2.1", "Name: tracenode", "Version: 0.1", ""]
WHEEL = ["Wheel-Version: 1.0", "Generator: tests", "Root-Is-Purelib: true", "Tag: py3-none-any", ""]

def build_editable(folder, config_settings=None, metadata_directory=None):
    time.sleep(float(os.environ.get("SLOW_BUILD", "0")))
    name, info = "tracenode-0.1-py3-none-any.whl", "tracenode-0.1.dist-info"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("tracenode.pth", str(Path.cwd() / "source"))
        wheel.writestr(info + "/METADATA", chr(10).join(METADATA))
        wheel.writestr(info + "/WHEEL", chr(10).join(WHEEL))
        wheel.writestr(info + "/RECORD", "")
    return name
"""

MODULE = """
import json, os, sys
print(json.dumps([{name!r}, sys.argv[1:], os.getcwd()]))
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""


def copy_project(folder: Path) -> Path:
    """Lay the small project into `folder` and return its run.py."""
    shutil.copy(ROOT / "run.py", folder)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    modules = {
        "source/tracenode/server/__main__.py": "tracenode",
        "source/pytest.py": "pytest",
        "benchmarks/latency.py": "latency",
        "benchmarks/_rows.py": "rows",
    }
    for path, name in modules.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(MODULE.format(name=name))
    (folder / "locks").mkdir()
    for lock in (ROOT / "locks").glob("*.lock"):
        (folder / "locks" / lock.name).write_text("")
    return folder / "run.py"


def environment_variables(**changes: str) -> dict[str, str]:
    """Return this process's variables without uv on the PATH and without settings of run.py."""
    uv = shutil.which("uv")
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(f for f in folders if uv is None or not Path(f, "uv").exists())
    kept = {k: v for k, v in os.environ.items() if k not in ("TRACENODE_VENV", "PYTHONPATH")}
    return {**kept, "PATH": path, **changes}


def words(
    script: Path, *arguments: str, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run run.py with the words to its end."""
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=cwd or script.parent,
        env=environment_variables(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SETUP_TIME,
        check=False,
    )


def started_as(ended: subprocess.CompletedProcess[str]) -> list[object]:
    """Return what the started module printed: its name, arguments and current folder."""
    assert ended.returncode == 0, ended.stderr
    started: list[object] = json.loads(ended.stdout)
    return started
