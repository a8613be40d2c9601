"""Questions as JSON, for clients that know only strings (WinCC OA, Ignition, Node-RED)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    Question,
    RecallScope,
    WhereUsed,
)
from tracenode.models.errors import MalformedRequest

__all__ = ["QUESTIONS", "parse_question"]

QUESTIONS: Final[dict[str, type[Question]]] = {
    "ingredients": Ingredients,
    "where_used": WhereUsed,
    "history": ItemHistory,
    "path": PathBetween,
    "recall": RecallScope,
    "item": ItemDetail,
}
METHOD_NAMES: Final = {
    "TraceIngredients": "ingredients",
    "TraceWhereUsed": "where_used",
    "GetHistory": "history",
    "PathBetween": "path",
    "RecallScope": "recall",
    "GetItem": "item",
}
"""The methods that ask the same."""
ARGUMENT_NAMES: Final = {
    "ItemId": "item",
    "FromItemId": "item",
    "ToItemId": "into",
    "AsOf": "as_of",
    "AsKnownAt": "as_known_at",
    "MaxDepth": "max_depth",
    "MaxNodes": "max_nodes",
    "MaxItems": "max_nodes",
    "MaxRecords": "limit",
    "Offset": "offset",
}
"""The arguments of those methods. As there, null, and 0 of what bounds an answer, mean: not given;
MaxItems of RecallScope is its limit, where 0 asks for the counts alone."""
TIMES: Final = ("as_of", "as_known_at")


def parse_question(name: str, arguments: str, deadline_s: float) -> Question:
    """Return the question of this name, its fields from a JSON object, by their own names or by
    those of the method's arguments; times are ISO 8601, in UTC where they have no zone.
    `deadline_s` bounds its own.

    Raises:
        MalformedRequest: no such name, no JSON object, an unknown field or a wrong value.
    """
    kind = QUESTIONS.get(METHOD_NAMES.get(name, name))
    if kind is None:
        known = ", ".join((*QUESTIONS, *METHOD_NAMES))
        raise MalformedRequest("Name", f"one of {known}", repr(name))
    try:
        given = json.loads(arguments)
    except ValueError as e:
        raise MalformedRequest("ArgumentsJson", "a JSON object", str(e)) from e
    if not isinstance(given, dict):
        raise MalformedRequest("ArgumentsJson", "a JSON object", repr(given)[:60])
    given = _by_field(kind, given)
    allowed = [field.name for field in fields(kind)]
    unknown = sorted(given.keys() - set(allowed))
    if unknown:
        raise MalformedRequest("ArgumentsJson", ", ".join(allowed), ", ".join(unknown))
    asked: dict[str, Any] = {
        key: _in_utc(value) if key in TIMES else value for key, value in given.items()
    }
    longest = asked.get("deadline_s", deadline_s)
    if isinstance(longest, int | float):
        asked["deadline_s"] = min(longest, deadline_s)
    try:
        return TypeAdapter(kind).validate_python(asked)
    except ValidationError as e:
        fault = e.errors(include_url=False)[0]
        path = ".".join(str(step) for step in fault["loc"])
        raise MalformedRequest(path, fault["msg"], repr(fault["input"])[:60]) from e


def _by_field(kind: type[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by the question's own names."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        field = ARGUMENT_NAMES.get(name)
        if kind is RecallScope and name == "MaxItems":
            found["limit"] = value
        elif field is None:
            found[name] = value
        elif value is not None and (value != 0 or field == "offset"):
            found[field] = value
    return found


def _in_utc(value: Any) -> Any:
    """Return a text that is a time as that time."""
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=UTC)
