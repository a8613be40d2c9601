"""A client that looks at items: every kind of question, its time, and whether its answer is right.

The time of an answer is from the request to the last byte: the client decodes when it has stopped
the clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from benchmarks._fuzz_requests import site, standard
from benchmarks._items_file import FIELDS, MATERIAL, STATION, fields_of, lot, unit
from benchmarks._rows import Report
from benchmarks._ua_client import Wire
from benchmarks._ua_requests import create_subscription
from tracenode.models.items import ItemState

__all__ = ["FOLDER", "Looker"]

A = AttributeIds
FOLDER: Final = f"ByMat/{MATERIAL}"
WATCHED: Final = ("State", "StationId")
EVERY_MS: Final = 50.0
"""The server's shortest publishing interval."""
STARTED: Final = 10
"""One in so many units is for watching."""
_YES: Final[Any] = True
_NO: Final[Any] = False


class Patient(Wire):
    """A client that may wait long for its turn."""

    session_ms = 3_600_000


class Looker:
    """Asks for units 0 to `units` of one file by chance; `times` has milliseconds by question."""

    def __init__(self, report: Report, endpoint: str, units: int, name: str) -> None:
        self.times: dict[str, list[float]] = {}
        self._report, self._endpoint, self._units, self._name = report, endpoint, units, name
        self._wire = Patient(endpoint)
        self._booked = 0

    def close(self) -> None:
        self._wire.close()

    def _asked(self, question: str, request: Any) -> Any:
        (message,) = self._wire.prepared([self._wire.body(request)])
        begun = time.perf_counter()
        self._wire.socket.sendall(message)
        chunks = self._wire.answer()
        self.times.setdefault(question, []).append((time.perf_counter() - begun) * 1000)
        return self._wire.decoded(chunks)

    def _agree(self, what: str, found: object, expected: object) -> None:
        self._report.agree(f"{self._name}: {what}", found, expected)

    # ------------------------------------------------------------------ view
    def browse(self) -> None:
        """Walk through the folder page by page; every unit stands there once, in order."""
        request = ua.BrowseRequest()
        request.Parameters.NodesToBrowse = [
            ua.BrowseDescription(
                NodeId=site(FOLDER),
                BrowseDirection=ua.BrowseDirection.Forward,
                ReferenceTypeId=standard(ObjectIds.Organizes),
                IncludeSubtypes=True,
                NodeClassMask=ua.NodeClass(0),
                ResultMask=ua.BrowseResultMask.All,
            )
        ]
        seen = 0
        (result,) = self._asked("Browse, BrowseNext of 1,000", request).Results
        while True:
            expected = [unit(number) for number in range(seen, seen + len(result.References))]
            names = [link.BrowseName.Name for link in result.References]
            ids = [link.NodeId for link in result.References]
            self._agree(f"names from {seen}", names, expected)
            self._agree(f"ids from {seen}", ids, [site(f"Item/{name}") for name in expected])
            seen += len(names)
            if not result.ContinuationPoint:
                break
            following = ua.BrowseNextRequest()
            following.Parameters.ReleaseContinuationPoints = False
            following.Parameters.ContinuationPoints = [result.ContinuationPoint]
            (result,) = self._asked("Browse, BrowseNext of 1,000", following).Parameters.Results
        self._agree("units in the folder", seen, self._units)

    def translate(self, numbers: Sequence[int]) -> None:
        """Follow the path from the folder over an item to its State."""
        for number in numbers:
            request = ua.TranslateBrowsePathsToNodeIdsRequest()
            path = ua.BrowsePath(StartingNode=site(FOLDER))
            path.RelativePath.Elements = [
                _step(ObjectIds.Organizes, unit(number), 3),
                _step(ObjectIds.HierarchicalReferences, "State", 2),
            ]
            request.Parameters.BrowsePaths = [path]
            (result,) = self._asked("TranslateBrowsePathsToNodeIds", request).Results
            found = [target.TargetId for target in result.Targets]
            self._agree(f"path to {unit(number)}", found, [site(f"Item/{unit(number)}#State")])

    # ------------------------------------------------------------------ attributes, methods
    def read(self, numbers: Sequence[int]) -> None:
        """Read variables of an item, which nobody has read before."""
        for number in numbers:
            request = ua.ReadRequest()
            request.Parameters.NodesToRead = [
                ua.ReadValueId(NodeId=site(f"Item/{unit(number)}#{field}"), AttributeId=A.Value)
                for field in FIELDS
            ]
            results = self._asked(f"Read of {len(FIELDS)} values of an item", request).Results
            found = tuple(value.Value.Value for value in results)
            self._agree(f"values of {unit(number)}", found, fields_of(number))

    def call(self, numbers: Sequence[int]) -> None:
        """Ask about an item, and what it was made of."""
        for number in numbers:
            checked = self._call(f"St/{STATION}", "CheckItem", *_texts("", unit(number)))
            self._agree(f"CheckItem of {unit(number)}", checked[-1], 0)
            bounds = (ua.Variant(0, ua.VariantType.UInt16), ua.Variant(0, ua.VariantType.UInt32))
            asked = "Traceability.Queries", "TraceIngredients"
            traced = self._call(*asked, *_texts(unit(number)), *bounds)
            expected = [unit(number), lot(number)]
            self._agree(f"ingredients of {unit(number)}", traced[0], expected)

    def _call(self, owner: str, method: str, *given: ua.Variant) -> list[Any]:
        (result,) = self._asked(method, _calling(owner, method, *given)).Results
        result.StatusCode.check()
        return [value.Value for value in result.OutputArguments]

    # ------------------------------------------------------------------ subscriptions
    def watch(self, numbers: Sequence[int]) -> None:
        """Watch variables of items; start each item, and hear of it and of nothing else."""
        wire = Wire(self._endpoint)
        try:
            self._watch(wire, numbers)
        finally:
            wire.close()

    def _watch(self, wire: Wire, numbers: Sequence[int]) -> None:
        subscription = wire.ask(create_subscription(EVERY_MS)).Parameters.SubscriptionId
        told = _told(wire, subscription)
        wire.ask(_watching(subscription, numbers))
        first: dict[int, object] = {}
        while len(first) < len(numbers) * len(WATCHED):
            first |= dict(next(told))
        before = (int(ItemState.Registered), "")
        expected = {n: before[n % len(WATCHED)] for n in range(len(numbers) * len(WATCHED))}
        self._agree("first values of watched items", first, expected)
        for place, number in enumerate(numbers):
            self._booked += 1
            words = _texts(f"{self._name} {self._booked}", unit(number), "", "")
            begun = time.perf_counter()
            started = self._call(f"St/{STATION}", "StartItem", *words)
            heard: list[tuple[int, object]] = []
            while len(heard) < len(WATCHED):
                heard += next(told)
            taken = self.times.setdefault("StartItem until its change is heard", [])
            taken.append((time.perf_counter() - begun) * 1000)
            self._agree(f"StartItem of {unit(number)}", started[-1], 0)
            changed = [int(ItemState.InProcess), STATION]
            changes = [(place * len(WATCHED) + n, value) for n, value in enumerate(changed)]
            self._agree(f"changes of {unit(number)}", sorted(heard, key=lambda c: c[0]), changes)

    # ------------------------------------------------------------------ all of it
    def look(self, chance: random.Random, each: int, watched: int) -> None:
        """Ask `each` questions of every kind; the folder is walked once. One of ten units is for
        watching alone, each of them once."""
        known = [number for number in range(self._units) if number % STARTED]
        fresh = range(self._booked * STARTED, self._units, STARTED)
        self.browse()
        self.read(chance.sample(known, each))
        self.translate(chance.sample(known, each))
        self.call(chance.sample(known, each))
        self.watch(fresh[:watched])


