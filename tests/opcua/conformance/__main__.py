"""Write the part of docs/conformance.md that a run shows: `python -m tests.opcua.conformance`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.opcua.conformance.asked import run
from tests.opcua.conformance.facets import BEGINS, ENDS, section
from tests.support.project import ROOT


def main() -> None:
    page = ROOT / "docs" / "conformance.md"
    with tempfile.TemporaryDirectory() as folder:
        made = section(asyncio.run(run(Path(folder))))
    before, _, rest = page.read_text("utf-8").partition(BEGINS)
    _, heading, after = rest.partition(ENDS)
    page.write_text(before + made + heading + after, "utf-8")


if __name__ == "__main__":
    main()
