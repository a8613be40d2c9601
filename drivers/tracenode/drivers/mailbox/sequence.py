"""Which request a (boot id, sequence) pair is: the same, the next, or something wrong. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tracenode.models.errors import MalformedRequest

__all__ = ["CycleRequests", "Sequence", "Step", "following"]

LAST: Final = 65_535
NEAR: Final = 1_000
"""Sequences: a wrap is a step from within NEAR of the end to within NEAR of the beginning."""
MAX_ALIKE: Final = 1_000
"""Payloads of one cycle that are remembered; a machine cycle asks for a few dozen."""
_REQUEST_ID = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Sequence:
    """Where a station's handshake stands: the round, the boot id, the last sequence taken.

    A round begins where the controller starts anew and where its sequence wraps. So no request id
    comes twice, also where a controller has lost its boot id and counts from 1 again.
    """

    round: int
    boot: int
    number: int

    @property
    def request_id(self) -> str:
        """The idempotency key of this request, unique per station for ever."""
        return f"{self.round}.{self.boot}.{self.number}"

    @classmethod
    def read(cls, request_id: str) -> Sequence | None:
        """Read back a request id, None where it is not of a handshake."""
        match = _REQUEST_ID.fullmatch(request_id)
        return cls(*map(int, match.groups())) if match else None


@dataclass(frozen=True, slots=True)
class Step:
    """The request that follows; `missing` requests before it were never seen, the first of them
    would have been `expected`."""

    sequence: Sequence
    missing: int = 0
    expected: int = 0


def following(last: Sequence | None, boot: int, number: int) -> Step:
    """Return the step from the last request taken to the one that stands in the registers.

    A new boot id starts afresh. With boot id 0 (unsupported) a backward step counts as a restart,
    and the natural key decides whether it was booked before.

    Raises:
        MalformedRequest: the sequence ran backwards under the same boot id.
    """
    if last is None:
        return Step(Sequence(0, boot, number))
    if boot != last.boot:
        return Step(Sequence(last.round + 1, boot, number))
    expected = last.number % LAST + 1
    if number >= last.number:
        return Step(Sequence(last.round, boot, number), max(0, number - last.number - 1), expected)
    if last.number > LAST - NEAR and number <= NEAR:
        missing = LAST - last.number + number - 1
        return Step(Sequence(last.round + 1, boot, number), missing, expected)
    if boot == 0:
        return Step(Sequence(last.round + 1, boot, number))
    raise MalformedRequest("ReqSeq", str(expected), f"{number}: backwards under boot id {boot}")


class CycleRequests:
    """Gives each request its natural key: by it, a cycle that a controller repeats after a restart
    is found to be booked already, whatever its sequence numbers are now.

    The key is the cycle counter, the payload, and how many times the same payload was asked for
    in this cycle before: a cycle may well use the same lot twice.
    """

    def __init__(self) -> None:
        self._cycle: tuple[int, int, int] | None = None
        self._asked: dict[bytes, list[str]] = {}

    def key(self, sequence: Sequence, cycle: int, digest: bytes) -> str:
        """Return the natural key, the same when the same request is seen again; empty where the
        controller has no cycle counter (0)."""
        if not cycle:
            return ""
        now = (sequence.round, sequence.boot, cycle)
        if now != self._cycle or len(self._asked) >= MAX_ALIKE:
            self._cycle = now
            self._asked.clear()
        alike = self._asked.setdefault(digest, [])
        if sequence.request_id not in alike:
            alike.append(sequence.request_id)
        return f"{cycle}.{digest.hex()}.{alike.index(sequence.request_id)}"
