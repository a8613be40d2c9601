"""Items by parts of their number, by what they are and where they were."""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import pytest

from tests.genealogy.asking import short
from tests.genealogy.chance import UNITS, Chance
from tests.genealogy.test_plans import LARGE, Overheard, aliases, plans
from tests.store.plant import Plant, instant
from tracenode.models.analysis import FindItems, FoundItems, TimeWindow
from tracenode.models.answers import Asked, Ingredients, ItemDetail, ItemView, WhereUsed, canonical
from tracenode.models.errors import MalformedRequest, TraceError, UnknownItem, UnknownStation
from tracenode.models.items import ItemState
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.analysis import finding
from tracenode.server.genealogy.answers.detail import view_of
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import microseconds


@pytest.fixture
def line() -> Plant:
    """Pumps PA-1 and PA-2 and PB_1, a car PA-1 and a lot: PA-1 is made of it and for 4711."""
    plant = Plant()
    plant.master("order", "4711", material="PUMP")
    plant.master("order", "4712", material="PUMP")
    plant.ok("register", 1, item="PA-1", material="PUMP", order="4711")
    plant.ok("register", 2, item="PA-2", material="PUMP", order="4711")
    plant.ok("register", 3, item="PB_1", material="PUMP")
    plant.ok("register", 4, item="PA-1", material="CAR")
    plant.ok("receive", 5, item="L1", material="STEEL")
    plant.ok("consume", 10, item="sn:PUMP:PA-1", lot="L1")
    plant.ok("assemble", 12, parent="sn:CAR:PA-1", part="sn:PUMP:PA-1")
    plant.ok("start", 20, item="PA-2", station="OP10", order="4712")
    plant.ok("complete", 25, item="PA-2", station="OP10", evaluation=1)
    return plant


def found(plant: Plant, **asked: Any) -> FoundItems:
    answered = answer(plant.connection, FindItems(**asked))
    assert isinstance(answered, FoundItems)
    return answered


def ids(plant: Plant, **asked: Any) -> list[str]:
    answered = found(plant, **asked)
    assert answered.total == len(answered.items)
    assert answered.statement.complete
    return [view.item for view in answered.items]


def test_a_part_of_a_number_finds_what_has_it(line: Plant) -> None:
    everything = ["lot:STEEL:L1", "sn:CAR:PA-1", "sn:PUMP:PA-1", "sn:PUMP:PA-2", "sn:PUMP:PB_1"]
    assert ids(line) == everything
    assert ids(line, text="pa-") == everything[1:4]
    assert ids(line, text="a-1") == everything[1:3]
    assert ids(line, text="_") == ["sn:PUMP:PB_1"]
    assert ids(line, text="%") == []
    assert ids(line, text="\\") == []


def test_what_is_asked_together_must_all_be_so(line: Plant) -> None:
    assert ids(line, text="1", material="PUMP") == ["sn:PUMP:PA-1", "sn:PUMP:PB_1"]
    assert ids(line, material="PUMP", state=ItemState.Completed) == ["sn:PUMP:PA-2"]
    assert ids(line, made_from="L1") == ["sn:CAR:PA-1", "sn:PUMP:PA-1"]
    assert ids(line, made_from="L1", material="PUMP") == ["sn:PUMP:PA-1"]
    assert ids(line, station="OP10") == ["sn:PUMP:PA-2"]
    assert ids(line, station="OP10", since=instant(26)) == []
    assert ids(line, since=instant(3), until=instant(5)) == ["sn:CAR:PA-1", "sn:PUMP:PB_1"]
    assert ids(line, material="NONE") == []


