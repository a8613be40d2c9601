"""What the audit trail of a running server holds, and what a stranger can do to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from tests.commands.plant import called, document
from tests.opcua.security.guarded import Guarded, guarded
from tests.opcua.surface.plant import outputs, request_id, site
from tracenode.server.opcua.security.trail import check, entries

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.integration]


async def held(house: Guarded) -> list[dict[str, Any]]:
    await house.core.audit.flush()
    return list(entries(house.folder / "audit"))


async def test_a_refused_write_is_noted_with_both_values(house: Guarded) -> None:
    node_id = site("St/OP10.StationId")
    async with house.connected("engineer") as client:
        value = ua.DataValue(ua.Variant("OP99"))
        (code,) = await client.uaclient.write_attributes([node_id], [value])
    assert not code.is_good()
    found = [e for e in await held(house) if e["k"] == "write" and e["x"] == node_id.to_string()]
    assert found[-1]["v"] == {"old": "OP10", "new": "OP99"}
    assert found[-1]["u"] == "engineer"


async def test_a_booking_is_referred_to_and_a_refused_call_noted(tmp_path: Path) -> None:
    async with guarded(tmp_path) as house:
        async with house.connected("operator") as client:
            for number in range(3):
                await outputs(
                    client, "St/OP10", "RegisterItem", request_id(), "PUMP", "", f"A{number}"
                )
            request = ua.CallMethodRequest(
                ObjectId=site("Traceability.Quality"),
                MethodId=site("Traceability.Quality.PlaceHold"),
            )
            (denied,) = await client.uaclient.call([request])
        assert not denied.StatusCode.is_good()
        first = house.plant.trace.head.sequence - 2
    calls = [e for e in entries(tmp_path / "audit") if e["k"] == "call"]
    (booked,) = [e for e in calls if e["v"]["method"] == "RegisterItem"]
    assert (booked["count"], booked["u"]) == (3, "operator")
    assert booked["v"]["first_sequence"] == first
    (refused,) = [e for e in calls if e["v"]["method"] == "PlaceHold"]
    assert refused["c"] == 0x801F0000
    ends = [e["w"] for e in entries(tmp_path / "audit") if e["k"] == "close-session"]
    assert ends
    assert_proved(tmp_path)


def assert_proved(folder: Path) -> None:
    """The trail of a server that has stopped is whole; one altered character is found."""
    config = folder / "tracenode.toml"
    config.write_text('[site]\nid = "Test"\n', "utf-8")
    told = document("audit", "verify", "--config", config)
    assert told["whole"] is True
    listed = document("audit", "list", "--config", config, "--refused", "--user", "operator")
    assert [entry["kind"] for entry in listed] == ["call"]
    assert called("audit", "verify", "--config", config, "--anchor", told["head"]).exit_code == 0
    (path,) = (folder / "audit").glob("*.jsonl")
    path.write_text(path.read_text("utf-8").replace("PlaceHold by", "PlaceHold of"), "utf-8")
    said = called("audit", "verify", "--config", config)
    assert said.exit_code == 1
    assert "is not as it was written" in said.stdout


async def test_a_flood_of_refusals_takes_a_bounded_place(house: Guarded) -> None:
    """Hundreds of activations that fail: a few lines, whatever names they try."""
    house.core.identities.gate._failures.clear()
    before = len(await held(house))
    client: Client = await house.client(security="None")
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    try:
        await client.create_session()
        for number in range(400):
            token = ua.UserNameIdentityToken()
            token.PolicyId = "username_Basic256Sha256"
            token.UserName, token.Password = f"guess{number}", b"in clear"
            params = ua.ActivateSessionParameters()
            params.UserIdentityToken = token
            with pytest.raises(UaError):
                await client.uaclient.activate_session(params)
    finally:
        client.disconnect_socket()
    house.core.identities.gate._failures.clear()
    assert len(await held(house)) - before < 10
    assert not check(house.folder / "audit").fault
