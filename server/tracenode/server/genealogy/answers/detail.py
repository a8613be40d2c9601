"""The state of one item, as clients browse it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final

from tracenode.models.answers import ItemAnswer, ItemDetail, ItemView
from tracenode.models.genealogy import Relation
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.edges.believed import Lens, interval_sources, lens_of
from tracenode.server.genealogy.edges.closure import Link, links_of
from tracenode.server.genealogy.edges.contents import held_now, origin_of
from tracenode.server.genealogy.items.facts import Fact, facts_of
from tracenode.server.genealogy.items.holds import held
from tracenode.server.genealogy.items.placements import placements
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["item_detail", "registered_with", "view_of"]

_UPDATED: Final = """
SELECT r.at FROM touch t CROSS JOIN journal r ON r.seq=t.seq
WHERE t.item=:item AND t.seq<=:K AND (:T IS NULL OR r.at<=:T) ORDER BY t.seq DESC LIMIT 1
"""
_ENTRY: Final = "SELECT type, body FROM journal WHERE seq=?"


def item_detail(reading: Reading, question: ItemDetail) -> ItemAnswer:
    """Answer with what is known of one item."""
    moment = moment_of(reading, question)
    item = number_of(reading.connection, question.item, moment.as_of, moment.known)
    view = view_of(reading, item, moment)
    return ItemAnswer(root=view.item, view=view, statement=moment.statement())


def view_of(reading: Reading, item: int, moment: Moment) -> ItemView:
    """Return what is known of one item.

    `station` is where its latest operation was, `order` that of the latest event in its life that
    names one, `quantity` what it was registered with, `updated_at` the event time of the last
    record that touches it. Relations are those that stand at the moment, ordered by event time and
    id. What a lot or container is made from is what went into its content, in the last step, and
    into the lot itself; the content that it had before is not named.
    """
    origin = origin_of(reading, item, moment, moment.point, up=True)
    made = sorted({item, *origin.starts})
    inputs = links_of(reading, made, moment, moment.point, up=True)
    came = placements(reading, item, moment)
    outputs = [link for link in came if _standing(link, moment)]
    facts = facts_of(
        reading,
        {item, *(link.src for link in inputs), *(link.dst for link in outputs)},
        moment,
    )
    fact = facts[item]
    life = _life(reading, item, moment)
    return ItemView(
        item=fact.public,
        kind=fact.kind,
        material=fact.material,
        text=fact.text,
        state=fact.state,
        on_hold=item in held(reading, {item: fact}, moment),
        station=_station(reading, item, moment),
        order=_order(life),
        quantity=_quantity(life, fact.public),
        updated_at=_updated(reading, item, moment, fact),
        parts=_inputs(inputs, facts, Relation.Install),
        part_of=next(iter(_outputs(outputs, facts, Relation.Install)), None),
        made_from=_inputs(inputs, facts, Relation.Consume, Relation.Transform),
        packed_in=next(iter(_outputs(outputs, facts, Relation.Contain)), None)
        or _holder(reading, item, fact, moment),
        replaces=_replaced(reading, came, fact.public),
    )


def _inputs(links: list[Link], facts: dict[int, Fact], *relations: Relation) -> tuple[str, ...]:
    return _each((link.at, facts[link.src]) for link in links if link.relation in relations)


def _outputs(links: list[Link], facts: dict[int, Fact], *relations: Relation) -> tuple[str, ...]:
    return _each((link.at, facts[link.dst]) for link in links if link.relation in relations)


def _holder(reading: Reading, item: int, fact: Fact, moment: Moment) -> str | None:
    """The lot or container whose content the item is at the moment."""
    if fact.owner is None or not held_now(reading, [item], moment):
        return None
    return facts_of(reading, [fact.owner], moment)[fact.owner].public


def _each(found: Iterable[tuple[int, Fact]]) -> tuple[str, ...]:
    """Public ids by event time, each once."""
    order = sorted((at, fact.public) for at, fact in found)
    return tuple(dict.fromkeys(public for _, public in order))


def _standing(link: Link, moment: Moment) -> bool:
    return link.open if moment.as_of is None else link.at <= moment.as_of < link.until


@cache
def _rows_sql(table: str, columns: str, lens: Lens) -> str:
    return " UNION ALL ".join(
        f"SELECT {columns} FROM (SELECT :item AS item) i CROSS JOIN {source.table} x"
        f" ON x.item=i.item{source.where}"
        for source in interval_sources(table, "x", "i.item", lens)
    )


def _station(reading: Reading, item: int, moment: Moment) -> str:
    lens = lens_of(moment, Span.Begun)
    rows = reading.rows(
        f"SELECT s.name FROM ({_rows_sql('visit', 'x.at, x.ev, x.station', lens)}) v"
        " JOIN station s ON s.id=v.station ORDER BY v.at DESC, v.ev DESC LIMIT 1",
        {"item": item, **moment.parameters},
    )
    return rows[0][0] if rows else ""


def _life(reading: Reading, item: int, moment: Moment) -> list[dict[str, Any]]:
    """The fields of the events that made the item's states, oldest first."""
    lens = lens_of(moment, Span.Begun)
    rows = reading.rows(
        f"{_rows_sql('life', 'x.at AS at, x.ev AS ev', lens)} ORDER BY at, ev",
        {"item": item, **moment.parameters},
    )
    return [_said(*reading.rows(_ENTRY, (ev,))[0]) for _, ev in rows]


def _said(type_: str, body: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(body)["f"]
    return fields["replacement"] if type_ == "correct" else {"type": type_, **fields}


def _order(life: list[dict[str, Any]]) -> str:
    return next((said["order"] for said in reversed(life) if said.get("order")), "")


def registered_with(reading: Reading, item: int, public: str, moment: Moment) -> Quantity | None:
    """Return the quantity that an item was registered with; None where it is not known."""
    return _quantity(_life(reading, item, moment), public)


def _quantity(life: list[dict[str, Any]], public: str) -> Quantity | None:
    """What the item was registered with, or came out of a transformation or split with."""
    for said in life[:1]:
        outputs = said.get("outputs", ())
        text = next((o.get("quantity") for o in outputs if o["item"] == public), None)
        text = text or (None if outputs else said.get("quantity"))
        return None if text is None else Quantity.model_validate(text)
    return None


def _updated(reading: Reading, item: int, moment: Moment, fact: Fact) -> datetime:
    rows = reading.rows(_UPDATED, {"item": item, **moment.parameters})
    return from_microseconds(rows[0][0] if rows else fact.first_seen)


def _replaced(reading: Reading, links: list[Link], public: str) -> tuple[str, ...]:
    """The parts in whose place the item came, in the order of the exchanges."""
    found = []
    for link in sorted(links, key=lambda link: (link.at, link.ev)):
        if link.relation is Relation.Install:
            said = _said(*reading.rows(_ENTRY, (link.ev,))[0])
            if said.get("type") == "replace" and said["new_part"] == public:
                found.append(said["old_part"])
    return tuple(dict.fromkeys(found))
