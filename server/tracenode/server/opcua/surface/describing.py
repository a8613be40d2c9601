"""The instance space of a plant as a NodeSet2 file, for engineering tools that have the types."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tracenode.models.config import Config
from tracenode.models.readings import Point
from tracenode.server.companions.planning import FIRST_INDEX, NO_MODELS, Plan
from tracenode.server.nodeset_data import nodeset_path
from tracenode.server.opcua.core import SITE, TYPES, TYPES_URI, ServerOptions, TraceServer
from tracenode.server.opcua.nodes.export import NODESET, ModelVersion, nodeset_of
from tracenode.server.opcua.nodesets import load_types
from tracenode.server.opcua.surface.changes import ModelChanges
from tracenode.server.opcua.surface.slots import Slots
from tracenode.server.opcua.surface.tree import Tree
from tracenode.server.store.reading.catalogue import Catalogue

__all__ = ["describe"]

UA: Final = "http://opcfoundation.org/UA/"
INSTANCES_VERSION: Final = "1.0.0"
"""Of the site's namespace. Its ids follow the configuration; a change of that shows in
PublicationDate."""


async def describe(
    config: Config,
    points: Mapping[str, Sequence[Point]],
    database: Path | None,
    published: datetime,
    plan: Plan = NO_MODELS,
) -> bytes:
    """Return the nodes that a server of this configuration has, with the same ids: equipment,
    stations with slots that were ever loaded in `database` (None: none), devices with their
    points, methods, and what companion models of `plan` have of them. Items, materials, orders and
    consumers are no part of it: they come and go; nor are conditions.

    Raises:
        NodesetError, FileNotFoundError: the installation is not complete.
        StoreError: the database can't be read.
    """
    server = await TraceServer(ServerOptions(config.site.id)).open()
    await load_types(server, plan)
    tree = Tree(server, plan)
    tree.build(config, points)
    if database is not None:
        catalogue = Catalogue(database, mmap=config.store.local_disk)
        changes = ModelChanges(server, published)
        try:
            for _ in Slots(server, tree.stations, catalogue, changes).restored():
                pass  # each slot that is yielded has its node by then
        finally:
            catalogue.close()
    types, base = _versions(nodeset_path())
    uri = f"urn:tracenode:site:{config.site.id}"
    when = f"{published:%Y-%m-%dT%H:%M:%SZ}"
    return nodeset_of(
        [node for node in server.virtual.real.values() if node.nodeid.NamespaceIndex == SITE],
        server.types,
        ModelVersion(uri, INSTANCES_VERSION, when),
        (types, base, *_models(plan)),
        {SITE: uri, TYPES: TYPES_URI, **dict(enumerate(plan.uris, FIRST_INDEX))},
        server.gateway.declared_by,
    )


def _models(plan: Plan) -> Iterator[ModelVersion]:
    for file in plan.files:
        for model in file.models:
            when = f"{model.published.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            yield ModelVersion(model.uri, model.version, when)


def _versions(path: Path) -> tuple[ModelVersion, ModelVersion]:
    """Return the version of our types, and of the OPC UA namespace that they ask for."""
    root = ET.parse(path).getroot()
    found = {
        element.attrib["ModelUri"]: ModelVersion(
            element.attrib["ModelUri"],
            element.attrib["Version"],
            element.attrib["PublicationDate"],
        )
        for name in ("Model", "RequiredModel")
        for element in root.iter(f"{{{NODESET}}}{name}")
    }
    return found[TYPES_URI], found[UA]
