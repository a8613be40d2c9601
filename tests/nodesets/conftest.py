"""The parsed nodeset, once."""

from __future__ import annotations

import pytest

from tests.nodesets.parsed import Nodeset, read


@pytest.fixture(scope="session")
def nodeset() -> Nodeset:
    return read()
