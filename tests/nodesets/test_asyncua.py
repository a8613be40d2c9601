"""asyncua loads the nodeset, and its structures go over the wire."""

from __future__ import annotations

import dataclasses
from collections import Counter
from enum import IntEnum
from typing import Any, cast

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import extensionobject_from_binary, extensionobject_to_binary

from tests.nodesets.parsed import NODESET, URI, Nodeset
from tracenode.models.analysis import CauseKind
from tracenode.models.evaluation import Action, Evaluation
from tracenode.models.genealogy import Direction, EdgeQuality, HitMark, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.models.readings import DeviceState
from tracenode.models.status import TraceStatus
from tracenode.server.nodeset_data import node_numbers, nodeset_path
from tracenode.server.opcua.ids import ua_id

ENUMERATIONS: dict[str, type[IntEnum]] = {
    "TraceItemKindEnum": ItemKind,
    "TraceItemStateEnum": ItemState,
    "TraceEvaluationEnum": Evaluation,
    "TraceDirectionEnum": Direction,
    "TraceRelationEnum": Relation,
    "TraceEdgeQualityEnum": EdgeQuality,
    "TraceHitMarkEnum": HitMark,
    "TraceActionEnum": Action,
    "TraceDeviceStateEnum": DeviceState,
    "TraceStatusEnum": TraceStatus,
    "TraceCauseKindEnum": CauseKind,
}

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclasses.dataclass(frozen=True)
class Loaded:
    server: Server
    nodes: list[ua.NodeId]
    index: int


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def loaded() -> Loaded:
    """A server with the nodeset; it does not listen."""
    server = Server()
    await server.init()
    nodes = await server.import_xml(str(NODESET))
    await server.load_data_type_definitions()
    return Loaded(server, nodes, await server.get_namespace_index(URI))


async def test_every_node_is_loaded(loaded: Loaded, nodeset: Nodeset) -> None:
    classes = [await loaded.server.get_node(node).read_node_class() for node in loaded.nodes]
    assert Counter(found.name for found in classes) == nodeset.counts()


async def test_numbers_by_path_lead_to_the_nodes(loaded: Loaded) -> None:
    for path, number in node_numbers().items():
        node = loaded.server.get_node(ua_id(number, loaded.index))
        name = path.split("/")[-1]
        found = (await node.read_browse_name()).Name
        assert found == (URI if name == "NamespaceMetadata" else name)


async def test_the_file_is_found_from_the_server() -> None:
    assert nodeset_path().read_bytes() == NODESET.read_bytes()


async def test_enumerations_have_the_numbers_of_the_models(
    loaded: Loaded, nodeset: Nodeset
) -> None:
    found = {name for name in nodeset.named("DataType") if name.endswith("Enum")}
    assert found == ENUMERATIONS.keys()
    for name, numbers in ENUMERATIONS.items():
        made = getattr(ua, name)
        assert {member.name: member.value for member in made} == {
            member.name: member.value for member in numbers
        }


async def test_every_structure_survives_the_wire(loaded: Loaded, nodeset: Nodeset) -> None:
    structures = [name for name in nodeset.named("DataType") if not name.endswith("Enum")]
    assert structures
    for name in structures:
        sent = filled(getattr(ua, name))
        bytes_ = extensionobject_to_binary(sent)
        assert extensionobject_from_binary(Buffer(bytes_)) == sent, name


async def test_methods_tell_clients_their_arguments(loaded: Loaded) -> None:
    number = node_numbers()["TraceStationType/CompleteItem/InputArguments"]
    arguments = await loaded.server.get_node(ua_id(number, loaded.index)).read_value()
    assert [(argument.Name, argument.DataType.Identifier) for argument in arguments] == [
        ("RequestId", ObjectIds.String),
        ("ItemId", ObjectIds.String),
        ("Evaluation", ObjectIds.Int32),
        ("FailureCode", ObjectIds.String),
    ]
    assert all(argument.Description.Text for argument in arguments)


async def test_cycle_time_is_in_seconds(loaded: Loaded) -> None:
    number = node_numbers()["TraceStationType/CycleTime/EngineeringUnits"]
    unit = await loaded.server.get_node(ua_id(number, loaded.index)).read_value()
    assert (unit.UnitId, unit.DisplayName.Text) == (0x534543, "s")


def filled(structure: Any) -> Any:
    """One with two elements in every list of structures or texts, the last enumerator elsewhere."""
    value = structure()
    for field in dataclasses.fields(value):
        default = getattr(value, field.name)
        if isinstance(default, IntEnum):
            setattr(value, field.name, list(type(default))[-1])
        elif isinstance(default, str) or default is None:
            setattr(value, field.name, f"{field.name} Ω")
        elif isinstance(default, list):
            setattr(value, field.name, elements(field.name))
    return value


def elements(name: str) -> list[Any]:
    match name:
        case "Nodes":
            return [filled(cast(Any, ua).TraceGenealogyNodeDataType)] * 2
        case "Edges":
            return [filled(cast(Any, ua).TraceGenealogyEdgeDataType)] * 2
        case "InputQuantities" | "OutputQuantities":
            return [1.5, -2.25]
    return ["one", "two"]
