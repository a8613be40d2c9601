"""The journal of the mailbox tests, for a station whose program is structured text."""

from tests.drivers.mailbox.conftest import plant

__all__ = ["plant"]
