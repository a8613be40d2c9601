"""All configured models: whether they fit together, and in which order they load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tracenode.models.errors import ConfigProblem
from tracenode.server.companions.files import (
    UA,
    BadNodeset,
    ModelStated,
    NodesetFile,
    read_nodeset,
)
from tracenode.server.companions.vendored import vendored
from tracenode.server.nodeset_data import nodeset_path

__all__ = ["FIRST_INDEX", "NO_MODELS", "STANDARD", "Plan", "plan_of"]

STANDARD: Final = ModelStated(UA, "1.05.07", datetime(2026, 5, 1, tzinfo=UTC))
"""Namespace 0 as the server has it."""
FIRST_INDEX: Final = 4
"""Namespace index of the first model; before it are OPC UA, the application, our types, the site.
The index of a model is its place in the configuration, whatever is loaded first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Files that fit together. `files` stands in the order they load, `uris` as configured."""

    files: tuple[NodesetFile, ...] = ()
    uris: tuple[str, ...] = ()
    untried: bool = False
    """Whether a file is among them that does not come with the product."""

    def index(self, uri: str) -> int | None:
        """Return the namespace index of a model, None where it is not configured."""
        return FIRST_INDEX + self.uris.index(uri) if uri in self.uris else None


NO_MODELS: Final = Plan()


def plan_of(
    companions: Sequence[str], nodesets: Sequence[str], folder: Path, site: str
) -> tuple[Plan, list[ConfigProblem]]:
    """Return how the models load, and everything that is wrong with them; files only are touched.

    `nodesets` are paths relative to `folder`, that of the configuration; `site` is its site.id.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    if not companions and not nodesets:
        return NO_MODELS, []
    problems: list[ConfigProblem] = []
    files: list[tuple[str, NodesetFile]] = []
    for place, path, name in _configured(companions, nodesets, folder):
        try:
            files.append((place, read_nodeset(path, name)))
        except BadNodeset as error:
            problems.append(ConfigProblem(place, f"{name}: {error}", "a NodeSet2 file"))
    ours = read_nodeset(nodeset_path(), "tracenode")
    problems += _clashes(files, ours, site)
    problems += _missing(files, ours)
    if problems:
        return NO_MODELS, problems
    ordered = _ordered([file for _, file in files])
    if len(ordered) < len(files):
        names = ", ".join(file.name for _, file in files if file not in ordered)
        found = f"models that require each other: {names}"
        return NO_MODELS, [ConfigProblem("opcua.nodesets", found, "an order to load them in")]
    uris = tuple(model.uri for _, file in files for model in file.models)
    return Plan(tuple(ordered), uris, untried=bool(nodesets)), []


def _configured(
    companions: Sequence[str], nodesets: Sequence[str], folder: Path
) -> Iterator[tuple[str, Path, str]]:
    for index, name in enumerate(companions):
        yield f"opcua.companions[{index}]", vendored()[name].path, name
    for index, text in enumerate(nodesets):
        yield f"opcua.nodesets[{index}]", folder / text, text


def _clashes(
    files: Sequence[tuple[str, NodesetFile]], ours: NodesetFile, site: str
) -> Iterator[ConfigProblem]:
    """Yield what two files both have: a model, a node's namespace, a data type's name."""
    taken = {model.uri: ours.name for model in ours.models}
    taken |= {UA: "OPC UA", f"urn:tracenode:site:{site}": "the site", f"urn:tracenode:{site}": "us"}
    for place, file in files:
        for model in file.models:
            if model.uri in taken:
                found = f"{file.name} with {model.uri}, which {taken[model.uri]} has"
                yield ConfigProblem(place, found, "models that are not there yet")
            taken.setdefault(model.uri, file.name)
    types = dict.fromkeys(ours.data_types, ours.name)
    for place, file in files:
        for uri in sorted(file.namespaces - {model.uri for model in file.models}):
            if uri in taken:
                found = f"{file.name} with nodes of {uri}, which {taken[uri]} has"
                yield ConfigProblem(place, found, "nodes of its own namespace")
        for name in file.data_types:
            owner = types.setdefault(name, file.name)
            if owner != file.name:
                found = f"{file.name} with data type {name}, which {owner} has too"
                yield ConfigProblem(place, found, "data types with names of their own")


def _missing(
    files: Sequence[tuple[str, NodesetFile]], ours: NodesetFile
) -> Iterator[ConfigProblem]:
    there = {STANDARD.uri: STANDARD} | {model.uri: model for model in ours.models}
    there |= {model.uri: model for _, file in files for model in file.models}
    for place, file in files:
        for needed in file.required:
            found = there.get(needed.uri)
            if found is None:
                near = next((v.name for v in vendored().values() if v.uri == needed.uri), "")
                hint = f' ("{near}" among opcua.companions)' if near else " among opcua.nodesets"
                yield ConfigProblem(place, f"{file.name} without it", f"{needed}{hint}")
            elif not found.satisfies(needed):
                expected = f"{needed} or later, for {file.name}"
                yield ConfigProblem(place, str(found), expected)


def _ordered(files: Sequence[NodesetFile]) -> list[NodesetFile]:
    """Return files so that each comes after what it requires; those in a circle are left out."""
    configured = {model.uri for file in files for model in file.models}
    loaded: set[str] = set()
    ordered: list[NodesetFile] = []
    todo = list(files)
    while todo:
        ready = next((f for f in todo if {n.uri for n in f.required} & configured <= loaded), None)
        if ready is None:
            break
        todo.remove(ready)
        ordered.append(ready)
        loaded |= {model.uri for model in ready.models}
    return ordered
