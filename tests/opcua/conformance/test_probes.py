"""The page says what the probes show, of our server and of asyncua's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.docs.pages import page
from tests.opcua.conformance.asked import Row, run
from tests.opcua.conformance.facets import BEGINS, ENDS, ORDER, UNITS, marks, own_words, section
from tracenode.server.opcua.capabilities import PROFILES

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

PAGE = "docs/conformance.md"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rows(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Row]]:
    yield await run(tmp_path_factory.mktemp("probes"))


def written() -> str:
    return BEGINS + page(PAGE).partition(BEGINS)[2].partition(ENDS)[0]


async def test_the_page_says_what_a_run_shows(rows: list[Row]) -> None:
    assert {row.facet for row in rows} == set(ORDER)
    shown = section(rows)
    assert marks(shown) == marks(written())
    assert own_words(shown) == own_words(written())


async def test_advertised_profiles_are_shown_unit_by_unit(rows: list[Row]) -> None:
    names = [profile.rpartition("/")[2] for profile in PROFILES]
    assert names == list(UNITS)
    fine = {row.probe for row in rows if row.ours.mark == "yes"}
    named = {one for units in UNITS.values() for probes in units.values() for one in probes}
    assert named - fine == set()
