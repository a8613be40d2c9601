"""The security of OPC UA channels and the addresses of the server, as they are configured."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

__all__ = ["CURRENT", "EXAMPLE_URL", "EndpointUrl", "HostName", "ReachableUrl", "SecurityName"]

EXAMPLE_URL: Final = "opc.tcp://127.0.0.1:4840/tracenode"

SecurityName = Literal[
    "None",
    "Basic256Sha256.Sign",
    "Basic256Sha256.SignAndEncrypt",
    "Aes128Sha256RsaOaep.Sign",
    "Aes128Sha256RsaOaep.SignAndEncrypt",
    "Aes256Sha256RsaPss.Sign",
    "Aes256Sha256RsaPss.SignAndEncrypt",
]
"""A security policy and its mode. Basic128Rsa15 and Basic256 are broken and can't be had."""

CURRENT: Final[tuple[SecurityName, ...]] = (
    "Aes256Sha256RsaPss.SignAndEncrypt",
    "Aes128Sha256RsaOaep.SignAndEncrypt",
    "Basic256Sha256.SignAndEncrypt",
)
"""What is offered where nothing is said: encrypted, and known to every client of today."""


def _is_endpoint(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "opc.tcp" or not parts.hostname or port is None:
        raise ValueError(f"an address such as {EXAMPLE_URL}")
    return url


def _is_reachable(url: str) -> str:
    if urlsplit(_is_endpoint(url)).hostname in {"0.0.0.0", "::"}:
        raise ValueError("an address that a client can connect to, not one that means any")
    return url


EndpointUrl = Annotated[str, AfterValidator(_is_endpoint)]
"""Where to listen."""
ReachableUrl = Annotated[str, AfterValidator(_is_reachable)]
"""Where clients connect to."""
HostName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})*|[0-9A-Fa-f:]+)$",
        max_length=253,
    ),
]
"""A host name or an IP address."""
