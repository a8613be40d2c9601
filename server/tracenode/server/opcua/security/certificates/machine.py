"""The names and addresses of this machine, for certificates and for discovery."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["ANYWHERE", "is_address", "machine_addresses", "machine_names"]

ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})
"""Hosts to listen on that are no host to connect to."""
LINUX_IPV4: Final = Path("/proc/net/fib_trie")
LINUX_IPV6: Final = Path("/proc/net/if_inet6")


def machine_names() -> list[str]:
    """Return the host name, its fully qualified form and localhost, each once; may ask the
    resolver."""
    host = socket.gethostname()
    names = [host, socket.getfqdn(), "localhost"]
    return list(dict.fromkeys(name for name in names if name and not is_address(name)))


def machine_addresses() -> list[str]:
    """Return every address of this machine, IPv4 first, link-local ones left out."""
    found = {*_linux_ipv4(), *_linux_ipv6(), *_resolved(), "127.0.0.1"}
    addresses = [ipaddress.ip_address(text) for text in found]
    usable = [a for a in addresses if not (a.is_link_local or a.is_multicast or a.is_unspecified)]
    return [str(a) for a in sorted(usable, key=lambda a: (a.version, int(a)))]


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _linux_ipv4() -> Iterator[str]:
    """The addresses under which the kernel's routes say "host LOCAL"."""
    with suppress(OSError):
        text = LINUX_IPV4.read_text(encoding="ascii")
        yield from re.findall(r"\|-- ([\d.]+)\n\s+/32 host LOCAL", text)


def _linux_ipv6() -> Iterator[str]:
    with suppress(OSError):
        for line in LINUX_IPV6.read_text(encoding="ascii").splitlines():
            yield str(ipaddress.IPv6Address(int(line.split()[0], 16)))


def _resolved() -> Iterator[str]:
    with suppress(OSError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            yield str(address[0]).split("%")[0]
