"""What an operating system's error means to a fitter, and what to do about it."""

from __future__ import annotations

import errno
import sys
from typing import Final

__all__ = ["port_words", "words"]

_LOST: Final = {
    errno.EIO: "the device was unplugged or its other end is gone",
    errno.ENXIO: "the device was unplugged",
    errno.ENODEV: "the device was unplugged",
    errno.ECONNRESET: "the peer reset the connection",
    errno.EPIPE: "the peer closed the connection",
    errno.ECONNABORTED: "the connection was aborted",
    errno.ETIMEDOUT: "the peer no longer answers (cable, power or switch?)",
    errno.ECONNREFUSED: "nothing listens there (wrong port, or the device is starting?)",
    errno.EHOSTUNREACH: "no route to the device (cable, address or subnet?)",
    errno.ENETUNREACH: "no route to the device's network (cable, address or subnet?)",
    errno.EADDRINUSE: "the port is in use by another program; choose another or stop it",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}
_WINDOWS_ACCESS_DENIED: Final = 5
_WINDOWS_FILE_NOT_FOUND: Final = 2


def words(error: BaseException) -> str:
    """An error of a link in plain words; the original's text where nothing better is known."""
    code = getattr(error, "errno", None)
    known = _LOST.get(code) if isinstance(code, int) else None
    return known or str(error) or type(error).__name__


def port_words(error: BaseException, port: str) -> str:
    """An error met while opening a serial port, with what to do about it."""
    code = getattr(error, "errno", None)
    windows_code = getattr(error, "winerror", None)
    if code == errno.ENOENT or windows_code == _WINDOWS_FILE_NOT_FOUND:
        return f"there is no port {port}; is the cable plugged in? {_how_to_list()}"
    if code in (errno.EBUSY, errno.EAGAIN) or windows_code == _WINDOWS_ACCESS_DENIED:
        return f"{port} is in use by another program; close it there"
    if code in (errno.EACCES, errno.EPERM):
        return f"no permission for {port}; {_how_to_permit()}"
    if code in (errno.ENOTTY, errno.EINVAL, errno.ENODEV, errno.ENXIO):
        return f"{port} is no serial port, or does not know these settings ({error})"
    return f"{port}: {words(error)}"


def _how_to_list() -> str:
    if sys.platform == "win32":
        return "The device manager lists the ports"
    if sys.platform == "darwin":
        return "`ls /dev/cu.*` lists the ports"
    return "`ls /dev/serial/by-id /dev/ttyS*` lists the ports"


def _how_to_permit() -> str:
    if sys.platform == "linux":
        return (
            "add the user to the group dialout (`sudo usermod -aG dialout $USER`) and log in again"
        )
    return "the user that runs this needs read and write access to it"
