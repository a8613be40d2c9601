"""The project's own files, for the tests that read them."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.support.peers import require

__all__ = ["ROOT", "SOURCE_ROOTS", "tracked_files"]

ROOT = Path(__file__).resolve().parents[2]

SOURCE_ROOTS = tuple(ROOT / name for name in ("models", "drivers", "server"))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files under version control that are there; skips without git or checkout."""
    require(shutil.which("git") is not None and (ROOT / ".git").exists(), "a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=30
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())
