"""Content filters of event subscriptions (OPC 10000-4 7.7.3), with three-valued logic.

A field that an event does not have is null; comparing with null gives unknown, and an event whose
filter is unknown is not sent. OfType takes subtypes. Not supported, and said so when the monitored
item is created: Cast, InView, RelatedTo.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.events import Event
from tracenode.server.opcua.types import TypeTree

__all__ = ["BadFilter", "WhereClause", "field_name"]

F = ua.FilterOperator
MAX_ELEMENTS = 100
MAX_OPERANDS = 100
MAX_DEPTH = 50

_OPERANDS = {
    F.Equals: (2, 2),
    F.IsNull: (1, 1),
    F.GreaterThan: (2, 2),
    F.LessThan: (2, 2),
    F.GreaterThanOrEqual: (2, 2),
    F.LessThanOrEqual: (2, 2),
    F.Like: (2, 2),
    F.Not: (1, 1),
    F.Between: (3, 3),
    F.InList: (2, MAX_OPERANDS),
    F.And: (2, 2),
    F.Or: (2, 2),
    F.OfType: (1, 1),
    F.BitwiseAnd: (2, 2),
    F.BitwiseOr: (2, 2),
}
_COMPARE: dict[ua.FilterOperator, Callable[[Any, Any], Any]] = {
    F.GreaterThan: operator.gt,
    F.LessThan: operator.lt,
    F.GreaterThanOrEqual: operator.ge,
    F.LessThanOrEqual: operator.le,
    F.BitwiseAnd: operator.and_,
    F.BitwiseOr: operator.or_,
}


class BadFilter(ValueError):
    """The filter can't be used; `status` says why, in the words of OPC UA."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


def field_name(path: Sequence[ua.QualifiedName]) -> str:
    """Return the name that a select clause or operand means: browse names joined by `/`."""
    return "/".join(part.Name or "" for part in path)


class WhereClause:
    """A where clause, checked once and then asked for every event."""

    def __init__(self, elements: Sequence[ua.ContentFilterElement], types: TypeTree) -> None:
        """Check the clause.

        Raises:
            BadFilter: unknown operator, wrong number of operands, an element that refers back.
        """
        self._elements = list(elements or ())
        self._types = types
        if len(self._elements) > MAX_ELEMENTS:
            raise BadFilter(StatusCodes.BadEventFilterInvalid, f"at most {MAX_ELEMENTS} elements")
        for index, element in enumerate(self._elements):
            self._check(index, element)

    def _check(self, index: int, element: ua.ContentFilterElement) -> None:
        bounds = _OPERANDS.get(element.FilterOperator)
        if bounds is None:
            raise BadFilter(
                StatusCodes.BadFilterOperatorUnsupported,
                f"operator {element.FilterOperator!r} is not supported",
            )
        operands = element.FilterOperands or ()
        if not bounds[0] <= len(operands) <= bounds[1]:
            raise BadFilter(
                StatusCodes.BadFilterOperandCountMismatch,
                f"{element.FilterOperator!r} with {len(operands)} operands",
            )
        for operand in operands:
            match operand:
                case ua.ElementOperand(Index=target):
                    # OPC 10000-4 7.4.4.2: only later elements, so that there is no loop
                    if not index < target < len(self._elements):
                        raise BadFilter(StatusCodes.BadFilterOperandInvalid, f"element {target}")
                case ua.LiteralOperand() | ua.SimpleAttributeOperand():
                    pass
                case ua.AttributeOperand(BrowsePath=path) if path.Elements:
                    pass
                case _:
                    raise BadFilter(
                        StatusCodes.BadFilterOperandInvalid, f"{type(operand).__name__}"
                    )

    def passes(self, event: Event) -> bool:
        """True where the event is to be sent."""
        return not self._elements or self._element(0, event, 0) is True

    def _element(self, index: int, event: Event, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return None
        element = self._elements[index]
        kind = element.FilterOperator

        def value(position: int) -> Any:
            return self._operand(element.FilterOperands[position], event, depth)

        match kind:
            case F.IsNull:
                return value(0) is None
            case F.Not:
                inner = _truth(value(0))
                return None if inner is None else not inner
            case F.And:
                left = _truth(value(0))
                return False if left is False else _and(left, _truth(value(1)))
            case F.Or:
                left = _truth(value(0))
                return True if left is True else _or(left, _truth(value(1)))
            case F.OfType:
                wanted = value(0)
                return isinstance(wanted, ua.NodeId) and self._types.is_a(event.event_type, wanted)
            case F.Equals:
                return _equal(value(0), value(1))
            case F.InList:
                first = value(0)
                found = [_equal(first, value(i)) for i in range(1, len(element.FilterOperands))]
                return True if True in found else None if None in found else False
            case F.Between:
                middle = value(0)
                return _and(
                    _compare(operator.ge, middle, value(1)),
                    _compare(operator.le, middle, value(2)),
                )
            case F.Like:
                text, pattern = value(0), value(1)
                if not isinstance(text, str) or not isinstance(pattern, str):
                    return None
                return _pattern(pattern).fullmatch(text) is not None
        return _compare(_COMPARE[kind], value(0), value(1))

    def _operand(self, operand: Any, event: Event, depth: int) -> Any:
        match operand:
            case ua.ElementOperand(Index=target):
                return self._element(target, event, depth + 1)
            case ua.LiteralOperand(Value=literal):
                found = None if literal is None else literal.Value
            case ua.SimpleAttributeOperand(BrowsePath=path):
                found = event.variant(field_name(path)).Value if path else event.event_type
            case ua.AttributeOperand(BrowsePath=path):
                names = [step.TargetName for step in path.Elements]
                found = event.variant(field_name(names)).Value
            case _:
                return None
        return found.Text if isinstance(found, ua.LocalizedText) else found


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return True if left and right else None


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return False if left is False and right is False else None


def _equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else bool(left == right)


def _compare(how: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    try:
        return how(left, right)
    except TypeError:
        return None  # not convertible into each other: null, OPC 10000-4 7.7.3


@lru_cache(maxsize=256)
def _pattern(like: str) -> re.Pattern[str]:
    r"""Translate a Like pattern: `%` any run, `_` one character, `[abc]`, `[^abc]`, `\` escape.

    Runs become atomic groups, so that a hostile pattern can't make the match slow.
    """
    chunks: list[list[str]] = [[]]
    position = 0
    while position < len(like):
        char = like[position]
        closing = like.find("]", position + 1) if char == "[" else -1
        if char == "\\" and position + 1 < len(like):
            position += 1
            chunks[-1].append(re.escape(like[position]))
        elif char == "%":
            chunks.append([])
        elif char == "_":
            chunks[-1].append(".")
        elif closing > position + 1:
            chunks[-1].append(_set(like[position + 1 : closing]))
            position = closing
        else:
            chunks[-1].append(re.escape(char))
        position += 1
    first, *rest = ["".join(chunk) for chunk in chunks]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{chunk})" for chunk in rest[:-1] if chunk)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _set(inside: str) -> str:
    negated = inside.startswith("^") and len(inside) > 1
    body = re.sub(r"([\\^\[\]&~|])", r"\\\1", inside[1:] if negated else inside)
    try:
        re.compile(f"[{body}]")
    except re.error:
        return "(?!)"  # a range that runs backwards contains nothing
    return f"[{'^' if negated else ''}{body}]"
