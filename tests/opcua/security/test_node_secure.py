"""Policies, modes and certificates as node-opcua does them: it shares no code with the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding

from tests.opcua.security.authority import Authority, Pair, application
from tests.opcua.security.served import Served, serving
from tests.support.node import run_script
from tracenode.server.opcua.security.policies import OFFERS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SECURED = [name for name in OFFERS if name != "None"]
RUNNING = 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("pki")) as made:
        yield made


async def tried(served: Served, pair: Pair, folder: Path, *offers: str) -> dict[str, Any]:
    certificate, key = folder / "client.pem", folder / "client.key"
    chain = [pair.certificate, *pair.issuers]
    certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    key.write_bytes(pair.key_pem)
    printed = await asyncio.to_thread(
        run_script,
        "secure_client.js",
        served.endpoint,
        str(folder),
        str(certificate),
        str(key),
        *offers,
        within=120.0,
    )
    answer = next(line for line in printed.splitlines() if line.startswith("{"))  # it warns too
    found: dict[str, Any] = json.loads(answer)
    return found


async def test_it_works_on_every_policy_and_mode(served: Served, tmp_path: Path) -> None:
    client = application(name="Node")
    await served.trust(client)
    seen = await tried(served, client, tmp_path, "None", *SECURED)
    assert seen == {name: {"value": RUNNING} for name in ("None", *SECURED)}


async def test_it_is_refused_as_a_stranger_and_works_with_a_ca(
    served: Served, tmp_path: Path
) -> None:
    root = Authority.root()
    client = application(root, name="Node of the plant")
    seen = await tried(served, client, tmp_path, SECURED[0])
    assert "error" in seen[SECURED[0]]
    assert served.refused("'Node of the plant'")
    await served.crl("root", root.crl())
    await served.trust(root.pair)
    assert await tried(served, client, tmp_path, SECURED[0]) == {SECURED[0]: {"value": RUNNING}}
