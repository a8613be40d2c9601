"""The examples of docs/genealogy.md, run."""

from __future__ import annotations

import doctest
from pathlib import Path

from tests.store.plant import instant

PAGE = Path(__file__).parents[2] / "docs" / "genealogy.md"


def test_the_examples_of_the_page_are_true(tmp_path: Path) -> None:
    failures, tried = doctest.testfile(
        str(PAGE),
        module_relative=False,
        globs={"path": tmp_path / "doc.db", "at": instant},
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST,
    )
    assert tried > 30
    assert failures == 0
