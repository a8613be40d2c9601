"""What goes wrong between a device and us; the tree is drawn in `errors`."""

from __future__ import annotations

from tracenode.models.errors import TracenodeError

__all__ = [
    "BadCode",
    "BadTelegram",
    "DeviceException",
    "DriverError",
    "LinkLost",
    "NoAnswer",
]


class DriverError(TracenodeError):
    """A device or its link failed; the supervisor tries again after a pause."""


class LinkLost(DriverError):
    """The connection is gone or could not be made."""

    def __init__(self, link: str, reason: str) -> None:
        self.link, self.reason = link, reason
        super().__init__(f"{link}: {reason}")


class NoAnswer(DriverError):
    """No answer within the time allowed. The outcome is unknown, not 'no'."""

    def __init__(self, device: str, seconds: float) -> None:
        self.device, self.seconds = device, seconds
        super().__init__(f"{device}: no answer within {seconds:g} s")


class BadTelegram(DriverError):
    """Bytes that are no valid telegram of this protocol."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected {expected}, found {found}")


class BadCode(BadTelegram):
    """The text arrived whole but is no valid code: check digit, structure, missing separator."""


class DeviceException(DriverError):
    """The device answered with an error of its own (Modbus exception code, reader error)."""

    def __init__(self, device: str, code: int, meaning: str) -> None:
        self.device, self.code, self.meaning = device, code, meaning
        super().__init__(f"{device}: exception {code} ({meaning})")
