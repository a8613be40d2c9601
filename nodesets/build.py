"""Make the nodeset, its NodeIds lock and its reference page from the definition.

    python nodesets/build.py            write what changed
    python nodesets/build.py --check    write nothing; exit 1 if a file is not as it should be

The same definition and lock give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from definition import MODEL
from node_ids import LockError, NodeIds
from nodes import nodes
from nodeset_xml import nodeset
from page import page

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path("nodesets/NodeIds.csv")
NODESET = Path("nodesets/Traceability.NodeSet2.xml")
PAGE = Path("docs/model.md")


def build(lock: str) -> dict[Path, bytes]:
    """Return the contents of every file, by its path below the root, given the lock so far.

    Raises:
        LockError: the lock contradicts itself or the definition.
    """
    ids = NodeIds.parse(lock)
    ids.allocate(made := nodes(MODEL))
    return {
        LOCK: ids.csv().encode(),
        NODESET: nodeset(MODEL, made, ids),
        PAGE: page(MODEL).encode(),
    }


def main() -> int:
    """Return the exit code: 0 done or nothing to do, 1 stale or contradictory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only tell what is not up to date")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the files are")
    options = parser.parse_args()
    root: Path = options.root
    lock = root / LOCK
    try:
        files = build(lock.read_text(encoding="utf-8") if lock.exists() else "")
    except LockError as error:
        print(f"{lock}: {error}", file=sys.stderr)
        return 1
    stale = [
        path
        for path, content in files.items()
        if not (root / path).exists() or (root / path).read_bytes() != content
    ]
    for path in stale:
        if options.check:
            print(f"{path} is stale: run python nodesets/build.py", file=sys.stderr)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(files[path])
            print(f"{path} written")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
