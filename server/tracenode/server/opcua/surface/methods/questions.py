"""Questions as JSON, for clients that know only strings (WinCC OA, Ignition, Node-RED)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tracenode.models.answers import Asked
from tracenode.models.errors import MalformedRequest
from tracenode.models.questions import parse_question

__all__ = ["question_of"]

ARGUMENTS: Final = {
    "ItemId": "item",
    "LotId": "item",
    "FromItemId": "item",
    "ToItemId": "into",
    "FailedItemIds": "failed",
    "PassedItemIds": "passed",
    "StationId": "station",
    "From": "since",
    "To": "until",
    "AsOf": "as_of",
    "AsKnownAt": "as_known_at",
    "MaxDepth": "max_depth",
    "MaxNodes": "max_nodes",
    "MaxItems": "max_nodes",
    "MaxRecords": "limit",
    "Offset": "offset",
    "MinShare": "min_share",
}
"""Argument of a method -> field of its question."""
OWN_ARGUMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "RecallScope": {"MaxItems": "limit"},
    "FindItems": {
        "Text": "text",
        "MaterialId": "material",
        "LotId": "made_from",
        "OrderId": "order",
        "State": "state",
        "MaxItems": "limit",
    },
    "CommonCauses": {"MaxItems": "limit"},
    "TimeWindow": {"MaxItems": "limit"},
    "Coverage": {"StationId": "stations"},
}
"""By method, where they mean another field."""
BOUNDS: Final = ("max_depth", "max_nodes", "limit", "as_known_at", "min_share")
"""Fields of which a method's 0 means: not given."""
ANY_STATE: Final = -1
TIMES: Final = ("as_of", "as_known_at", "since", "until")


def question_of(name: str, arguments: str) -> Asked:
    """Return the question that the method of this name asks, its arguments from a JSON object: by
    their names there or by those of the question's fields (`models.questions`). An argument of a
    method that is null, or 0 where it bounds an answer, is not given, but MaxItems 0 of RecallScope
    asks for the counts alone. Times are ISO 8601, in UTC where they have no zone.

    Raises:
        MalformedRequest: no such question, no JSON object, an unknown argument or a wrong value.
    """
    try:
        given = json.loads(arguments)
    except ValueError as e:
        raise MalformedRequest("ArgumentsJson", "a JSON object", str(e)) from e
    if not isinstance(given, dict):
        raise MalformedRequest("ArgumentsJson", "a JSON object", repr(given)[:60])
    asked = {"question": name, **dict(_by_field(name, given))}
    if asked["question"] != name:
        raise MalformedRequest("Name", repr(asked["question"])[:60], repr(name))
    return parse_question(asked)


def _by_field(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values by the question's own names."""
    names = {**ARGUMENTS, **OWN_ARGUMENTS.get(name, {})}
    for argument, value in given.items():
        field = names.get(argument)
        if field is None:
            yield argument, _in_utc(value) if argument in TIMES else value
        elif field == "stations":
            yield field, [value]
        elif field == "state" and value == ANY_STATE:
            continue
        elif value is not None and (value != 0 or field not in BOUNDS or _counts(name, argument)):
            yield field, _in_utc(value) if field in TIMES else value


def _counts(name: str, argument: str) -> bool:
    return (name, argument) == ("RecallScope", "MaxItems")


def _in_utc(value: Any) -> Any:
    """Return a text that is a time as that time, with its zone."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
