"""The address space that both servers have, and what a probe answers.

An object `Line` (a notifier) with variables and methods, a folder `Many` of 25 objects. `Emit`
emits a DeviceFailureEventType of severity 500 from Line, `Wait` answers after half a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from tests.opcua.security.authority import URI, Pair, application, key
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.security.policies import OFFERS

__all__ = [
    "EVENT",
    "MANY",
    "METHODS",
    "PASSWORD",
    "SECURED",
    "SEVERITY",
    "USER",
    "VARIABLES",
    "WAIT_S",
    "Found",
    "Mark",
    "Peer",
    "Variable",
    "known_person",
    "name",
    "no",
    "node_id",
    "part",
    "same",
    "yes",
]

Mark = Literal["yes", "part", "no"]
V = ua.VariantType
MANY: Final = 25
WAIT_S: Final = 0.5
SEVERITY: Final = 500
EVENT: Final = ua_id(ObjectIds.DeviceFailureEventType)
METHODS: Final = ("Echo", "Wait", "Emit", "Off")
"""Of Line, each with a string in (Text) and out (Answer); Off is not executable."""
USER: Final = "operator"
PASSWORD: Final = "word of the day 7"
SECURED: Final = (
    "Basic256Sha256.SignAndEncrypt",
    "Aes128Sha256RsaOaep.SignAndEncrypt",
    "Aes256Sha256RsaPss.SignAndEncrypt",
)
"""What the secured servers offer, and nothing else."""


@dataclass(frozen=True)
class Variable:
    """A variable of Line."""

    name: str
    value: Any
    kind: ua.VariantType
    readable: bool = True
    writable: bool = True


VARIABLES: Final = (
    Variable("Number", 0.0, V.Double),
    Variable("Text", "idle", V.String),
    Variable("Array", [1.0, 2.0, 3.0], V.Double),
    Variable("Fixed", "fixed", V.String, writable=False),
    Variable("Hidden", "hidden", V.String, readable=False, writable=False),
)
"""Number is of AnalogItemType with an EURange of 0 to 200."""


@dataclass(frozen=True)
class Found:
    """What a probe found; `words` say what the server does where the mark is not yes."""

    mark: Mark
    words: str = ""


def yes() -> Found:
    return Found("yes")


def no(words: str) -> Found:
    return Found("no", words)


def part(words: str) -> Found:
    return Found("part", words)


def same(found: object, wanted: object, words: str | None = None) -> Found:
    """Return yes where `found` is `wanted`, else no with `words`, by default what was found."""
    return yes() if found == wanted else no(str(found) if words is None else words)


def node_id(text: str) -> ua.NodeId:
    return ua_id(text, 3)


def name(text: str) -> ua.QualifiedName:
    return ua.QualifiedName(text, ua.UInt16(3))


@dataclass(frozen=True)
class Peer:
    """A server that is asked: `endpoint` is open, `secured` offers `SECURED` alone, has one user
    (`USER`, `PASSWORD`) and trusts one application (`friend`)."""

    endpoint: str
    secured: str
    certificate: Any
    friend: Pair

    def open_client(self) -> Client:
        client = Client(self.endpoint, timeout=10)
        client.application_uri = URI
        return client

    def client(
        self,
        pair: Pair | None = None,
        *,
        offer: str = SECURED[0],
        user: str | None = USER,
        password: str = PASSWORD,
    ) -> Client:
        """Return a client of the secured server, by default the one that is trusted."""
        client = Client(self.secured, timeout=10)
        client.application_uri = URI
        chosen, own = OFFERS[offer], pair or self.friend
        policy = chosen.policy(
            self.certificate, own.certificate, own.key, chosen.mode, None, list(own.issuers)
        )
        client.security_policy = client.uaclient.security_policy = policy
        if user is not None:
            client.set_user(user)
            client.set_password(password)
        return client


@cache
def known_person(number: int) -> Pair:
    """Return a certificate of a person, good for signing alone; number 7 is a user of ours."""
    return application(
        name=f"Person {number}",
        uri="",
        own_key=key(number),
        usage=("digital_signature",),
        extended=None,
    )
