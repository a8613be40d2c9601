"""The examples of the pages, run."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.store.plant import instant

PAGES = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "examples"), [("genealogy.md", 30), ("tank-example.md", 20), ("analysis.md", 25)]
)
def test_the_examples_of_the_page_are_true(tmp_path: Path, page: str, examples: int) -> None:
    failures, tried = doctest.testfile(
        str(PAGES / page),
        module_relative=False,
        globs={"path": tmp_path / "doc.db", "at": instant},
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST,
    )
    assert tried > examples
    assert failures == 0
