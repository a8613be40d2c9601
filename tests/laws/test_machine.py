"""The laws hold on plants by chance: with late events, voids and corrections, mounts, contents,
placeholders and holds (SEMANTICS S4 to S7, S9 to S13, S15 to S17, S19)."""

from __future__ import annotations

import pytest

from tests.laws.profiles import long_run, short_run


def test_a_few_plants_keep_the_laws() -> None:
    short_run()


@pytest.mark.integration
def test_many_plants_keep_the_laws() -> None:
    long_run()
