"""node-opcua as the client: every policy and mode, by name, by certificate, and anonymous."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.opcua.security.authority import URI
from tests.opcua.security.guarded import PASSWORD, Guarded, client_pair, user_pair, write_pair
from tests.support.node import run_script

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.integration]

CHANNELS = {
    "None.None",
    "Basic256Sha256.Sign",
    "Basic256Sha256.SignAndEncrypt",
    "Aes128_Sha256_RsaOaep.SignAndEncrypt",
    "Aes256_Sha256_RsaPss.SignAndEncrypt",
}


async def test_node_opcua_logs_in_over_every_policy_and_mode(house: Guarded) -> None:
    house.core.identities.gate._failures.clear()
    write_pair(house.folder / "client", client_pair())
    write_pair(house.folder / "person", user_pair(7))
    script = asyncio.to_thread(
        run_script, "users_client.js", house.endpoint, str(house.folder), PASSWORD, URI, within=120
    )
    found: dict[str, dict[str, Any]] = json.loads((await script).splitlines()[-1])
    house.core.identities.gate._failures.clear()
    assert set(found) == CHANNELS
    let_in = {"executable": True, "call": "BadArgumentsMissing"}
    for channel, said in found.items():
        assert said["operator"] == said["person"] == let_in, (channel, said)
        for who in ("anonymous", "wrong", "unknown"):
            assert isinstance(said[who], str), (channel, who, said)
        assert said["wrong"] == said["unknown"], channel
