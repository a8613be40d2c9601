"""Types into the address space: ours first, then each model after those it requires."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from asyncua import ua
from asyncua.common.xmlimporter import XmlImporter
from asyncua.ua.uaerrors import UaError

from tracenode.server.companions.files import NodesetFile
from tracenode.server.companions.normalising import Normaliser
from tracenode.server.companions.planning import NO_MODELS, Plan
from tracenode.server.nodeset_data import nodeset_path
from tracenode.server.opcua.core import NodesetError, TraceServer

__all__ = ["load_types"]

STANDARD_NAMES: Final = frozenset(dir(ua))
"""Names of the importer's own classes: it takes a data type of such a name for that class."""
MISSING_SHOWN: Final = 3
FAULTS: Final = (UaError, ValueError, KeyError, TypeError, AttributeError, SyntaxError)
"""What the importer raises for a file that it can't take."""


async def load_types(server: TraceServer, plan: Plan = NO_MODELS) -> None:
    """Import the types of this server, which is open and not started yet.

    Namespaces: 0 OPC UA, 1 the application, 2 our types, 3 the site, then the models as
    configured. After a NodesetError the server is of no use: part of a model may be in it.

    Raises:
        NodesetError: a file that can't be imported, or not at its index.
        FileNotFoundError: the installation is not complete.
    """
    await server.import_nodeset(nodeset_path())
    for uri in plan.uris:
        found = await server.engine.register_namespace(uri)
        if found != plan.index(uri):
            raise NodesetError(f"expected {uri} at {plan.index(uri)}, found it at {found}")
    normaliser = Normaliser()
    for file in plan.files:
        _guard(file)
        text = await asyncio.to_thread(normaliser.text, file.path)
        await _import(server, file, text)
    if plan.files:
        server.types.forget()
        server.engine.iserver.subscriptions.items.filters.forget()
        server.events.forget()
        server.space.changes += 1


def _guard(file: NodesetFile) -> None:
    for name, node_id in file.data_types.items():
        if name in STANDARD_NAMES:
            raise NodesetError(
                f"{file.name}: expected data types with names of their own, found {name}"
                f" ({node_id}), which OPC UA has too"
            )


async def _import(server: TraceServer, file: NodesetFile, text: str) -> None:
    importer: Any = XmlImporter(server.engine, strict_mode=True)
    try:
        with _quiet():
            await importer.import_xml(xmlstring=text)
    except FAULTS as error:
        raise NodesetError(f"{file.name}: {type(error).__name__}: {error}") from error
    missing = [
        f"{link.SourceNodeId.to_string()} to {link.TargetNodeId.to_string()}"
        for link in importer.refs or ()
    ]
    if missing:
        shown = ", ".join(missing[:MISSING_SHOWN])
        raise NodesetError(
            f"{file.name}: expected references between nodes that exist,"
            f" found {len(missing)} that are not: {shown}"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Have the importer say nothing: what is wrong with a file is raised."""
    logger = logging.getLogger("asyncua.common.xmlimporter")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
