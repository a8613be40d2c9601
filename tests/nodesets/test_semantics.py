"""What the schema can't say: rules for controllers, MES and HMI clients, and for tools."""

from __future__ import annotations

import re

from asyncua.ua import uaprotocol_auto

from tests.nodesets.parsed import URI, Argument, Node, Nodeset

TYPES = ("ObjectType", "DataType", "ReferenceType")
RULES = {"i=78": "Mandatory", "i=80": "Optional"}
ENCODINGS = ["Default Binary", "Default XML", "Default JSON"]
SCALARS = {"Boolean", "Int16", "Int32", "UInt16", "UInt32", "UInt64", "Double", "String"}
SCALARS |= {"DateTime"}
BASE_EVENT_FIELDS = {
    "EventId",
    "EventType",
    "SourceNode",
    "SourceName",
    "Time",
    "ReceiveTime",
    "LocalTime",
    "Message",
    "Severity",
    "ConditionClassId",
    "ConditionClassName",
    "ConditionSubClassId",
    "ConditionSubClassName",
}
WITH_ARRAYS = {"RecordMeasurements", "Transform"}
"""The station methods that not every controller can call."""


def metadata(nodeset: Nodeset) -> set[str]:
    """Ids of what describes the namespace: instances, not declarations of a type."""
    (about,) = [node for node in nodeset.nodes.values() if node.name == URI]
    return {about.id, *about.targets("HasProperty")}


def described(nodeset: Nodeset, *, without: str | None = None) -> list[Node]:
    """Every declaration below a type."""
    aside = metadata(nodeset)
    return [
        node
        for node in nodeset.nodes.values()
        if node.kind not in TYPES and node.id not in aside and node.name != without
    ]


def event_types(nodeset: Nodeset) -> dict[str, Node]:
    return {
        name: node
        for name, node in nodeset.named("ObjectType").items()
        if name.endswith("EventType")
    }


def event_fields(nodeset: Nodeset, type_: Node) -> dict[str, str]:
    """Own and inherited fields of an event type that are ours, with their data types."""
    above = nodeset.supertype(type_)
    fields = event_fields(nodeset, above) if above is not None else {}
    own = {
        child.name: child.element.attrib["DataType"] + child.element.attrib.get("ValueRank", "")
        for child in nodeset.children(type_, "HasProperty")
    }
    assert not fields.keys() & own.keys(), f"{type_.name} declares an inherited field again"
    return fields | own


def test_every_declaration_has_a_parent_that_refers_to_it(nodeset: Nodeset) -> None:
    for node in described(nodeset):
        (above,) = [ref for ref in node.references if not ref[2]]
        assert above[1] == node.parent, node.name
        assert node.id in nodeset.nodes[above[1]].targets(above[0]), node.name


def test_every_declaration_has_a_modelling_rule(nodeset: Nodeset) -> None:
    for node in described(nodeset):
        own = nodeset.nodes[node.parent or ""]
        if own.kind == "DataType":
            continue
        (rule,) = node.targets("HasModellingRule")
        assert rule in RULES, nodeset.path(node)


def test_every_object_and_variable_has_a_type(nodeset: Nodeset) -> None:
    for node in nodeset.nodes.values():
        typed = node.kind in ("Object", "Variable")
        assert len(node.targets("HasTypeDefinition")) == typed, node.name


def test_every_reference_leads_somewhere(nodeset: Nodeset) -> None:
    for node in nodeset.nodes.values():
        for _, target, _ in node.references:
            assert target in nodeset.nodes or target.startswith("i="), node.name


def test_browse_names_need_no_escape_in_any_client(nodeset: Nodeset) -> None:
    aside = metadata(nodeset)
    for node in nodeset.nodes.values():
        if node.id not in aside and node.name not in ENCODINGS:
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", node.name), node.name


def test_everything_is_described(nodeset: Nodeset) -> None:
    for node in nodeset.nodes.values():
        assert node.description, nodeset.path(node)
        for field in node.fields:
            assert field[0].text, f"{node.name}.{field.attrib['Name']}"
        for argument in node.arguments:
            assert argument.description, f"{nodeset.path(node)}: {argument.name}"


