"""Variables whose writing has a meaning: who may write them now, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from asyncua import ua

__all__ = ["WriteGate", "WriteGates"]


class WriteGate(Protocol):
    """What stands behind some writable variables."""

    def claim(self, session_id: str) -> int | None:
        """Return why a session may not write them now, as a StatusCode; None where it may."""
        ...

    def written(self, node_ids: Sequence[ua.NodeId], session_id: str, user: str) -> None:
        """Take what a whole Write service call has written; the values stand in the nodes."""
        ...


class WriteGates:
    """The gates of all variables that have one."""

    def __init__(self) -> None:
        self._gates: dict[ua.NodeId, WriteGate] = {}

    def mount(self, node_ids: Iterable[ua.NodeId], gate: WriteGate) -> None:
        """Put a gate before some variables."""
        self._gates.update(dict.fromkeys(node_ids, gate))

    def __contains__(self, node_id: ua.NodeId) -> bool:
        return node_id in self._gates

    def claim(self, node_id: ua.NodeId, session_id: str) -> int | None:
        """Return why a session may not write a variable now; None where it may, or has no gate."""
        gate = self._gates.get(node_id)
        return None if gate is None else gate.claim(session_id)

    def written(self, node_ids: Iterable[ua.NodeId], session_id: str, user: str) -> None:
        """Tell the gates, each once, what one Write service call has written."""
        by_gate: dict[WriteGate, list[ua.NodeId]] = {}
        for node_id in node_ids:
            gate = self._gates.get(node_id)
            if gate is not None:
                by_gate.setdefault(gate, []).append(node_id)
        for gate, written in by_gate.items():
            gate.written(written, session_id, user)
