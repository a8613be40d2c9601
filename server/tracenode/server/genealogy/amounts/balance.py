"""Where the quantity of a lot or container went, from its records (SEMANTICS S9)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, Final

from tracenode.models.analysis import MassBalance, MassBalanceAnswer
from tracenode.models.answers import Balance
from tracenode.models.errors import MalformedRequest
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.server.genealogy.amounts.account import UNKNOWN, Account, Step
from tracenode.server.genealogy.edges.believed import Lens, interval_sources, lens_of
from tracenode.server.genealogy.edges.closure import CHUNK, links_of
from tracenode.server.genealogy.edges.contents import owner_of, with_contents
from tracenode.server.genealogy.items.facts import Fact, facts_of
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading
from tracenode.server.store.writing.journal import microseconds

__all__ = ["balance_of", "mass_balance"]

_DIVISIBLE: Final = (ItemKind.Lot, ItemKind.Container)


def mass_balance(reading: Reading, question: MassBalance) -> MassBalanceAnswer:
    """Answer where the quantity of a lot or container went, up to `as_of`; past the deadline,
    nothing of it is known.

    Raises:
        MalformedRequest: a unit or carrier.
    """
    ends = time.monotonic() + question.deadline_s
    moment = moment_of(reading, question)
    item = owner_of(
        reading, number_of(reading.connection, question.item, moment.as_of, moment.known)
    )
    fact = facts_of(reading, [item], moment)[item]
    if fact.kind not in _DIVISIBLE:
        raise MalformedRequest(
            "item", "a lot or a container", f"the {fact.kind.name} {fact.public}"
        )
    found = _in_time(reading, item, fact, moment, ends)
    return MassBalanceAnswer(
        root=fact.public,
        balance=found or UNKNOWN,
        statement=moment.statement(truncated=found is None),
    )


def balance_of(reading: Reading, item: int, moment: Moment, ends: float) -> Balance | None:
    """Return the balance of a lot or container, or of the one that a content is of, read until
    `ends` (of the monotonic clock); None for any other item."""
    owner = owner_of(reading, item)
    fact = facts_of(reading, [owner], moment)[owner]
    if fact.kind not in _DIVISIBLE:
        return None
    return _in_time(reading, owner, fact, moment, ends) or UNKNOWN


def _in_time(
    reading: Reading, item: int, fact: Fact, moment: Moment, ends: float
) -> Balance | None:
    """The balance; None past the deadline."""
    account = Account()
    try:
        with reading.until(ends):
            same = {item: fact, **_stand_ins(reading, item, moment)}
            said = (_steps(reading, number, known, moment) for number, known in same.items())
            steps = sorted(chain.from_iterable(said), key=lambda step: step.place)
            derived = _derived(reading, list(same), moment)
    except OutOfTime:
        return None
    for step in steps:
        account.book(step)
    if derived:
        account.miss("consumed", derived)
    return account.told()


def _stand_ins(reading: Reading, item: int, moment: Moment) -> dict[int, Fact]:
    """The placeholders that turned out to be a lot: what was drawn from them was drawn from it."""
    links = links_of(
        reading, [item], moment, moment.point, up=False, relations=(Relation.Identity,)
    )
    return facts_of(reading, sorted({link.dst for link in links}), moment)


# ------------------------------------------------------------------ what the records say
_ROLES: Final = {
    "register": {"item": "produced"},
    "receive": {"item": "received"},
    "consume": {"lot": "consumed"},
    "split": {"lot": "consumed", "child": "produced"},
    "merge": {"item": "produced"},
    "fill": {"lot": "consumed", "container": "filled"},
    "transfer": {"source": "consumed", "target": "filled"},
    "adjust": {"lot": "corrected"},
}
"""By type of record: which part of the balance the quantity is, for the item that stands where.
What is consumed into a lot is part of what the lot is booked with."""
_LISTS: Final = {
    "transform": {"inputs": "consumed", "outputs": "produced"},
    "merge": {"lots": "consumed"},
}
"""The same of lists of items, each with a quantity of its own."""
_LEAVING: Final = {"empty": "scrapped", "scrap": "scrapped", "ship": "shipped"}
"""What all that is left goes into."""

_SAID: Final = f"""
SELECT json_group_array(json_array(seq, at, type, json(said))) FROM (
  SELECT r.seq AS seq, r.at AS at, r.type AS type, json_extract(r.body,
    CASE r.type WHEN 'correct' THEN '$.f.replacement' ELSE '$.f' END) AS said
  FROM touch t CROSS JOIN journal r ON r.seq=t.seq
  WHERE t.item=:item AND t.seq>:after AND t.seq<=:last
    AND r.type IN {("correct", *{**_ROLES, **_LISTS, **_LEAVING})}
    AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=r.seq AND v.by<=:K))"""
_LAST: Final = """
SELECT max(seq) FROM
  (SELECT seq FROM touch WHERE item=:item AND seq>:after AND seq<=:K ORDER BY seq LIMIT :limit)"""


def _steps(reading: Reading, item: int, fact: Fact, moment: Moment) -> Iterator[Step]:
    """What the valid records known did, in journal order."""
    after = 0
    values = {"item": item, "limit": CHUNK, **moment.parameters}
    while True:
        ((last,),) = reading.rows(_LAST, {**values, "after": after})
        if last is None:
            return
        for seq, at, type_, said in reading.array(_SAID, {**values, "after": after, "last": last}):
            place = (at, seq)
            if type_ == "correct":
                place = (microseconds(datetime.fromisoformat(said["event_time"])), seq)
            if moment.as_of is None or place[0] <= moment.as_of:
                yield from _parts(said.get("type", type_), said, fact, place)
        after = last


def _parts(type_: str, said: dict[str, Any], fact: Fact, place: tuple[int, int]) -> Iterator[Step]:
    """What a record did to an item."""
    item = fact.public
    for field, part in _ROLES.get(type_, {}).items():
        if said[field] == item and (fact.kind is ItemKind.Lot or type_ != "register"):
            yield Step(place, part, said.get("quantity"))
    for field, part in _LISTS.get(type_, {}).items():
        for portion in said[field]:
            if portion["item"] == item:
                yield Step(place, part, portion.get("quantity"))
    if type_ in _LEAVING:
        yield Step(place, _LEAVING[type_], None, rest=True)


@cache
def _derived_sql(lens: Lens) -> str:
    rows = " UNION ALL ".join(
        f"SELECT m.ev FROM json_each(:ids) j CROSS JOIN {source.table} m"
        f" INDEXED BY {source.table}_item ON m.item=j.value AND m.derive=1{source.where}"
        for source in interval_sources("mount", "m", "j.value", lens)
    )
    return f"SELECT json_group_array(ev) FROM ({rows})"


def _derived(reading: Reading, items: Sequence[int], moment: Moment) -> int:
    """How often the lot was mounted where consumption is derived: it has no amounts."""
    ids = json.dumps(with_contents(reading, items, moment))
    values = {"ids": ids, **moment.parameters}
    return len(reading.array(_derived_sql(lens_of(moment, Span.Ever)), values))
