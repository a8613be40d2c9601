"""What GetEndpoints and FindServers answer (OPC 10000-4 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asyncua import ua

from tracenode.server.opcua.security.certificates.own import OwnCertificate
from tracenode.server.opcua.security.certificates.reading import der
from tracenode.server.opcua.security.policies import Offer
from tracenode.server.opcua.security.reach import Reach

__all__ = ["Endpoints", "Tokens"]

TRANSPORT = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
PRODUCT = "urn:tracenode"

Tokens = Callable[[Offer], list[ua.UserTokenPolicy]]
"""Which user identities an endpoint takes."""


@dataclass(slots=True)
class Endpoints:
    """The endpoints, for a client that asked by some URL."""

    application_uri: str
    application_name: str
    offered: Sequence[Offer]
    reach: Reach
    own: OwnCertificate | None
    tokens: Tokens
    port: int = 0
    """Where we really listen; set at start."""

    def answer(
        self, asked: str | None, profiles: Sequence[str] = (), local: str = ""
    ) -> list[ua.EndpointDescription]:
        """Return one endpoint for each offer, the best first; none where only other transport
        profiles are wanted."""
        if profiles and TRANSPORT not in profiles:
            return []
        server = self.application(asked, local)
        found = []
        for offer in self.offered:
            endpoint = ua.EndpointDescription()
            endpoint.EndpointUrl = server.DiscoveryUrls[0]
            endpoint.Server = server
            if self.own is not None:
                endpoint.ServerCertificate = der(self.own.certificate)
            endpoint.SecurityMode = offer.mode
            endpoint.SecurityPolicyUri = offer.uri
            endpoint.UserIdentityTokens = self.tokens(offer)
            endpoint.TransportProfileUri = TRANSPORT
            endpoint.SecurityLevel = offer.level
            found.append(endpoint)
        return found

    def servers(
        self, asked: str | None, uris: Sequence[str] = (), local: str = ""
    ) -> list[ua.ApplicationDescription]:
        """Return ourselves, unless only others are wanted."""
        if uris and self.application_uri not in uris:
            return []
        return [self.application(asked, local)]

    def application(self, asked: str | None, local: str = "") -> ua.ApplicationDescription:
        """Return who we are, with the URLs that this client can reach."""
        described = ua.ApplicationDescription()
        described.ApplicationName = ua.LocalizedText(self.application_name)
        described.ApplicationUri = self.application_uri
        described.ApplicationType = ua.ApplicationType.Server
        described.ProductUri = PRODUCT
        described.DiscoveryUrls = self.reach.discovery_urls(asked or "", self.port, local)
        return described