def test_a_lot_that_was_topped_up_and_a_container_are_made_from_what_came_in(line: Plant) -> None:
    line.ok("receive", item="L2", material="STEEL", quantity="9 KGM")
    line.ok("consume", item="PA-2", lot="L2", quantity="1 KGM")
    line.ok("transfer", source="L1", target="L2", quantity="1 KGM")
    line.ok("register", item="B1", material="BOX")
    line.ok("fill", container="B1", lot="L2", quantity="1 KGM")
    assert ids(line, made_from="L1") == [
        "container:BOX:B1",
        "lot:STEEL:L2",
        "sn:CAR:PA-1",
        "sn:PUMP:PA-1",
    ]
    assert ids(line, made_from="L2") == ["container:BOX:B1", "sn:PUMP:PA-2"]


def test_the_order_is_the_latest_that_was_named(line: Plant) -> None:
    assert ids(line, order="4711") == ["sn:PUMP:PA-1"]
    assert ids(line, order="4712") == ["sn:PUMP:PA-2"]
    assert ids(line, order="4711", as_of=instant(15)) == ["sn:PUMP:PA-1", "sn:PUMP:PA-2"]


def test_pages_are_the_whole(line: Plant) -> None:
    whole = ids(line)
    known = line.seq
    line.ok("register", item="PA-0", material="PUMP")
    paged = [
        found(line, as_known_at=known, offset=offset, limit=2) for offset in range(0, len(whole), 2)
    ]
    assert [view.item for page in paged for view in page.items] == whole
    assert {page.total for page in paged} == {len(whole)}
    behind = found(line, offset=100)
    assert (behind.items, behind.total) == ((), 6)


def test_what_is_cut_says_so(line: Plant) -> None:
    cut = found(line, made_from="L1", max_nodes=2)
    assert cut.statement.truncated
    late = found(line, deadline_s=-1.0)
    assert late.statement.truncated


def test_what_each_item_says_is_looked_up_within_the_deadline(
    line: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*asked: Any) -> ItemView:
        time.sleep(0.1)
        return view_of(*asked)

    monkeypatch.setattr(finding, "view_of", slowly)
    late = found(line, deadline_s=0.25)
    assert late.statement.truncated
    assert len(late.items) < 5


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"made_from": "nobody"}, UnknownItem),
        ({"station": "nowhere"}, UnknownStation),
        ({"offset": -1}, MalformedRequest),
        ({"offset": 1 << 63}, MalformedRequest),
        ({"text": "\0"}, MalformedRequest),
        ({"text": "x" * 255}, MalformedRequest),
        ({"state": ItemState.OnHold}, MalformedRequest),
        ({"since": instant(3), "until": instant(3)}, MalformedRequest),
    ],
)
def test_a_question_that_can_not_be_meant_is_refused(
    line: Plant, asked: dict[str, Any], refused: type[TraceError]
) -> None:
    with pytest.raises(refused):
        found(line, **asked)


# ------------------------------------------------------------------ laws
def searches(chance: Chance) -> list[FindItems]:
    random = chance.random
    common: dict[str, Any] = {
        "as_of": instant(random.uniform(0, 40)) if random.random() < 0.5 else None
    }
    since = instant(random.uniform(0, 20)) if random.random() < 0.5 else None
    bounds: dict[str, Any] = {"since": since, "until": instant(random.uniform(21, 40))}
    return [
        FindItems(text=random.choice("ULB123"), **common),
        FindItems(material="PUMP", state=random.choice([*ItemState][:3]), **common),
        FindItems(made_from=random.choice(("L0", "L1", "U0")), **common),
        FindItems(station="OP10", **bounds, **common),
        FindItems(order="4711", **common),
        FindItems(text="U", **bounds, **common),
        FindItems(order="4711", station="OP10", state=ItemState.InProcess, **common),
    ]


def with_orders(seed: int) -> Chance:
    chance = Chance(Random(seed))
    for order in ("4711", "4712"):
        chance.plant.master("order", order, material="PUMP")
    chance.plant.ok("start", 0.5, item="U0", station="OP10", order="4711")
    return chance


def step(chance: Chance) -> None:
    chance.step()
    random = chance.random
    order, unit = random.choice(("4711", "4712", "")), random.choice(UNITS)
    minute = random.uniform(0, 40)
    chance.plant.book("start", minute, item=unit, station="OP10", order=order)


