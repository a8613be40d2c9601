"""Where clauses of event filters (OPC 10000-4 7.7), with three-valued logic.

A field that an event does not have is null; comparing with null, or with what can't be converted,
gives null, and an event whose clause is not true is not sent. OfType takes subtypes. InView and
RelatedTo are for Query and refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.conversion import cast, unified
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.subscriptions.patterns import like
from tracenode.server.opcua.subscriptions.selection import Field, field_of

__all__ = ["BadFilter", "WhereClause", "check_where"]

F = ua.FilterOperator
S = StatusCodes
V = ua.VariantType
MAX_DEPTH = 50
NULL = ua.Variant(None, V.Null)
TRUE, FALSE = ua.Variant(True, V.Boolean), ua.Variant(False, V.Boolean)
MANY = -1

_OPERANDS = {
    F.Equals: 2,
    F.IsNull: 1,
    F.GreaterThan: 2,
    F.LessThan: 2,
    F.GreaterThanOrEqual: 2,
    F.LessThanOrEqual: 2,
    F.Like: 2,
    F.Not: 1,
    F.Between: 3,
    F.InList: MANY,
    F.And: 2,
    F.Or: 2,
    F.Cast: 2,
    F.OfType: 1,
    F.BitwiseAnd: 2,
    F.BitwiseOr: 2,
}
_COMPARE: dict[ua.FilterOperator, Callable[[Any, Any], Any]] = {
    F.GreaterThan: operator.gt,
    F.LessThan: operator.lt,
    F.GreaterThanOrEqual: operator.ge,
    F.LessThanOrEqual: operator.le,
}
_BITWISE: dict[ua.FilterOperator, Callable[[Any, Any], Any]] = {
    F.BitwiseAnd: operator.and_,
    F.BitwiseOr: operator.or_,
}
_INTEGERS = {V.SByte, V.Byte, V.Int16, V.UInt16, V.Int32, V.UInt32, V.Int64, V.UInt64}


class BadFilter(ValueError):
    """The clause can't be used; `results` says of each element and operand why."""

    def __init__(self, results: Sequence[ua.ContentFilterElementResult]) -> None:
        self.results = list(results)
        bad = [str(r.StatusCode.name) for r in self.results if not r.StatusCode.is_good()]
        super().__init__(f"expected a where clause that can be used, found {', '.join(bad)}")


def check_where(
    elements: Sequence[ua.ContentFilterElement], limits: Limits
) -> list[ua.ContentFilterElementResult]:
    """Return what is wrong with each element, in their order; all Good where nothing is."""
    return [_checked(index, elements, limits) for index in range(len(elements))]


def _checked(
    index: int, elements: Sequence[ua.ContentFilterElement], limits: Limits
) -> ua.ContentFilterElementResult:
    element = elements[index]
    operands = element.FilterOperands or []
    codes = [_operand_code(index, operand, len(elements)) for operand in operands]
    result = ua.ContentFilterElementResult(OperandStatusCodes=[ua_status(code) for code in codes])
    wanted = _OPERANDS.get(element.FilterOperator)
    if wanted is None:
        result.StatusCode = ua_status(S.BadFilterOperatorUnsupported)
    elif wanted != len(operands) and (
        wanted != MANY or not 2 <= len(operands) <= limits.where_operands
    ):
        result.StatusCode = ua_status(S.BadFilterOperandCountMismatch)
    elif index >= limits.where_elements:
        result.StatusCode = ua_status(S.BadEncodingLimitsExceeded)
    elif any(code != S.Good for code in codes):
        result.StatusCode = ua_status(S.BadFilterOperandInvalid)
    return result


def _operand_code(index: int, operand: object, count: int) -> int:
    match operand:
        case ua.ElementOperand(Index=target):
            # OPC 10000-4 7.7.4.2: only later elements, so that there is no loop
            return int(S.Good if index < target < count else S.BadFilterOperandInvalid)
        case ua.LiteralOperand():
            return int(S.Good)
        case ua.SimpleAttributeOperand(AttributeId=asked):
            good = asked in (AttributeIds.Value, AttributeIds.NodeId)
            return int(S.Good if good else S.BadAttributeIdInvalid)
        case ua.AttributeOperand(BrowsePath=path) if path.Elements:
            return int(S.Good)
    return int(S.BadFilterOperandInvalid)


