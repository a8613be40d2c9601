"""The whole run: all probes on both servers, node-opcua's in one process for each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from asyncua.ua.uaerrors import UaError

from tests.opcua.conformance.ours import ours
from tests.opcua.conformance.probes import PROBES, code_of
from tests.opcua.conformance.space import Found, Peer, no
from tests.opcua.conformance.stock import stock
from tests.opcua.security.authority import application
from tests.support.node import run_script

__all__ = ["Row", "run"]

LONGEST_S = 20.0
"""Of one probe in Python."""
NODE_S = 240.0


@dataclass(frozen=True)
class Row:
    """One unit and what a run found of it on our server and on asyncua's."""

    probe: str
    client: str
    """Who asked: node-opcua or asyncua."""
    facet: str
    unit: str
    ours: Found
    stock: Found


Asked = dict[str, tuple[str, str, str, Found]]
"""Client, facet, unit and what was found, by probe."""


async def _by_node(peer: Peer) -> Asked:
    printed = await asyncio.to_thread(
        run_script, "conformance_client.js", peer.endpoint, within=NODE_S
    )
    listed = next(line for line in printed.splitlines() if line.startswith("[["))  # it warns too
    return {
        name: ("node-opcua", facet, unit, Found(mark, words))
        for name, facet, unit, mark, words in json.loads(listed)
    }


async def _by_python(peer: Peer) -> Asked:
    found: Asked = {}
    for name, (facet, unit, ask) in PROBES.items():
        try:
            async with asyncio.timeout(LONGEST_S):
                answer = await ask(peer)
        except (UaError, OSError, TimeoutError) as e:
            answer = no(code_of(e))
        found[name] = "asyncua", facet, unit, answer
    return found


async def _of(peer: Peer) -> Asked:
    by_node = asyncio.ensure_future(_by_node(peer))
    by_python = await _by_python(peer)
    return {**await by_node, **by_python}


@asynccontextmanager
async def _quiet() -> AsyncIterator[None]:
    """asyncua tells its log of each request that it can't answer."""
    log = logging.getLogger("asyncua")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


async def run(folder: Path) -> list[Row]:
    """Ask both servers everything, one after the other; certificates lie in `folder`."""
    friend = application(name="Friend")
    answers = []
    for name, serve in (("ours", ours), ("stock", stock)):
        place = folder / name
        place.mkdir()
        async with serve(place, friend) as peer, _quiet():
            answers.append(await _of(peer))
    mine, theirs = answers
    assert mine.keys() == theirs.keys()
    return [
        Row(name, client, facet, unit, found, theirs[name][3])
        for name, (client, facet, unit, found) in mine.items()
    ]
