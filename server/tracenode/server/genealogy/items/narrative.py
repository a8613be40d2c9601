"""A record in words: one sentence, from nothing but what the journal holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from tracenode.models.evaluation import Evaluation

__all__ = ["narrative"]

Fields = dict[str, Any]
SHOWN: Final = 4
"""Items of a list that are named."""


def narrative(type_: str, fields: Fields) -> str:
    """Return what a record says happened, such as "completed at OP10: OK".

    `fields` are those of the journal entry, without what stands at its default.
    """
    return _WORDS[type_](fields)


def _at(fields: Fields) -> str:
    station = fields.get("station", "")
    return f" at {station}" if station else ""


def _because(fields: Fields) -> str:
    reason = fields.get("reason", "")
    return f": {reason}" if reason else ""


def _position(fields: Fields) -> str:
    position = fields.get("position", "")
    return f", position {position}" if position else ""


def _amount(fields: Fields) -> str:
    quantity = fields.get("quantity")
    return f"{quantity} of " if quantity else ""


def _slot(fields: Fields) -> str:
    return f"slot {fields['slot']}{_at(fields)}"


def _unloaded(fields: Fields) -> str:
    remaining = fields.get("remaining")
    return f"{_slot(fields)} unloaded" + (f", {remaining} left" if remaining else "")


def _list(items: Iterable[str]) -> str:
    named = list(items)
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more


def _registered(fields: Fields) -> str:
    quantity = fields.get("quantity")
    amount = f", {quantity}" if quantity else ""
    return f"registered as {fields['material']}{amount}{_at(fields)}"


def _received(fields: Fields) -> str:
    supplier = fields.get("supplier", "")
    quantity = fields.get("quantity")
    return (
        f"received as {fields['material']}"
        + (f", {quantity}" if quantity else "")
        + (f" from {supplier}" if supplier else "")
        + _at(fields)
    )


def _completed(fields: Fields) -> str:
    failure = fields.get("failure_code", "")
    verdict = Evaluation(fields["evaluation"]).name
    return f"completed{_at(fields)}: {verdict}" + (f" ({failure})" if failure else "")


def _measured(fields: Fields) -> str:
    return f"measured{_at(fields)}: " + _list(value["name"] for value in fields["measurements"])


def _transformed(fields: Fields) -> str:
    inputs = _list(portion["item"] for portion in fields["inputs"])
    outputs = _list(output["item"] for output in fields["outputs"])
    return f"{inputs} became {outputs}{_at(fields)}"


def _merged(fields: Fields) -> str:
    return f"{_list(lot['item'] for lot in fields['lots'])} became {fields['item']}{_at(fields)}"


def _shipped(fields: Fields) -> str:
    customer = fields.get("customer", "")
    document = fields.get("document", "")
    return (
        f"shipped {_list(fields['items'])}"
        + (f" to {customer}" if customer else "")
        + (f", {document}" if document else "")
    )


def _held(fields: Fields) -> str:
    if window := fields.get("window"):
        since = f" from {window['since']}" if window.get("since") else ""
        until = f" until {window['until']}" if window.get("until") else ""
        return f"all that was at {window['station']}{since}{until} put on hold{_because(fields)}"
    scope = " with all it went into" if fields.get("scope") == "where_used" else ""
    return f"put on hold{scope}{_because(fields)}"


def _corrected(fields: Fields) -> str:
    replacement = fields["replacement"]
    instead = narrative(replacement["type"], replacement)
    return f"corrected record {fields['record']}{_because(fields)}; instead: {instead}"


_WORDS: Final[dict[str, Callable[[Fields], str]]] = {
    "register": _registered,
    "receive": _received,
    "observe": lambda f: f"read{_at(f)}" + (" again" if f.get("duplicate") else ""),
    "reject": lambda f: f"reading rejected{_at(f)}: {f['reason']}",
    "start": lambda f: f"started{_at(f)}",
    "complete": _completed,
    "abort": lambda f: f"aborted{_at(f)}{_because(f)}",
    "measure": _measured,
    "assemble": lambda f: f"{f['part']} installed in {f['parent']}{_position(f)}{_at(f)}",
    "remove": lambda f: f"{f['part']} removed from {f['parent']}{_at(f)}{_because(f)}",
    "replace": lambda f: (
        f"{f['old_part']} replaced by {f['new_part']} in {f['parent']}"
        f"{_position(f)}{_at(f)}{_because(f)}"
    ),
    "consume": lambda f: f"{_amount(f)}{f['lot']} consumed by {f['item']}{_position(f)}{_at(f)}",
    "transform": _transformed,
    "split": lambda f: f"{_amount(f)}{f['lot']} split off as {f['child']}{_at(f)}",
    "merge": _merged,
    "fill": lambda f: f"{_amount(f)}{f['lot']} filled into {f['container']}{_at(f)}",
    "transfer": lambda f: f"{_amount(f)}{f['source']} transferred into {f['target']}{_at(f)}",
    "empty": lambda f: f"{f['container']} emptied{_at(f)}{_because(f)}",
    "adjust": lambda f: f"stock of {f['lot']} adjusted by {f['quantity']}{_because(f)}",
    "load": lambda f: f"{_amount(f)}{f['lot']} loaded on {_slot(f)}",
    "unload": _unloaded,
    "pack": lambda f: f"{f['item']} packed into {f['container']}{_position(f)}{_at(f)}",
    "unpack": lambda f: f"{f['item']} unpacked from {f['container']}{_at(f)}",
    "bind": lambda f: f"{f['carrier']} bound to {f['item']}{_at(f)}",
    "unbind": lambda f: f"{f['carrier']} unbound{_at(f)}",
    "relabel": lambda f: f"also known as {f['alias']}",
    "scrap": lambda f: f"scrapped{_at(f)}{_because(f)}",
    "ship": _shipped,
    "hold": _held,
    "release": lambda f: f"hold {f['hold']} released{_because(f)}",
    "void": lambda f: f"voided record {f['record']}{_because(f)}",
    "correct": _corrected,
    "master": lambda f: f"{f['kind']} {f['key']} " + ("set" if f["data"] else "taken out of use"),
    "identify": lambda f: f"{f['placeholder']} is {f['item']}",
    "gap": lambda f: f"{f['missing']} missing ({f['kind']}){_at(f)}",
    "report": lambda f: f"report {f['name']!r} issued",
    "stale": lambda f: f"report {f['name']!r} stale because of record {f['cause']}",
}
