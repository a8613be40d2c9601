"""What is in lots and containers, told event by event in event order: plain dicts, no tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tracenode.models.events import (
    Adjust,
    Consume,
    Empty,
    Fill,
    Load,
    Merge,
    Receive,
    Register,
    Split,
    TraceEvent,
    Transfer,
    Transform,
)
from tracenode.models.quantities import Quantity

__all__ = ["Contents"]

Amount = Quantity | None


@dataclass
class Content:
    """One lot or container. Amounts are in kilograms."""

    node: str | None
    place: bool
    drawn: bool = False
    states: tuple[str, ...] = ()
    """All contents that it had, the oldest first; of a lot without any the lot itself was it."""
    come: Decimal = Decimal(0)
    gone: Decimal = Decimal(0)
    unknown: int = 0
    """What came in without a quantity."""
    taken: int = 0
    """What was drawn without one."""
    fed: int = 0
    """How often it was loaded where consumption is derived, ever: from then on nobody knows what is
    left of it."""

    @property
    def left(self) -> Decimal | None:
        left = self.come - self.gone
        measured = self.come or self.gone
        gaps = self.unknown + self.taken + self.fed
        return left if measured and not gaps and left >= 0 else None


@dataclass
class Contents:
    """`into` are (new content, the one before, event time, position); `carried` is how much was
    carried over from one content to the next. `deriving` are stations."""

    deriving: frozenset[str] = frozenset()
    of: dict[str, Content] = field(default_factory=dict)
    into: list[tuple[str, str, int, int]] = field(default_factory=list)
    carried: dict[tuple[str, str], Decimal | None] = field(default_factory=dict)
    made: dict[tuple[str, int], str] = field(default_factory=dict)

    def begin(self, events: Iterable[TraceEvent]) -> None:
        """What lots are booked with is there from the beginning."""
        for event in events:
            for stand_in in event.placeholders:
                self._come(stand_in, None)
            match event:
                case Register(item=item, quantity=quantity) | Receive(item=item, quantity=quantity):
                    self._come(item, quantity)
                case Split(child=item, quantity=quantity) | Merge(item=item, quantity=quantity):
                    self._come(item, quantity)
                case Transform(outputs=outputs):
                    for output in outputs:
                        self._come(output.item, output.quantity)
                case _:
                    pass

    def _come(self, item: str, quantity: Amount) -> None:
        if item.startswith("lot:"):
            self._count(item, quantity, come=1)

    def _get(self, owner: str) -> Content:
        place = owner.startswith("container:")
        return self.of.setdefault(owner, Content(None if place else owner, place))

    def _count(self, owner: str, quantity: Amount, *, come: int = 0, gone: int = 0) -> None:
        content = self._get(owner)
        if quantity is None:
            content.unknown += come
            content.taken += gone
            return
        amount = quantity.to("KGM").value
        content.come += come * amount
        content.gone += gone * amount

    def drawn_from(self, owner: str) -> str:
        """Return the content that is drawn from; the item itself where it is none of these."""
        if not owner.startswith(("lot:", "container:")):
            return owner
        content = self._get(owner)
        content.drawn = True
        return content.node or owner

    def stood_in_for(self, owner: str) -> None:
        """A placeholder that stood for a lot counts as drawn from it: no input goes before."""
        if owner.startswith("lot:"):
            self._get(owner).drawn = True

    def begins(self, item: str, *, up: bool, ever: bool) -> set[str]:
        """Return where a question about an item begins: what went into it at its latest content,
        with `ever` at all; what it went into at all and itself."""
        content = self.of.get(item)
        if content is None:
            return {item}
        if ever or not up:
            return {item, *content.states}
        if not content.place:
            return {content.states[-1] if content.states else item}
        return {item} if content.node is None else {item, content.node}

    def tell(self, event: TraceEvent, seq: int, at: int) -> None:
        """Take the next event; what it draws from must be asked for before."""
        match event:
            case Consume(item=item, lot=lot, quantity=quantity):
                self._draw(lot, quantity)
                if item.startswith("lot:"):
                    self._put(item, seq, at, None)
            case Split(lot=lot, quantity=quantity):
                self._draw(lot, quantity)
            case Transform(inputs=portions) | Merge(lots=portions):
                for portion in portions:
                    self._draw(portion.item, portion.quantity)
            case (
                Fill(container=target, lot=source, quantity=quantity)
                | Transfer(target=target, source=source, quantity=quantity)
            ):
                self._draw(source, quantity)
                self._put(target, seq, at, quantity)
                self._count(target, quantity, come=1)
            case Empty(container=owner):
                before = self._get(owner)
                itself = () if before.place or before.states else (owner,)
                states = (*before.states, *itself)
                self.of[owner] = Content(None, before.place, states=states, fed=before.fed)
            case Adjust(lot=owner, quantity=quantity):
                self._count(owner, quantity, come=1)
            case Load(lot=lot, station=station):
                self.drawn_from(lot)
                if lot.startswith(("lot:", "container:")):
                    self._get(lot).fed += station in self.deriving
            case _:
                pass

    def _draw(self, owner: str, quantity: Amount) -> None:
        if owner.startswith(("lot:", "container:")):
            self._count(owner, quantity, gone=1)

    def _put(self, owner: str, seq: int, at: int, quantity: Amount) -> None:
        content = self._get(owner)
        self.made[owner, seq] = owner
        if not (content.place or content.states or content.drawn):
            return
        state = self.made[owner, seq] = f"{owner}~s{seq}"
        if content.node is not None:
            self.into.append((state, content.node, at, seq))
            self.carried[state, content.node] = content.left
        content.node, content.states = state, (*content.states, state)
