"""Under which address a client reaches us: what it asked for, where that is ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from tracenode.server.opcua.security.certificates.machine import (
    ANYWHERE,
    machine_addresses,
    machine_names,
)

__all__ = ["Reach", "certificate_hosts", "host_of"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where we listen, the URLs that are configured for clients (of a NAT or an alias, say), and
    the hosts that are this machine. Never answers an address that means "any"."""

    listen: str
    urls: Sequence[str] = ()
    hosts: frozenset[str] = frozenset()
    """Lower case."""

    @classmethod
    def of(cls, listen: str, urls: Sequence[str], aliases: Sequence[str]) -> Reach:
        """Find out what this machine is called; may ask the resolver, so not on the event loop."""
        host = host_of(listen)
        hosts = {alias.lower() for alias in aliases}
        if host in ANYWHERE:
            hosts |= {name.lower() for name in (*machine_names(), *machine_addresses())}
        elif host in LOOPBACK:
            hosts |= {"localhost", host}
        else:
            hosts |= {host, *(name.lower() for name in machine_names())} - set(LOOPBACK)
        return cls(listen, tuple(urls), frozenset(hosts))

    def url(self, asked: str, port: int, local: str = "") -> str:
        """Return the URL for a client that asked for the URL `asked`; `port` is the one we listen
        on, `local` our address of its connection."""
        wanted = _split(asked)
        host = (wanted.hostname or "").lower() if wanted else ""
        same = [url for url in self.urls if host_of(url) == host]
        exact = [url for url in same if wanted and urlsplit(url).port == _port(wanted)]
        if exact or same:
            return (exact or same)[0]
        if host and host in self.hosts:
            return self._with(host, port)
        if self.urls:
            return self.urls[0]
        ours = host_of(self.listen)
        return self._with((local or "localhost") if ours in ANYWHERE else ours, port)

    def discovery_urls(self, asked: str, port: int, local: str = "") -> list[str]:
        """Return that URL, then the others that are configured."""
        return list(dict.fromkeys((self.url(asked, port, local), *self.urls)))

    def _with(self, host: str, port: int) -> str:
        shown = f"[{host}]" if ":" in host else host
        return urlsplit(self.listen)._replace(netloc=f"{shown}:{port}").geturl()


def certificate_hosts(listen: str, urls: Sequence[str], aliases: Sequence[str]) -> list[str]:
    """Return every name and address that the certificate of this server must cover."""
    given = [*aliases, *(host_of(url) for url in urls), host_of(listen)]
    machine = [*machine_names(), *machine_addresses()]
    hosts = {host.lower(): host for host in (*given, *machine) if host not in ANYWHERE}
    return list(hosts.values())


def host_of(url: str) -> str:
    """Return the host of a URL in lower case; empty where it has none."""
    parts = _split(url)
    return ((parts.hostname if parts else None) or "").lower()


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
