"""The five commands of docs/security.md, with a server in a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from tests.commands.plant import PROCESS_S, called, command_line, document
from tests.opcua.security.authority import URI, Pair, application
from tests.support.waiting import eventually
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.own import load_own
from tracenode.server.opcua.security.policies import OFFERS

PASSWORD = "a horse on the battery staple"


def client_of(endpoint: str, folder: PkiFolder, pair: Pair) -> Client:
    client = Client(endpoint, timeout=10)
    client.application_uri = URI
    client.set_user("line3")
    client.set_password(PASSWORD)
    offer = OFFERS["Aes256Sha256RsaPss.SignAndEncrypt"]
    own = load_own(folder).certificate
    policy = offer.policy(own, pair.certificate, pair.key, offer.mode)
    client.security_policy = client.uaclient.security_policy = policy
    return client


async def comes_in(endpoint: str, folder: PkiFolder, pair: Pair) -> bool:
    client = client_of(endpoint, folder, pair)
    try:
        async with client:
            return bool(await client.get_namespace_array())
    except (UaError, OSError, TimeoutError, asyncio.CancelledError):
        return False
    finally:
        client.disconnect_socket()


async def used(endpoint: str, config: Path) -> None:
    folder, pair = PkiFolder(config.parent / "pki"), application(name="Line 3")
    assert not await comes_in(endpoint, folder, pair)
    rows = document("pki", "list", "--config", config)["certificates"]
    (mark,) = [row["thumbprint"] for row in rows if row["place"] == Place.Rejected]
    assert called("pki", "trust", mark, "--config", config).exit_code == 0

    async with asyncio.timeout(10):
        while not await comes_in(endpoint, folder, pair):  # within a second, says the page
            pass
    with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
        await Client(endpoint, timeout=10).connect()
    client = client_of(endpoint, folder, pair)
    await client.connect()
    assert called("pki", "reject", mark[:10], "--config", config).exit_code == 0
    transport = client.uaclient.protocol.transport  # type: ignore[union-attr]
    assert transport is not None
    await eventually(transport.is_closing, within=10)
    client.disconnect_socket()


def test_a_plant_sets_up_its_security(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "tracenode.toml"
    config.write_text(
        f'[site]\nid = "plant1"\n[opcua]\nendpoint = "opc.tcp://127.0.0.1:{port}/tracenode"\n',
        encoding="utf-8",
    )
    assert called("pki", "init", "--config", config).exit_code == 0
    added = called(
        *("user", "add", "line3", "--role", "Operator", "--password-stdin"),
        *("--config", config),
        input=PASSWORD + "\n",
    )
    assert added.exit_code == 0, added.output
    with subprocess.Popen(
        command_line("run", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            endpoint = server.stdout.readline().strip().removeprefix("serving ")
            asyncio.run(used(endpoint, config))
        finally:
            server.terminate()
            _, errors = server.communicate(timeout=PROCESS_S)
    assert server.returncode == 0
    assert "'Line 3'" in errors
    assert "is not trusted" in errors
