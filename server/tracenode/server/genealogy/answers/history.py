"""The records that touch an item."""

from __future__ import annotations

import json
from typing import Any, Final

from tracenode.models.answers import HistoryAnswer, HistoryEntry, ItemHistory
from tracenode.models.errors import MalformedRequest
from tracenode.server.genealogy.edges.contents import owner_of
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.narrative import narrative
from tracenode.server.genealogy.moment import moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds, record_id

__all__ = ["check_page", "item_history"]

_TOUCHING: Final = """
FROM touch t CROSS JOIN journal r ON r.seq=t.seq
WHERE t.item=:item AND t.seq<=:K AND (:T IS NULL OR r.at<=:T)
"""
_PAGE: Final = f"""
SELECT r.seq, r.rec, r.at, r.type, r.body, r.hash,
  (SELECT v.by FROM void v WHERE v.ev=r.seq AND v.by<=:K)
{_TOUCHING} ORDER BY r.at, r.seq LIMIT :limit OFFSET :offset
"""


def item_history(reading: Reading, question: ItemHistory) -> HistoryAnswer:
    """Answer with the records that touch an item, in event order; voided ones are marked. Those of
    a content are its owner's."""
    check_page(question.offset, question.limit)
    moment = moment_of(reading, question)
    item = number_of(reading.connection, question.item, moment.as_of, moment.known)
    values = {
        "item": owner_of(reading, item),
        "offset": question.offset,
        "limit": question.limit,
        **moment.parameters,
    }
    ((total,),) = reading.rows(f"SELECT count(*) {_TOUCHING}", values)
    rows = reading.rows(_PAGE, values)
    return HistoryAnswer(
        root=facts_of(reading, [item], moment)[item].public,
        total=total,
        entries=tuple(_entry(reading, row) for row in rows),
        statement=moment.statement(),
    )


def _entry(reading: Reading, row: tuple[Any, ...]) -> HistoryEntry:
    seq, rec, at, type_, text, digest, voided_by = row
    body = json.loads(text)
    fields = body["f"]
    said = fields["replacement"] if type_ == "correct" else fields
    return HistoryEntry(
        position=seq,
        record=record_id(rec, digest),
        sequence=body.get("es", 0),
        type=type_,
        at=from_microseconds(at),
        recorded=from_microseconds(rec),
        station=said.get("station", ""),
        text=narrative(type_, fields),
        voided_by=None if voided_by is None else _record_at(reading, voided_by),
        fields=fields,
    )


def _record_at(reading: Reading, position: int) -> str:
    ((rec, digest),) = reading.rows("SELECT rec, hash FROM journal WHERE seq=?", (position,))
    return record_id(rec, digest)


def check_page(offset: int, limit: int) -> None:
    """Check the page of a question.

    Raises:
        MalformedRequest: below 0, or more than there can ever be.
    """
    for name, number in (("offset", offset), ("limit", limit)):
        if not 0 <= number <= INF:
            raise MalformedRequest(name, f"0 to {INF}", str(number)[:60])
