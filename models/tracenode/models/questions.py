"""Questions by name, as JSON data that can be read back: in issued reports, and for clients that
know only strings."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tracenode.models.analysis import (
    CommonCause,
    CompareToBom,
    Coverage,
    FindItems,
    Impact,
    MassBalance,
    TimeWindow,
)
from tracenode.models.answers import (
    Asked,
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    RecallScope,
    WhereUsed,
    plain,
)
from tracenode.models.errors import MalformedRequest
from tracenode.models.faults import malformed

__all__ = ["QUESTION_NAMES", "parse_question", "question_fields"]

QUESTION_NAMES: Final[dict[str, type[Asked]]] = {
    "TraceIngredients": Ingredients,
    "TraceWhereUsed": WhereUsed,
    "PathBetween": PathBetween,
    "RecallScope": RecallScope,
    "GetHistory": ItemHistory,
    "GetItem": ItemDetail,
    "FindItems": FindItems,
    "CommonCauses": CommonCause,
    "MassBalance": MassBalance,
    "TimeWindow": TimeWindow,
    "CompareToBom": CompareToBom,
    "Coverage": Coverage,
    "Impact": Impact,
}
"""Every question by the name of the method of `Queries` that asks it."""
_NAMES: Final = {kind: name for name, kind in QUESTION_NAMES.items()}
_NAME: Final = "question"
_ADAPTERS: Final[dict[str, TypeAdapter[Asked]]] = {
    name: TypeAdapter(kind) for name, kind in QUESTION_NAMES.items()
}


def question_fields(question: Asked) -> dict[str, Any]:
    """Return a question as JSON data: its name under `question`, and what does not stand at its
    default. `parse_question` gives it back."""
    said: dict[str, Any] = {_NAME: _NAMES[type(question)]}
    for field in fields(question):
        value = getattr(question, field.name)
        if field.default is MISSING or value != field.default:
            said[field.name] = plain(value)
    return said


def parse_question(data: dict[str, Any]) -> Asked:
    """Read a question from its JSON data.

    Raises:
        MalformedRequest: no such question, or the first fault of its fields.
    """
    given = dict(data)
    name = given.pop(_NAME, None)
    kind = QUESTION_NAMES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MalformedRequest(_NAME, f"one of {', '.join(QUESTION_NAMES)}", repr(name))
    names = [field.name for field in fields(kind)]
    if unknown := sorted(given.keys() - set(names)):
        raise MalformedRequest(name, f"fields of {', '.join(names)}", ", ".join(unknown))
    try:
        return _ADAPTERS[name].validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        raise malformed(error, name) from error
