"""What may go into what: the bill of material in force of the parent's material (SEMANTICS S18).

A container or carrier is not checked, since its material names the vessel and not what is in it;
nor is a placeholder, of which no material is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracenode.models.events import Output, Transform
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.interlock import PartNotInBom
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.reading.master import Bom, BomLine, bom
from tracenode.server.store.reading.resolve import CARRIERS, Found

__all__ = ["require_component", "require_inputs"]

_NAMED: Final = 8
"""Lines of a bill that a refusal names."""


def require_component(case: Case, parent: Found, part: Found, position: str) -> None:
    """Refuse a part or lot whose material the parent's bill does not have, or has at other
    positions than the one given: PartNotInBom."""
    planned = bom(case.connection, parent.material)
    if planned is not None and not _is_in(planned, part, position):
        raise _refusal(planned, parent.public, part, position)


def require_inputs(case: Case, event: Transform, found: Sequence[Found]) -> None:
    """Refuse an input that is in no bill of what it goes into: PartNotInBom. Without a map it may
    have gone into any output, so one whose bill has it, or that has no bill, is enough."""
    for part, outputs in _destinations(event, found):
        refusals: list[PartNotInBom] = []
        for output in outputs:
            planned = bom(case.connection, output.material)
            if planned is None or _is_in(planned, part, ""):
                break
            refusals.append(_refusal(planned, output.item, part, ""))
        else:
            raise refusals[0]


def _destinations(
    event: Transform, found: Sequence[Found]
) -> list[tuple[Found, tuple[Output, ...]]]:
    """Return what goes into which outputs, of equal materials the first."""
    if event.map is None:
        outputs = tuple({output.material: output for output in reversed(event.outputs)}.values())
        parts = {part.material: part for part in reversed(found)}
        return [(part, outputs) for part in reversed(parts.values())]
    pairs = {
        (found[share.input].material, event.outputs[share.output].material): share
        for share in reversed(event.map)
    }
    return [
        (found[share.input], (event.outputs[share.output],)) for share in reversed(pairs.values())
    ]


def _is_in(planned: Bom, part: Found, position: str) -> bool:
    if part.kind in CARRIERS or part.material == PLACEHOLDER:
        return True
    return any(
        line.material == part.material and position in ("", line.position or position)
        for line in planned.components
    )


def _refusal(planned: Bom, parent: str, part: Found, position: str) -> PartNotInBom:
    lines = planned.components
    expected = ", ".join(map(_named, lines[:_NAMED])) + (" ..." if len(lines) > _NAMED else "")
    return PartNotInBom(
        parent, _named(BomLine(material=part.material, position=position)), expected
    )


def _named(line: BomLine) -> str:
    return f"{line.material} at {line.position}" if line.position else line.material
