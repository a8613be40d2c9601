"""A method's declared arguments: what is checked on the way in, what is made on the way out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from keyword import iskeyword
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.variants import scalar

__all__ = ["MAX_STRING", "Argument", "declared", "given", "outputs", "snake"]

V = ua.VariantType
S = StatusCodes

MAX_STRING = 254
"""Characters of a string argument: WSTRING[254] is what an S7 has (MODEL R4)."""
MAX_DOCUMENT = 1_000_000
"""Characters of an argument that carries a document (a name ending in Json, or Csv)."""
MAX_ARRAY = 10_000
"""Elements of an array argument that declares no dimension."""
NULL_DATE = datetime(1601, 1, 1, tzinfo=UTC)
"""The DateTime that means none (OPC 10000-6 5.2.2.5)."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """Return the handler's name of an argument: `ItemId` is `item_id`, `From` is `from_`."""
    written = _WORD.sub("_", name).lower()
    return f"{written}_" if iskeyword(written) else written


@dataclass(frozen=True, slots=True)
class Argument:
    """One declared argument.

    `types` are the built-in types a value may come as, empty for any; `length` is the declared
    array length, 0 for any.
    """

    name: str
    types: frozenset[ua.VariantType]
    is_array: bool
    length: int
    key: str = field(init=False)
    """The handler's name of this argument."""
    kind: ua.VariantType | None = field(init=False)
    """Its type where it may come as one only."""

    def __post_init__(self) -> None:
        kind = next(iter(self.types)) if len(self.types) == 1 else None
        object.__setattr__(self, "key", snake(self.name))
        object.__setattr__(self, "kind", kind)

    @property
    def is_identifier(self) -> bool:
        """True for what carries an identity: too long is for the handler to refuse and record."""
        return self.name.endswith(("Id", "Ids")) and self.name != "RequestId"

    @property
    def is_document(self) -> bool:
        """True for what carries a document, which no controller sends."""
        return self.name.endswith("Json") or self.name == "Csv"

    # ------------------------------------------------------------------ in
    def refusal(self, variant: ua.Variant, bounds: tuple[float, float] | None) -> int:
        """Return Good, BadTypeMismatch or BadOutOfRange for a value from a client.

        A null is "not given" and always Good; `bounds` are the least and greatest number allowed.
        """
        if variant.VariantType == V.Null or variant.Value is None:
            return int(S.Good)
        if bool(variant.is_array) != self.is_array or variant.Dimensions:
            return int(S.BadTypeMismatch)
        if self.types and variant.VariantType not in self.types:
            return int(S.BadTypeMismatch)
        if not self.is_array:
            return int(S.Good if self.in_range(variant.Value, bounds) else S.BadOutOfRange)
        elements = variant.Value
        if len(elements) > (self.length or MAX_ARRAY):
            return int(S.BadOutOfRange)
        fine = all(self.in_range(element, bounds) for element in elements)
        return int(S.Good if fine else S.BadOutOfRange)

    def in_range(self, element: Any, bounds: tuple[float, float] | None) -> bool:
        """Return whether a value of the right type, or an element of one, is one that is taken."""
        match element:
            case bool() | None:
                return True
            case str():
                longest = MAX_DOCUMENT if self.is_document else MAX_STRING
                return len(element) <= longest or self.is_identifier
            case float() if not math.isfinite(element):
                return False
            case int() | float():
                return bounds is None or bounds[0] <= element <= bounds[1]
        return True

    def value(self, variant: ua.Variant) -> Any:
        """Return what the handler gets: None for not given, a tuple for an array."""
        held = variant.Value
        if self.is_array:
            return tuple(_in_array(element) for element in held or ())
        return given(held)

    # ------------------------------------------------------------------ out
    def variant(self, value: Any) -> ua.Variant:
        """Return `value` as declared; None is the type's zero, short fixed arrays are padded."""
        kind = self.kind
        if self.is_array:
            elements = [_plain(element, kind) for element in value or ()]
            if self.length:
                elements = elements[: self.length]
                elements += [_zero(kind)] * (self.length - len(elements))
            return ua.Variant(elements, kind or V.Variant, is_array=True)
        if kind is None:
            return ua.Variant(value)
        return scalar(_plain(value, kind), kind)


def declared(value: Any, types: TypeTree) -> tuple[Argument, ...]:
    """Return the arguments of an InputArguments or OutputArguments value (a list, or None)."""
    arguments = []
    for entry in value or ():
        dimensions = list(entry.ArrayDimensions or ())
        arguments.append(
            Argument(
                name=entry.Name,
                types=types.encodings(entry.DataType),
                is_array=entry.ValueRank >= 0,
                length=int(dimensions[0]) if dimensions else 0,
            )
        )
    return tuple(arguments)


def outputs(arguments: Sequence[Argument], answer: Mapping[str, object] | None) -> list[ua.Variant]:
    """Return all declared outputs in order; what `answer` does not name is the type's zero.

    Raises:
        ValueError: `answer` names something that is not declared.
    """
    left = dict(answer or {})
    made = [argument.variant(left.pop(argument.key, None)) for argument in arguments]
    if left:
        raise ValueError(
            f"expected outputs {[a.key for a in arguments]}, found also {sorted(left)}"
        )
    return made


def given(element: Any) -> Any:
    """Return what a handler gets for a single value: None for an empty text and the null date."""
    match element:
        case str():
            return element or None
        case datetime():
            aware = element if element.tzinfo else element.replace(tzinfo=UTC)
            return None if aware <= NULL_DATE else aware
    return element


def _in_array(element: Any) -> Any:
    if isinstance(element, str):
        return element
    return "" if element is None else given(element)


def _plain(value: Any, kind: ua.VariantType | None) -> Any:
    if value is None:
        return _zero(kind)
    if isinstance(value, IntEnum):
        return int(value)
    if kind in (V.Double, V.Float):
        return float(value)
    return value


def _zero(kind: ua.VariantType | None) -> Any:
    match kind:
        case V.String:
            return ""
        case V.Double | V.Float:
            return 0.0
        case V.Boolean:
            return False
        case V.DateTime:
            return NULL_DATE
        case V.ByteString:
            return b""
        case None | V.ExtensionObject:
            return None
    return ua.get_default_value(kind)
