"""A plant's own nodesets: loaded, used, and refused before the server begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from tracenode.models.errors import ConfigError
from tracenode.models.roles import GRANTED
from tracenode.server.companions.planning import STANDARD
from tracenode.server.configuration import Line, load
from tracenode.server.opcua.core import NodesetError, ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodesets import load_types, try_models

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
[site]
id = "Plant"

[opcua]
companions = ["DI"]
nodesets = ["own.xml"]
"""
OWN = """<?xml version="1.0" encoding="utf-8"?>
<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
  <NamespaceUris>
    <Uri>urn:plant:types</Uri>
    <Uri>http://opcfoundation.org/UA/DI/</Uri>
    <Uri>urn:tracenode:ua:traceability</Uri>
  </NamespaceUris>
  <Models>
    <Model ModelUri="urn:plant:types" Version="1.0" PublicationDate="2026-01-01T00:00:00Z">
      <RequiredModel ModelUri="http://opcfoundation.org/UA/DI/" Version="1.04"/>
      <RequiredModel ModelUri="urn:tracenode:ua:traceability" Version="0.1.0"/>
    </Model>
  </Models>
  <UAObjectType NodeId="ns=1;i=1001" BrowseName="1:OvenType">
    <DisplayName>OvenType</DisplayName>
    <References><Reference ReferenceType="i=45" IsForward="false">{base}</Reference></References>
  </UAObjectType>
  <UADataType NodeId="ns=1;i=3001" BrowseName="1:{name}">
    <DisplayName>{name}</DisplayName>
    <References>
      <Reference ReferenceType="i=45" IsForward="false">i=22</Reference>
      <Reference ReferenceType="i=38">ns=1;i=5001</Reference>
    </References>
    <Definition Name="1:{name}">
      <Field Name="Zone" DataType="i=7"/><Field Name="Celsius" DataType="i=11"/>
    </Definition>
  </UADataType>
  <UAObject NodeId="ns=1;i=5001" BrowseName="Default Binary" SymbolicName="DefaultBinary">
    <DisplayName>Default Binary</DisplayName>
    <References>
      <Reference ReferenceType="i=38" IsForward="false">ns=1;i=3001</Reference>
      <Reference ReferenceType="i=40">i=76</Reference>
    </References>
  </UAObject>
  <UAObject NodeId="ns=1;i=5002" BrowseName="1:Oven1">
    <DisplayName>Oven 1</DisplayName>
    <References>
      <Reference ReferenceType="i=40">ns=1;i=1001</Reference>
      <Reference ReferenceType="i=35" IsForward="false">ns=2;i=5001</Reference>
      {more}
    </References>
  </UAObject>
</UANodeSet>
"""


def line_of(
    folder: Path, *, base: str = "ns=2;i=1002", name: str = "OvenZone", more: str = ""
) -> Line:
    """A configuration with a nodeset of the plant, checked as far as files go."""
    (folder / "own.xml").write_text(OWN.format(base=base, name=name, more=more), encoding="utf-8")
    (folder / "tracenode.toml").write_text(CONFIG, encoding="utf-8")
    return load(folder / "tracenode.toml")


async def opened() -> TraceServer:
    options = ServerOptions("Plant", endpoint="opc.tcp://127.0.0.1:0/t", anonymous=GRANTED)
    return await TraceServer(options).open()


async def test_a_plants_own_nodeset_is_served(tmp_path: Path) -> None:
    line = line_of(tmp_path)
    try_models(line)
    server = await opened()
    await load_types(server, line.plan)
    await server.start()
    try:
        async with Client(server.endpoint, timeout=10) as client:
            uris = await client.get_namespace_array()
            assert uris[4:] == ["http://opcfoundation.org/UA/DI/", "urn:plant:types"]
            device_set = client.get_node(ua_id(5001, 4))
            names = [found.Name for found in await _names(device_set)]
            assert "Oven1" in names
            definition: Any = await client.get_node(ua_id(3001, 5)).read_data_type_definition()
            assert [field.Name for field in definition.Fields] == ["Zone", "Celsius"]
    finally:
        await server.stop()


async def _names(node: Any) -> list[ua.QualifiedName]:
    return [found.BrowseName for found in await node.get_children_descriptions()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base": "ns=2;i=99999"}, "own.xml: "),
        ({"more": '<Reference ReferenceType="i=35">ns=1;i=9</Reference>'}, "to ns=5;i=9"),
        ({"name": "Range"}, "found Range (nsu=urn:plant:types;i=3001), which OPC UA has too"),
    ],
    ids=["half a model", "a reference to nothing", "a name of OPC UA"],
)
async def test_what_does_not_load_is_refused_and_leaves_nothing(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    before = set(dir(ua))
    line = line_of(tmp_path, **change)
    with pytest.raises(ConfigError) as caught:
        try_models(line)
    (problem,) = caught.value.problems
    assert problem.path == "opcua.nodesets"
    assert words in problem.found
    assert set(dir(ua)) == before
    server = await opened()
    with pytest.raises(NodesetError):
        await load_types(server, line.plan)


async def test_namespace_0_is_the_one_that_models_are_checked_against() -> None:
    server = await opened()
    found = [
        (await (await node.get_child(name)).read_value())
        for node in await server.engine.nodes.namespaces.get_children()
        for name in ("NamespaceUri", "NamespaceVersion", "NamespacePublicationDate")
    ]
    assert found[:2] == [STANDARD.uri, STANDARD.version]
    assert f"{found[2]:%Y-%m-%d}" == f"{STANDARD.published:%Y-%m-%d}"