def test_every_structure_has_its_encodings_and_plain_fields(nodeset: Nodeset) -> None:
    for name, node in nodeset.named("DataType").items():
        if node.targets("HasSubtype", forward=False) == ["i=29"]:
            continue
        assert node.targets("HasSubtype", forward=False) == ["i=22"], name
        assert [nodeset.nodes[to].name for to in node.targets("HasEncoding")] == ENCODINGS
        for field in node.fields:
            assert "IsOptional" not in field.attrib, f"{name}.{field.attrib['Name']}"
            assert field.attrib.get("ValueRank", "1") == "1", f"{name}.{field.attrib['Name']}"


def test_no_data_type_takes_a_name_of_the_standard(nodeset: Nodeset) -> None:
    assert not [name for name in nodeset.named("DataType") if hasattr(uaprotocol_auto, name)]


def test_event_fields_are_found_by_one_name_that_means_one_thing(nodeset: Nodeset) -> None:
    types: dict[str, str] = {}
    for type_ in event_types(nodeset).values():
        for name, data_type in event_fields(nodeset, type_).items():
            assert name not in BASE_EVENT_FIELDS, f"{type_.name}.{name}"
            assert types.setdefault(name, data_type) == data_type, f"{type_.name}.{name}"


def test_only_the_root_of_trace_events_is_abstract(nodeset: Nodeset) -> None:
    types = event_types(nodeset)
    abstract = [name for name, type_ in types.items() if "IsAbstract" in type_.element.attrib]
    assert abstract == ["TraceEventType"]


def all_methods(nodeset: Nodeset) -> dict[str, tuple[list[Argument], list[Argument]]]:
    return {
        f"{type_}.{name}": arguments
        for type_ in nodeset.named("ObjectType")
        for name, arguments in nodeset.methods(type_).items()
    }


def test_every_method_ends_with_a_text_and_a_status(nodeset: Nodeset) -> None:
    for name, (_, outputs) in all_methods(nodeset).items():
        ends = [(argument.name, argument.type, argument.rank) for argument in outputs[-2:]]
        assert ends == [("StatusText", "String", -1), ("Status", "Int32", -1)], name


def test_no_method_names_an_argument_twice(nodeset: Nodeset) -> None:
    for name, lists in all_methods(nodeset).items():
        for arguments in lists:
            names = [argument.name for argument in arguments]
            assert len(set(names)) == len(names), name


def test_methods_take_built_in_types_alone(nodeset: Nodeset) -> None:
    for name, (inputs, _) in all_methods(nodeset).items():
        assert {argument.type for argument in inputs} <= SCALARS, name


def test_station_methods_fit_the_blocks_of_controllers(nodeset: Nodeset) -> None:
    for name, (inputs, outputs) in nodeset.methods("TraceStationType").items():
        assert inputs[0].name == "RequestId", name
        assert len(inputs) <= 9, name
        assert len(outputs) <= 4, name
        assert {argument.type for argument in outputs} <= SCALARS, name
        if name not in WITH_ARRAYS:
            assert {argument.rank for argument in (*inputs, *outputs)} == {-1}, name


def test_record_measurements_has_arrays_of_a_declared_length(nodeset: Nodeset) -> None:
    inputs, _ = nodeset.methods("TraceStationType")["RecordMeasurements"]
    assert [argument.dimensions for argument in inputs if argument.rank == 1] == [(40,)] * 3


def test_every_booking_away_from_the_line_has_a_request_id(nodeset: Nodeset) -> None:
    for type_ in ("TraceQualityType", "TraceStockType"):
        for name, (inputs, _) in nodeset.methods(type_).items():
            assert inputs[0].name == "RequestId", name


def test_clients_write_requests_of_the_mailbox_and_nothing_else(nodeset: Nodeset) -> None:
    writable = [
        nodeset.path(node)
        for node in nodeset.nodes.values()
        if int(node.element.attrib.get("AccessLevel", "1")) & 2
    ]
    assert {path.split("/")[0] for path in writable} == {"TraceMailboxType"}
    assert writable[-1].endswith("/RequestSequence")
