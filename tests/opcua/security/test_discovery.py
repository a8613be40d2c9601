"""Discovery answers with what the client can reach: host names, NAT, any address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.security.served import Served, own_der, serving
from tracenode.server.opcua.security.policies import OFFERS
from tracenode.server.opcua.security.reach import Reach, certificate_hosts

NAT = "opc.tcp://gateway.plant1.example:14840/tracenode"
LAN = "opc.tcp://192.0.2.10:4840/tracenode"
ANY = "opc.tcp://0.0.0.0:4840/tracenode"


def reach(listen: str = ANY, urls: Sequence[str] = (), hosts: Sequence[str] = ()) -> Reach:
    return Reach(listen, tuple(urls), frozenset(hosts))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (NAT, NAT),
        ("opc.tcp://GATEWAY.plant1.example:14840", NAT),
        ("opc.tcp://gateway.plant1.example:4840", NAT),
        ("opc.tcp://plc-room:4840/x", "opc.tcp://plc-room:4840/tracenode"),
        ("opc.tcp://plc-room:9999", "opc.tcp://plc-room:4840/tracenode"),
        ("opc.tcp://elsewhere.example:4840", NAT),
        ("opc.tcp://0.0.0.0:4840", NAT),
        ("", NAT),
        ("opc.tcp://[::1", NAT),
        ("opc.tcp://x:99999999", NAT),
    ],
)
def test_the_host_that_was_asked_for_where_it_is_ours(asked: str, answer: str) -> None:
    ours = reach(urls=[NAT, LAN], hosts=["plc-room"])
    assert ours.url(asked, 4840, "192.0.2.10") == answer


def test_of_two_ways_by_the_same_name_the_one_with_the_port() -> None:
    other = NAT.replace("14840", "24840")
    assert reach(urls=[NAT, other]).url(other, 4840) == other


def test_without_a_way_that_is_configured_the_address_of_the_connection() -> None:
    assert reach().url("opc.tcp://elsewhere:4840", 4840, "192.0.2.10") == LAN
    assert reach().url("opc.tcp://elsewhere:4840", 4840, "fd00::2") == (
        "opc.tcp://[fd00::2]:4840/tracenode"
    )
    assert reach(listen=LAN).url("opc.tcp://elsewhere:4840", 4840, "10.0.0.1") == LAN


def test_an_address_that_means_any_is_never_answered() -> None:
    for listen in (ANY, "opc.tcp://[::]:4840/tracenode"):
        for asked in (listen, "", "opc.tcp://elsewhere"):
            host = urlsplit(Reach.of(listen, (), ()).url(asked, 4840)).hostname
            assert host not in {"0.0.0.0", "::"}


def test_a_server_of_this_machine_alone_has_no_other_name() -> None:
    ours = Reach.of("opc.tcp://127.0.0.1:4840/tracenode", (), ())
    assert ours.url("opc.tcp://localhost:4840", 4840) == "opc.tcp://localhost:4840/tracenode"
    assert ours.hosts == {"localhost", "127.0.0.1"}


def test_the_certificate_covers_every_way() -> None:
    hosts = certificate_hosts(ANY, [NAT], ["MES.plant1.example"])
    assert {"gateway.plant1.example", "MES.plant1.example", "localhost", "127.0.0.1"} <= set(hosts)
    assert "0.0.0.0" not in hosts


# ------------------------------------------------------------------ served
@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("pki")
    async with serving(folder, urls=(NAT,), aliases=("alias.example",)) as made:
        yield made


@pytest.mark.asyncio(loop_scope="session")
async def test_every_offer_is_an_endpoint_the_best_first(served: Served) -> None:
    found = await Client(served.endpoint).connect_and_get_server_endpoints()
    assert len(found) == len(OFFERS)
    levels = [endpoint.SecurityLevel for endpoint in found]
    assert levels == sorted(levels, reverse=True)
    assert {level > 0 for level in levels[:-1]} == {True}
    assert levels[-1] == 0
    for endpoint in found:
        assert endpoint.ServerCertificate == own_der(served)
        assert endpoint.EndpointUrl == served.endpoint
        assert endpoint.Server.DiscoveryUrls == [served.endpoint, NAT]
        assert endpoint.UserIdentityTokens


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("asked", "host"),
    [
        ("localhost", "localhost"),
        ("alias.example", "alias.example"),
        ("x", "gateway.plant1.example"),
    ],
)
async def test_endpoints_and_servers_by_the_name_that_was_asked_for(
    served: Served, asked: str, host: str
) -> None:
    client = Client(served.endpoint, timeout=5)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    url = f"opc.tcp://{asked}:{client.server_url.port}/"
    wanted = ua.GetEndpointsParameters(EndpointUrl=url)
    endpoints = await client.uaclient.get_endpoints(wanted)
    assert {urlsplit(one.EndpointUrl).hostname for one in endpoints} == {host}
    seeking = ua.FindServersParameters(EndpointUrl=url)
    (server,) = await client.uaclient.find_servers(seeking)
    assert urlsplit(server.DiscoveryUrls[0]).hostname == host
    seeking.ServerUris = ["urn:tracenode"]  # a part of ours is not ours
    assert await client.uaclient.find_servers(seeking) == []
    wanted.ProfileUris = ["http://opcfoundation.org/UA-Profile/Transport/https-uabinary"]
    assert await client.uaclient.get_endpoints(wanted) == []
    client.disconnect_socket()