class WhereClause:
    """A where clause, checked once and then asked for every event."""

    def __init__(
        self,
        elements: Sequence[ua.ContentFilterElement],
        types: TypeTree,
        limits: Limits | None = None,
    ) -> None:
        """Check the clause.

        Raises:
            BadFilter: unknown operator, wrong number of operands, an element that refers back.
        """
        self._elements = list(elements or ())
        self._types = types
        results = check_where(self._elements, limits or Limits())
        if any(not result.StatusCode.is_good() for result in results):
            raise BadFilter(results)

    def passes(self, event: Event) -> bool:
        """True where the event is to be sent."""
        return not self._elements or self._element(0, event, 0).Value is True

    def _element(self, index: int, event: Event, depth: int) -> ua.Variant:  # noqa: PLR0912
        if depth > MAX_DEPTH:
            return NULL
        element = self._elements[index]
        kind, operands = element.FilterOperator, element.FilterOperands

        def value(position: int) -> ua.Variant:
            return self._operand(operands[position], event, depth)

        match kind:
            case F.IsNull:
                return _said(value(0).Value is None)
            case F.Not:
                inner = _truth(value(0))
                return NULL if inner is None else _said(not inner)
            case F.And:
                left = _truth(value(0))
                return FALSE if left is False else _said(_and(left, _truth(value(1))))
            case F.Or:
                left = _truth(value(0))
                return TRUE if left is True else _said(_or(left, _truth(value(1))))
            case F.OfType:
                wanted = value(0).Value
                known = isinstance(wanted, ua.NodeId)
                return _said(known and self._types.is_a(event.event_type, wanted))
            case F.Equals:
                return _said(_compared(operator.eq, value(0), value(1)))
            case F.InList:
                first = value(0)
                found = [_compared(operator.eq, first, value(i)) for i in range(1, len(operands))]
                return _said(True if True in found else None if None in found else False)
            case F.Between:
                middle = value(0)
                above = _compared(operator.ge, middle, value(1))
                return _said(_and(above, _compared(operator.le, middle, value(2))))
            case F.Like:
                text, pattern = cast(value(0), V.String), cast(value(1), V.String)
                if text is None or pattern is None:
                    return NULL
                return _said(like(pattern).fullmatch(text) is not None)
            case F.Cast:
                return self._cast(value(0), value(1).Value)
            case F.BitwiseAnd | F.BitwiseOr:
                return _bits(_BITWISE[kind], value(0), value(1))
        return _said(_compared(_COMPARE[kind], value(0), value(1)))

    def _cast(self, held: ua.Variant, data_type: object) -> ua.Variant:
        if not isinstance(data_type, ua.NodeId):
            return NULL
        kinds = self._types.encodings(data_type)
        if len(kinds) != 1:
            return NULL  # abstract or unknown
        kind = next(iter(kinds))
        made = cast(held, kind)
        return NULL if made is None else ua.Variant(made, kind)

    def _operand(self, operand: object, event: Event, depth: int) -> ua.Variant:
        match operand:
            case ua.ElementOperand(Index=target):
                return self._element(target, event, depth + 1)
            case ua.LiteralOperand(Value=literal):
                return NULL if literal is None else literal
            case ua.SimpleAttributeOperand():
                return field_of(event, Field.of(operand), self._types)
            case ua.AttributeOperand(BrowsePath=path):
                names = [step.TargetName for step in path.Elements]
                return event.variant("/".join(name.Name or "" for name in names))
        return NULL


def _said(value: bool | None) -> ua.Variant:
    return NULL if value is None else TRUE if value else FALSE


def _truth(value: ua.Variant) -> bool | None:
    held = value.Value
    if held is None or isinstance(held, bool):
        return held
    made = cast(value, V.Boolean) if value.VariantType == V.String else None
    return made if isinstance(made, bool) else None


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return True if left and right else None


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return False if left is False and right is False else None


def _compared(how: Callable[[Any, Any], Any], left: ua.Variant, right: ua.Variant) -> bool | None:
    pair = unified(left, right)
    if pair is None:
        return None
    try:
        return bool(how(*pair))
    except TypeError:
        return None  # of one type, but without an order


def _bits(how: Callable[[Any, Any], Any], left: ua.Variant, right: ua.Variant) -> ua.Variant:
    if left.VariantType not in _INTEGERS or right.VariantType not in _INTEGERS:
        return NULL
    pair = unified(left, right)
    if pair is None or isinstance(pair[0], list) or isinstance(pair[1], list):
        return NULL
    same = left.VariantType == right.VariantType
    kind = left.VariantType if same or pair[0] is left.Value else right.VariantType
    return ua.Variant(how(*pair), kind)