def one_by_one(chance: Chance, question: FindItems) -> list[str]:
    """The same from the answers about each item of the plant."""
    moment: dict[str, Any] = {"as_of": question.as_of}
    connection, matching = chance.plant.connection, []
    made: set[str] = set()
    if question.made_from:
        used = WhereUsed(item=question.made_from, ever=True, **moment)
        nodes = answer(connection, used).nodes
        made = {node.item.partition("~s")[0] for node in nodes if node.depth}
        made.discard(nodes[0].item.partition("~s")[0])
    visited: set[str] = set()
    if question.station:
        window = TimeWindow(
            station=question.station, since=question.since, until=question.until, **moment
        )
        visited = {visit.item for visit in answer(connection, window).visits}
    for item in chance.items:
        if not exists(chance, item, question.as_of):
            continue
        view = answer(connection, ItemDetail(item=item, **moment)).view
        (root, *_) = answer(connection, Ingredients(item=item, **moment)).nodes
        if (
            question.text.upper() in short(item).upper()
            and question.material in ("", view.material)
            and question.order in ("", view.order)
            and question.state in (None, view.state)
            and (not question.made_from or item in made)
            and (not question.station or item in visited)
            and (question.station or question.since is None or root.first_seen >= question.since)
            and (question.station or question.until is None or root.first_seen < question.until)
        ):
            matching.append(item)
    return sorted(matching, key=lambda item: (short(item), item))


def exists(chance: Chance, item: str, as_of: datetime | None) -> bool:
    scheme, part, text = item.split(":")
    then = INF - 1 if as_of is None else microseconds(as_of)
    ((lives,),) = chance.plant.rows(
        "SELECT count(*) FROM life l JOIN item i ON i.id=l.item JOIN type t ON t.id=i.type"
        f" WHERE t.scheme='{scheme}' AND t.code='{part}' AND i.text='{text}'"
        f" AND i.state_of IS NULL AND l.at<={then} AND l.until>{then}"
    )
    return bool(lives)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_is_what_each_item_says(seed: int) -> None:
    chance = with_orders(seed)
    for _ in range(30):
        step(chance)
        for question in chance.random.sample(searches(chance), 3):
            said = [view.item for view in found_by(chance, question).items]
            assert said == one_by_one(chance, question), question


def found_by(chance: Chance, question: FindItems) -> FoundItems:
    answered = answer(chance.plant.connection, question)
    assert isinstance(answered, FoundItems)
    return answered


@pytest.mark.parametrize("seed", range(2))
def test_a_search_asked_live_is_the_same_bytes_later(seed: int) -> None:
    chance = with_orders(seed)

    def said(question: Asked) -> bytes:
        try:
            return canonical(answer(chance.plant.connection, question))
        except TraceError as error:
            return str(error).encode()

    live: list[tuple[Asked, int, bytes]] = []
    for _ in range(30):
        step(chance)
        for asked in chance.random.sample(searches(chance), 2):
            live.append((asked, chance.plant.seq, said(asked)))
    for question, known, before in live:
        assert said(replace(question, as_known_at=known)) == before, (question, known)


def test_only_the_numbers_are_looked_through() -> None:
    """A part of a number may be anywhere, so all numbers are read, in their order; no table of
    intervals is."""
    chance = with_orders(5)
    for _ in range(40):
        step(chance)
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Overheard)
    chance.plant.connection.backup(connection)
    for asked in searches(chance):
        for known in (None, 30):
            answer(connection, replace(asked, as_known_at=known))
    for sql, plan in plans(connection):
        assert "BLOOM" not in plan, f"{sql}\n{plan}"
        names = aliases(sql)
        for scanned in re.findall(r"^SCAN (\w+)(?! USING INDEX item_key)", plan, re.MULTILINE):
            read = names.get(scanned, scanned)
            assert read not in (*LARGE, "journal", "item", "made_for"), f"{sql}\n{plan}"
