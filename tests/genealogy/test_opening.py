"""A question is opened by one statement where it can be, and finds what the several ones find."""

from __future__ import annotations

from random import Random

import pytest

from tests.genealogy.chance import Chance
from tests.store.plant import Plant, instant
from tracenode.models.answers import Ingredients
from tracenode.models.errors import MalformedRequest, TraceError, UnknownItem
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.moment import Moment, moment_of
from tracenode.server.genealogy.opening import opened
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import Reading, snapshot


def in_steps(reading: Reading, question: Ingredients) -> tuple[Moment, int] | type[TraceError]:
    try:
        moment = moment_of(reading, question)
        return moment, number_of(reading.connection, question.item, moment.as_of, moment.known)
    except TraceError as error:
        return type(error)


def at_once(reading: Reading, question: Ingredients) -> tuple[Moment, int] | type[TraceError]:
    try:
        moment, item, kind = opened(reading, question)
    except TraceError as error:
        return type(error)
    for up in (True, False):
        origin = origin_of(reading, item, moment, moment.point, up=up, known=kind)
        assert origin == origin_of(reading, item, moment, moment.point, up=up)
    return moment, item


@pytest.mark.parametrize("seed", range(3))
def test_an_opened_question_is_the_moment_and_the_item(seed: int) -> None:
    chance = Chance(Random(seed))
    for _ in range(60):
        chance.step()
    connection = chance.plant.connection
    with snapshot(connection) as reading:
        known = reading.rows(
            "SELECT i.text, y.scheme, y.code FROM item i, type y WHERE y.id=i.type"
        )
        asked = {text for text, *_ in known} | {
            f"{scheme}:{code}:{text}{more}" for text, scheme, code in known for more in ("", "~1")
        }
        asked |= {f"lot:STEEL:L0~s{position}" for position in range(chance.plant.seq)}
        for item in sorted(asked):
            for as_of in (None, instant(3)):
                for position in (None, 0, 20):
                    question = Ingredients(item=item, as_of=as_of, as_known_at=position)
                    assert at_once(reading, question) == in_steps(reading, question), question


def test_a_store_without_entries_knows_nothing() -> None:
    with snapshot(Plant().connection) as reading, pytest.raises(UnknownItem):
        opened(reading, Ingredients(item="sn:PUMP:NOBODY"))


def test_a_time_without_a_zone_is_refused_before_an_unknown_item() -> None:
    with snapshot(Chance(Random(0)).plant.connection) as reading:
        naive = instant(1).replace(tzinfo=None)
        with pytest.raises(MalformedRequest):
            opened(reading, Ingredients(item="sn:PUMP:NOBODY", as_of=naive))
