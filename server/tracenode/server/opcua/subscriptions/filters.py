"""Event filters: checked when an item is made, then shared by all items that filter alike."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakValueDictionary

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what is decoded; ua's is a subclass

from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.subscriptions.operators import WhereClause, check_where
from tracenode.server.opcua.subscriptions.selection import (
    Field,
    Selection,
    clause_code,
)

__all__ = ["CompiledFilter", "EventFilters", "FilterOutcome"]

S = StatusCodes
BASE = ua_id(ObjectIds.BaseEventType)


class CompiledFilter:
    """An event filter that was checked; one object for all items whose filters are the same."""

    __slots__ = ("__weakref__", "selection", "where")

    def __init__(self, where: WhereClause, selection: Selection) -> None:
        self.where = where
        self.selection = selection

    def passes(self, event: Event) -> bool:
        """True where the event is to be sent."""
        return self.where.passes(event)


class FilterOutcome:
    """What came of a filter: the compiled one or a StatusCode, and what the client is told."""

    def __init__(
        self, compiled: CompiledFilter | None, result: ua.EventFilterResult | None, status: int = 0
    ) -> None:
        self.compiled = compiled
        self.result = result
        self.status = status


class EventFilters:
    """Checks event filters, and remembers those in use."""

    def __init__(self, types: TypeTree, limits: Limits) -> None:
        self._types = types
        self._limits = limits
        self._in_use: WeakValueDictionary[bytes, CompiledFilter] = WeakValueDictionary()
        self._fields: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Drop what is remembered of the event types; call it after types were added."""
        self._fields = frozenset()

    def prepare(self) -> None:
        """Look at the event types now, so that the first client need not wait for it."""
        self._known_fields()

    def compiled(self, asked: object) -> FilterOutcome:
        """Check a filter (OPC 10000-4 7.22.3).

        Fields that no type has are told in the result and are null. Everything else that is wrong
        makes BadEventFilterInvalid, with a result for each clause and element.
        """
        if isinstance(asked, DataChangeFilter):
            return FilterOutcome(None, None, int(S.BadFilterNotAllowed))
        if not isinstance(asked, ua.EventFilter):
            return FilterOutcome(None, None, int(S.BadEventFilterInvalid))
        clauses, elements = asked.SelectClauses or [], asked.WhereClause.Elements or []
        if not clauses or len(clauses) > self._limits.select_clauses:
            return FilterOutcome(None, None, int(S.BadEventFilterInvalid))
        known = self._known_fields()
        told = [clause_code(clause, self._types, known) for clause in clauses]
        results = check_where(elements, self._limits)
        unusable = any(fatal for _, fatal in told)
        wrong = any(not result.StatusCode.is_good() for result in results)
        result = ua.EventFilterResult()
        if any(code for code, _ in told):
            result.SelectClauseResults = [ua_status(code) for code, _ in told]
        if wrong:
            result.WhereClauseResult.ElementResults = results
        if unusable or wrong:
            return FilterOutcome(None, result, int(S.BadEventFilterInvalid))
        said = result if result.SelectClauseResults else None
        return FilterOutcome(self._shared(asked), said)

    def _shared(self, asked: ua.EventFilter) -> CompiledFilter:
        key = struct_to_binary(asked)
        found = self._in_use.get(key)
        if found is None:
            where = WhereClause(asked.WhereClause.Elements or [], self._types, self._limits)
            selection = tuple(Field.of(clause) for clause in asked.SelectClauses)
            found = self._in_use[key] = CompiledFilter(where, selection)
        return found

    def _known_fields(self) -> frozenset[str]:
        if not self._fields:
            self._fields = frozenset(self._declared())
        return self._fields

    def _declared(self) -> Iterable[str]:
        for type_id in self._types.subtypes(BASE):
            for declaration in self._types.declarations(type_id):
                yield declaration.name.Name or ""
                if declaration.node_class == ua.NodeClass.Variable:
                    for part in self._types.declarations(declaration.node_id):
                        yield part.name.Name or ""
