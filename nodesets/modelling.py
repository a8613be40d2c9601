"""What the information model is written in: types, members and references as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

__all__ = [
    "NS0",
    "Component",
    "Enumeration",
    "Field",
    "Member",
    "Method",
    "Model",
    "ObjectType",
    "ReferenceType",
    "Rule",
    "Structure",
    "Unit",
    "Variable",
]

NS0: Final[Mapping[str, int]] = {
    "Boolean": 1,
    "Int16": 4,
    "UInt16": 5,
    "Int32": 6,
    "UInt32": 7,
    "Int64": 8,
    "UInt64": 9,
    "Double": 11,
    "String": 12,
    "DateTime": 13,
    "LocalizedText": 21,
    "Structure": 22,
    "Enumeration": 29,
    "Duration": 290,
    "UtcTime": 294,
    "Argument": 296,
    "IdType": 256,
    "NumericRange": 291,
    "EUInformation": 887,
    "EnumValueType": 7594,
    "NonHierarchicalReferences": 32,
    "Organizes": 35,
    "HasModellingRule": 37,
    "HasEncoding": 38,
    "HasTypeDefinition": 40,
    "GeneratesEvent": 41,
    "HasSubtype": 45,
    "HasProperty": 46,
    "HasComponent": 47,
    "HasPhysicalComponent": 25262,
    "BaseObjectType": 58,
    "FolderType": 61,
    "DataTypeEncodingType": 76,
    "BaseEventType": 2041,
    "NamespaceMetadataType": 11616,
    "BaseDataVariableType": 63,
    "PropertyType": 68,
    "AnalogUnitType": 17497,
    "Mandatory": 78,
    "Optional": 80,
    "Namespaces": 11715,
}
"""Numeric ids of the names used from the OPC UA namespace (OPC 10000-6 annex A)."""

_TYPE = re.compile(r"(?P<base>\w+)(?P<array>\[(?P<length>\d*)\])?")


class Rule(Enum):
    """Whether an instance has the member (OPC 10000-3 6.4.4.4).

    Mandatory is what this version of the server offers on every instance; Optional is declared,
    and there where the server or the site offers it.
    """

    MANDATORY = "Mandatory"
    OPTIONAL = "Optional"


@dataclass(frozen=True, slots=True)
class Field:
    """A structure field or method argument. `type` is a data type name, with `[]` for an array or
    `[40]` for one of at most 40 elements."""

    name: str
    type: str
    text: str

    @property
    def base(self) -> str:
        """The data type without its array suffix."""
        return self._parsed()["base"]

    @property
    def is_array(self) -> bool:
        return self._parsed()["array"] is not None

    @property
    def length(self) -> int:
        """The declared length of an array, 0 where it is open."""
        return int(self._parsed()["length"] or 0)

    def _parsed(self) -> re.Match[str]:
        match = _TYPE.fullmatch(self.type)
        if match is None:
            raise ValueError(f"{self.name}: expected a type such as String[40], found {self.type}")
        return match


@dataclass(frozen=True, slots=True)
class Unit:
    """An engineering unit: UN/ECE Recommendation 20 code, symbol and name (OPC 10000-8 5.6.4.3)."""

    code: str
    symbol: str
    name: str

    @property
    def number(self) -> int:
        """The UnitId: the code's characters as bytes of an Int32, the first one highest."""
        return int.from_bytes(self.code.encode("ascii"), "big")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable or, with `prop`, a property. A `unit` makes it an AnalogUnitType."""

    field: Field
    rule: Rule = Rule.MANDATORY
    prop: bool = False
    writable: bool = False
    unit: Unit | None = None

    @property
    def name(self) -> str:
        return self.field.name


@dataclass(frozen=True, slots=True)
class Method:
    """A method; StatusText and Status follow `results` as its last two outputs."""

    name: str
    text: str
    inputs: tuple[Field, ...]
    results: tuple[Field, ...] = ()
    rule: Rule = Rule.MANDATORY
    plc: bool = False
    """Meant for controllers: built-in scalars only, at most 9 inputs and 4 outputs."""

    @property
    def outputs(self) -> tuple[Field, ...]:
        return (
            *self.results,
            Field("StatusText", "String", "Why, in words for an operator; empty if all is well."),
            Field("Status", "Int32", "Number of TraceStatusEnum; below 100 is yes."),
        )


@dataclass(frozen=True, slots=True)
class Component:
    """An object inside a type."""

    name: str
    type: str
    text: str
    rule: Rule = Rule.MANDATORY
    notifier: bool = False
    """Clients subscribe to events here."""


Member = Variable | Method | Component


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object or event type."""

    name: str
    text: str
    members: tuple[Member, ...] = ()
    supertype: str = "BaseObjectType"
    abstract: bool = False
    generates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceType:
    name: str
    inverse: str
    text: str
    supertype: str
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An enumeration; its numbers are those of `numbers`, of which `members` describes every one.

    Raises:
        ValueError: a member is not described, or a described one does not exist.
    """

    name: str
    text: str
    numbers: type[IntEnum]
    members: Mapping[str, str]

    def __post_init__(self) -> None:
        expected, found = {member.name for member in self.numbers}, set(self.members)
        if expected != found:
            raise ValueError(f"{self.name}: described and existing differ: {expected ^ found}")

    @property
    def dense(self) -> bool:
        """The numbers are 0, 1, 2 ... (OPC 10000-3 8.14: EnumStrings, else EnumValues)."""
        return [member.value for member in self.numbers] == list(range(len(self.numbers)))


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure without optional fields, unions or inheritance: controllers can't decode them."""

    name: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One namespace of types."""

    uri: str
    version: str
    published: str
    """PublicationDate, ISO 8601 in UTC; changed by hand together with the version."""
    references: tuple[ReferenceType, ...]
    enumerations: tuple[Enumeration, ...]
    structures: tuple[Structure, ...]
    events: tuple[ObjectType, ...]
    objects: tuple[ObjectType, ...]
    required: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Version and publication date of each model that this one builds on."""

    def types(self) -> Iterator[ObjectType]:
        """Event types, then object types."""
        yield from self.events
        yield from self.objects
