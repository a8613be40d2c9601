"""A network of one process, in which the cable can be pulled without either end being told."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Final

from tests.support.peers import require

__all__ = ["carrier", "in_a_private_network"]

GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
"""ioctl numbers of Linux, and IFF_UP."""
REQUEST: Final = "16sH14x"
"""The head of struct ifreq: name, flags."""
NEW_USER, NEW_NETWORK = 0x1000_0000, 0x4000_0000
"""CLONE_NEWUSER, CLONE_NEWNET."""
LONGEST: Final = 60.0


def carrier(up: bool) -> None:
    """Let 127.0.0.1 carry packets, or lose every one of them. Only in a private network."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(REQUEST, b"lo", 0)
        _, flags = struct.unpack(REQUEST, fcntl.ioctl(any_socket, GET_FLAGS, asked))
        flags = flags | UP if up else flags & ~UP
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack(REQUEST, b"lo", flags))


def in_a_private_network(function: Callable[[], None]) -> None:
    """Run a function of a test module in a process that has a network of its own, carrier up.

    Raises:
        AssertionError: it failed there; its trace is on stderr.
    """
    require(sys.platform == "linux", "network namespaces are Linux's")
    process = get_context("spawn").Process(target=_inside, args=(function,))
    process.start()
    process.join(LONGEST)
    if process.exitcode is None:
        process.kill()
        process.join()
    require(process.exitcode != os.EX_NOPERM, "no right to make a network namespace")
    assert process.exitcode == 0


def _inside(function: Callable[[], None]) -> None:
    alone = ctypes.CDLL(None, use_errno=True)
    # Root in some containers may make one only inside a user namespace, as everybody else.
    if alone.unshare(NEW_NETWORK) != 0 and alone.unshare(NEW_USER | NEW_NETWORK) != 0:
        os._exit(os.EX_NOPERM)
    try:
        carrier(up=True)
    except PermissionError:
        os._exit(os.EX_NOPERM)
    function()
