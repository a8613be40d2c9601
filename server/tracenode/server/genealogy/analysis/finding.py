"""Items by parts of their number, by what they are and where they were."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from tracenode.models.analysis import FindItems, FoundItems
from tracenode.models.answers import ItemView
from tracenode.models.errors import MalformedRequest
from tracenode.models.event_parts import MAX_FIELD
from tracenode.models.items import ItemState
from tracenode.server.genealogy.analysis.window import instants_of
from tracenode.server.genealogy.answers.detail import view_of
from tracenode.server.genealogy.answers.history import check_page
from tracenode.server.genealogy.answers.lineage import used_span
from tracenode.server.genealogy.edges.believed import lens_of
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.items.facts import exists_sql, first_seen_sql, order_sql, state_sql
from tracenode.server.genealogy.items.visits import within
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading
from tracenode.server.store.schema import INF

__all__ = ["find_items"]

_ORDERED: Final = "ORDER BY i.text, y.scheme, y.code, i.gen LIMIT :limit OFFSET :offset"
_MADE: Final = (
    "i.id IN (SELECT coalesce(x.state_of,x.id) FROM json_each(:made) j"
    " CROSS JOIN item x ON x.id=j.value)"
    " AND i.id<>(SELECT coalesce(state_of,id) FROM item WHERE id=:root)"
)
"""A lot or container whose content at any time was made from the root was so too."""
_WILD: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})


def find_items(reading: Reading, question: FindItems) -> FoundItems:
    """Answer with a page of the items that are all that is asked for.

    A part of a number is looked for in all numbers, of a material where one is given. Past the
    deadline the answer has what was found and counted by then.

    Raises:
        UnknownItem, AmbiguousItem, UnknownStation: what they were made from, or where they were.
        MalformedRequest: a text of more than 254 characters or with NUL; OnHold, which is no state
            but stands beside one; as `check_page`, `instants_of`.
    """
    check_page(question.offset, question.limit)
    if question.state is ItemState.OnHold:
        raise MalformedRequest("state", "one beside which a hold may stand", question.state.name)
    if len(question.text) > MAX_FIELD:
        expected = f"at most {MAX_FIELD} characters"
        raise MalformedRequest("text", expected, f"{len(question.text)} characters")
    if "\0" in question.text:  # SQLite would end the pattern at it
        raise MalformedRequest("text", "no NUL character", repr(question.text)[:60])
    moment = moment_of(reading, question)
    end = time.monotonic() + question.deadline_s
    made, truncated = _made_from(reading, question, moment) if question.made_from else ({}, False)
    page = min(question.limit, question.max_nodes)
    total, views = 0, list[ItemView]()
    try:
        with reading.until(end):
            reading.check()
            found, values = _found(reading, question, moment)
            values |= {**made, "limit": page, "offset": question.offset}
            rows = reading.rows(f"SELECT i.id {found} {_ORDERED}", values)
            total = question.offset + len(rows) if rows else 0
            for (number,) in rows:
                reading.check()
                views.append(view_of(reading, number, moment))
            ((total,),) = reading.rows(f"SELECT count(*) {found}", values)
            truncated |= min(question.limit, total - question.offset) > page
    except OutOfTime:
        truncated = True
    return FoundItems(
        total=total,
        offset=question.offset,
        items=tuple(views),
        statement=moment.statement(truncated=truncated),
    )


def _found(reading: Reading, question: FindItems, moment: Moment) -> tuple[str, dict[str, Any]]:
    """Return what follows SELECT, and its values but those of `_made_from`."""
    since, until = instants_of(question)
    values = moment.parameters
    point, begun = lens_of(moment, moment.point), lens_of(moment, Span.Begun)
    conditions = ["i.state_of IS NULL"]
    few = False
    if question.material:
        conditions.append("y.code=:material")
        values["material"] = question.material
    if question.made_from:
        few = True
        conditions.append(_MADE)
    if question.order:
        few = True
        conditions.append("i.id IN (SELECT item FROM made_for WHERE name=:order AND ev<=:K)")
        conditions.append(f"{order_sql(begun)}=:order")
        values["order"] = question.order
    if question.station:
        few = True
        stays, bound = within(reading, question.station, since, until, moment)
        conditions.append(f"i.id IN (SELECT item FROM ({stays}))")
        values |= bound
    elif since is not None or until is not None:
        values |= {
            "begin": -INF if since is None else since,
            "end": INF if until is None else until,
        }
        conditions.append(f"{first_seen_sql(live=moment.live)}>=:begin")
        conditions.append(f"{first_seen_sql(live=moment.live)}<:end")
    if question.text:
        conditions.append("i.text LIKE :text ESCAPE '\\'")
        values["text"] = f"%{question.text.translate(_WILD)}%"
    if question.state is None:
        conditions.append(exists_sql(point))
    else:
        conditions.append(f"{state_sql(point)}=:state")
        values["state"] = int(question.state)
    # By their numbers, unless there are few: then a page needs no sorting of all of them.
    items = "item i" if few or question.material else "item i INDEXED BY item_key"
    join = f"FROM {items} CROSS JOIN type y ON y.id=i.type"
    if question.material and not few:
        join = "FROM type y CROSS JOIN item i INDEXED BY item_type ON i.type=y.id"
    return f"{join} WHERE {' AND '.join(conditions)}", values


def _made_from(
    reading: Reading, question: FindItems, moment: Moment
) -> tuple[dict[str, Any], bool]:
    """The number of an item and, as JSON, those of what it went into; whether that was cut."""
    item = number_of(reading.connection, question.made_from, moment.as_of, moment.known)
    span = used_span(moment, ever=True)
    origin = origin_of(reading, item, moment, span, up=False)
    walked = search(reading, origin, moment, span, question, up=False)
    made = json.dumps(sorted(walked.depth.keys() - set(origin.starts)))
    return {"root": item, "made": made}, walked.truncated