def _told(wire: Wire, subscription: int) -> Iterator[list[tuple[int, object]]]:
    """Yield (client handle, value) of each message with changes."""
    acknowledged: list[ua.SubscriptionAcknowledgement] = []
    while True:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = acknowledged
        message = wire.ask(request).Parameters.NotificationMessage
        acknowledged = [ua.SubscriptionAcknowledgement(subscription, message.SequenceNumber)]
        changes: list[tuple[int, object]] = []
        for part in message.NotificationData or ():
            assert isinstance(part, ua.DataChangeNotification)
            changes += [(one.ClientHandle, one.Value.Value.Value) for one in part.MonitoredItems]
        if changes:
            yield changes


def _watching(subscription: int, numbers: Sequence[int]) -> ua.CreateMonitoredItemsRequest:
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.SubscriptionId = ua.UInt32(subscription)
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    nodes = [f"Item/{unit(number)}#{field}" for number in numbers for field in WATCHED]
    for handle, node in enumerate(nodes):
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor = ua.ReadValueId(NodeId=site(node), AttributeId=A.Value)
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters.ClientHandle = ua.UInt32(handle)
        item.RequestedParameters.SamplingInterval = ua.Double(0.0)
        item.RequestedParameters.QueueSize = ua.UInt32(10)
        request.Parameters.ItemsToCreate.append(item)
    return request


def _calling(owner: str, method: str, *given: ua.Variant) -> ua.CallRequest:
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=site(owner), MethodId=site(f"{owner}.{method}"))
    asked.InputArguments = list(given)
    request.Parameters.MethodsToCall = [asked]
    return request


def _texts(*words: str) -> list[ua.Variant]:
    return [ua.Variant(word, ua.VariantType.String) for word in words]


def _step(reference: int, name: str, namespace: int) -> ua.RelativePathElement:
    return ua.RelativePathElement(
        ReferenceTypeId=standard(reference),
        IsInverse=_NO,
        IncludeSubtypes=_YES,
        TargetName=ua.QualifiedName(name, ua.UInt16(namespace)),
    )
