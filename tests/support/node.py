"""Peers on Node.js: the packages of tests/node, installed when first needed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.peers import require
from tests.support.project import ROOT

__all__ = ["FOLDER", "node_modules", "run_script"]

FOLDER = ROOT / "tests" / "node"
INSTALL_TIME = 300.0
"""Seconds for `npm ci`, or to wait for another process that runs it; it takes about 15."""
STAMP = ".installed-from"


@cache
def node_modules() -> Path:
    """Return the folder of installed packages; makes it with `npm ci` where it is missing or does
    not fit the lock. Skips the test without node and npm, or where the packages can't be had."""
    require(all(shutil.which(name) for name in ("node", "npm")), "node and npm")
    folder = FOLDER / "node_modules"
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    with _locked(FOLDER / ".node_modules.lock"):
        stamp = folder / STAMP
        if not stamp.exists() or stamp.read_text() != wanted:
            npm = shutil.which("npm") or "npm"
            installed = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=FOLDER,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIME,
                check=False,
            )
            require(installed.returncode == 0, f"npm packages: {installed.stderr[-500:]}")
            stamp.write_text(wanted)
    return folder


def run_script(name: str, *arguments: str, within: float = 60.0) -> str:
    """Run a script of tests/node to its end and return what it printed.

    Raises:
        AssertionError: it failed; carries what it said.
        subprocess.TimeoutExpired: not done within `within` seconds.
    """
    node_modules()
    ended = subprocess.run(
        [shutil.which("node") or "node", str(FOLDER / name), *arguments],
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock that the system drops with the process."""
    ends = time.monotonic() + INSTALL_TIME
    with path.open("a+b") as file:
        while not _try_lock(file.fileno()):
            assert time.monotonic() < ends, f"{path} is locked by another process"
            time.sleep(0.1)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
