"""A plant whose server knows users, over every kind of channel, and clients that log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)

from tests.opcua.security.authority import URI, Pair, application, key
from tests.opcua.surface.plant import Plant, master_data, running
from tracenode.models.roles import GRANTED, NOBODY, Role
from tracenode.server.opcua.security.accounts import Account, changing, fingerprint
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.making import Application
from tracenode.server.opcua.security.certificates.own import make_own
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.security.passwords import hashed

PASSWORD = "word of the day 7"
ROLES = {role.name or "": role for role in Role if role & GRANTED}
SECURITY = (
    "None",
    "Basic256Sha256.Sign",
    "Basic256Sha256.SignAndEncrypt",
    "Aes128Sha256RsaOaep.SignAndEncrypt",
    "Aes256Sha256RsaPss.SignAndEncrypt",
)
POLICIES: dict[str, Any] = {
    "Basic256Sha256": SecurityPolicyBasic256Sha256,
    "Aes128Sha256RsaOaep": SecurityPolicyAes128Sha256RsaOaep,
    "Aes256Sha256RsaPss": SecurityPolicyAes256Sha256RsaPss,
}


@cache
def kept() -> str:
    """Return what is kept of the one password of all users here."""
    return hashed(PASSWORD)


@cache
def client_pair() -> Pair:
    return application(name="Test client", uri=URI)


@cache
def user_pair(number: int) -> Pair:
    """Return a certificate of a person, good for signing alone."""
    return application(
        name=f"Person {number}",
        uri="",
        own_key=key(number),
        usage=("digital_signature",),
        extended=None,
    )


@dataclass
class Guarded:
    """The plant, and the folder with its users, certificates and audit trail."""

    plant: Plant
    folder: Path

    @property
    def users(self) -> Path:
        return self.folder / "users.json"

    @property
    def endpoint(self) -> str:
        return self.plant.server.endpoint

    @property
    def core(self) -> Any:
        return self.plant.server._core

    async def client(
        self,
        user: str | None = None,
        password: str = PASSWORD,
        *,
        security: str = "Basic256Sha256.SignAndEncrypt",
        certificate: Pair | None = None,
        uri: str = URI,
    ) -> Client:
        """Return a client that is not connected yet."""
        client = Client(self.endpoint, timeout=10)
        client.application_uri = uri
        if user is not None:
            client.set_user(user)
            client.set_password(password)
        if security != "None":
            policy, _, mode = security.partition(".")
            pair = client_pair()
            write_pair(self.folder / "client", pair)
            await client.set_security(
                POLICIES[policy],
                self.folder / "client.der",
                self.folder / "client.pem",
                server_certificate=str(self.folder / "server.der"),
                mode=getattr(ua.MessageSecurityMode, mode),
            )
        if certificate is not None:
            # beside the channel's own, which asyncua would show as the user's too
            client.user_certificate = certificate.certificate
            client.user_private_key = certificate.key
        return client

    @asynccontextmanager
    async def connected(self, user: str | None = None, **given: Any) -> AsyncIterator[Client]:
        client = await self.client(user, **given)
        async with client:
            yield client


def write_pair(path: Path, pair: Pair) -> None:
    path.with_suffix(".der").write_bytes(pair.der)
    path.with_suffix(".pem").write_bytes(pair.key_pem)


def set_users(path: Path, *accounts: Account) -> None:
    with changing(path) as held:
        held.clear()
        held.update({account.name: account for account in accounts})


def staff() -> list[Account]:
    """Return one user of each role, one of none, and one with a certificate."""
    made = [Account(name.lower(), role, kept()) for name, role in ROLES.items()]
    mark = frozenset({fingerprint(user_pair(7).der)})
    return [
        *made,
        Account("nobody", NOBODY, kept()),
        Account("person", Role.Supervisor, "", mark),
    ]


@asynccontextmanager
async def guarded(folder: Path, **options: Any) -> AsyncIterator[Guarded]:
    """A plant that takes users only, with all its security on."""
    pki, people = PkiFolder(folder / "pki"), PkiFolder(folder / "users-pki")
    names = Application("tracenode", "urn:tracenode:Test", "", ["127.0.0.1", "localhost"])
    own = make_own(pki, names, datetime.now(UTC), bits=2048, years=1)
    write_pair(folder / "server", Pair(own.certificate, own.key))
    pki.put(Place.Trusted, client_pair().certificate)
    people.make()
    people.put(Place.Trusted, user_pair(7).certificate)
    set_users(folder / "users.json", *staff())
    given = {
        "anonymous": None,
        "front": FrontOptions(security=SECURITY, pki=folder / "pki"),
        "users": folder / "users.json",
        "users_pki": folder / "users-pki",
        "audit": folder / "audit",
        **options,
    }
    async with running(folder / "plant.db", **given) as plant:
        await master_data(plant.trace)
        yield Guarded(plant, folder)
