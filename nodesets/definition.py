"""The information model as data: the one source of the nodeset and of its reference page."""

from __future__ import annotations

from data_types import ENUMERATIONS, STRUCTURES
from event_types import EVENT_TYPES
from log_types import LOG_TYPES
from modelling import Model, ReferenceType
from office_types import OFFICE_TYPES
from query_types import QUERY_TYPES
from site_types import SITE_TYPES
from station_types import STATION_TYPES

__all__ = ["MODEL"]

REFERENCE_TYPES = (
    ReferenceType(
        "HasGenealogyRelation",
        "IsGenealogyRelationOf",
        "Any relation of an item's history: one filter to browse it.",
        "NonHierarchicalReferences",
        abstract=True,
    ),
    ReferenceType(
        "DerivedFrom",
        "UsedToMake",
        "From an item to what went irrevocably into it.",
        "HasGenealogyRelation",
    ),
    ReferenceType(
        "PackedIn",
        "Packs",
        "From an item to the container it is in now; from a content to the container or lot.",
        "HasGenealogyRelation",
    ),
    ReferenceType(
        "CarriedBy",
        "Carries",
        "From a content to the container or lot it is or was in; from an item to its carrier.",
        "HasGenealogyRelation",
    ),
    ReferenceType(
        "Replaces", "ReplacedBy", "From a part to the one it replaced.", "HasGenealogyRelation"
    ),
    ReferenceType(
        "HasPart",
        "PartOf",
        "From a unit to the parts that are in it now.",
        "HasPhysicalComponent",
    ),
    ReferenceType(
        "DefinedByMaterial",
        "MaterialOf",
        "From an item to its material.",
        "NonHierarchicalReferences",
    ),
    ReferenceType(
        "LocatedAtStation",
        "StationOf",
        "From an item to the station where it is.",
        "NonHierarchicalReferences",
    ),
)

MODEL = Model(
    uri="urn:tracenode:ua:traceability",
    version="0.1.0",
    published="2026-11-22T00:00:00Z",
    references=REFERENCE_TYPES,
    enumerations=ENUMERATIONS,
    structures=STRUCTURES,
    events=EVENT_TYPES,
    objects=(*STATION_TYPES, *QUERY_TYPES, *LOG_TYPES, *OFFICE_TYPES, *SITE_TYPES),
    required={"http://opcfoundation.org/UA/": ("1.05.02", "2022-11-01T00:00:00Z")},
)
