"""Which handler answers which method of the model."""

from __future__ import annotations

from typing import Final

from asyncua.ua.status_codes import StatusCodes

from tracenode.models.config import Config
from tracenode.server.answering.desk import PATIENCE_S
from tracenode.server.consumers import Consumers
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.methods.gateway import MethodGateway
from tracenode.server.opcua.surface.keys import model_id
from tracenode.server.opcua.surface.methods.assembly import AssemblyMethods
from tracenode.server.opcua.surface.methods.booking import BOUNDS
from tracenode.server.opcua.surface.methods.consuming import ConsumerMethods
from tracenode.server.opcua.surface.methods.contents import ContentMethods
from tracenode.server.opcua.surface.methods.desk import StationDesk
from tracenode.server.opcua.surface.methods.exporting import ExportMethods
from tracenode.server.opcua.surface.methods.limits import QUESTION_TIME
from tracenode.server.opcua.surface.methods.logbook import LogMethods
from tracenode.server.opcua.surface.methods.offices import QualityMethods, StockMethods
from tracenode.server.opcua.surface.methods.operations import OperationMethods
from tracenode.server.opcua.surface.methods.pinning import PinMethods
from tracenode.server.opcua.surface.methods.queries import QUERY_BOUNDS, QueryMethods
from tracenode.server.opcua.surface.methods.reporting import ReportMethods
from tracenode.server.opcua.surface.methods.saying import JsonMethods
from tracenode.server.opcua.surface.replay import Replays
from tracenode.server.trace import Trace

__all__ = ["bind_methods"]

ANSWER_TIME: Final = 10.0
"""Seconds for reading the log and imports; a controller asks none of them."""
QUERY_TIME: Final = PATIENCE_S + QUESTION_TIME + 4.0
"""Seconds for a question: it waits for others, is answered in its own time, and is told."""


def bind_methods(  # noqa: PLR0917
    gateway: MethodGateway,
    trace: Trace,
    config: Config,
    consumers: Consumers,
    replays: Replays,
    pins: PinMethods,
) -> None:
    """Bind every method that the server offers."""
    if config.opcua.refusal_status_code == "Uncertain":
        gateway.refusal_code = ua_status(StatusCodes.Uncertain)
    desk = StationDesk(trace, {station.id: station for station in config.stations})
    operations = OperationMethods(desk)
    station_type = model_id("TraceStationType")
    for handlers in (
        operations.handlers,
        AssemblyMethods(desk).handlers,
        ContentMethods(desk).handlers,
    ):
        gateway.bind_type(station_type, handlers, bounds=BOUNDS, needs_request_id=True)
    gateway.bind_type(station_type, {"CheckItem": operations.check_item})
    for type_name, handlers in (
        ("TraceQualityType", QualityMethods(trace).handlers),
        ("TraceStockType", StockMethods(trace).handlers),
    ):
        gateway.bind_type(
            model_id(type_name),
            handlers,
            bounds=BOUNDS,
            needs_request_id=True,
            time_limit=ANSWER_TIME,
        )
    gateway.bind_type(
        model_id("TraceQualityType"),
        ReportMethods(trace).handlers,
        needs_request_id=True,
        time_limit=QUERY_TIME,
    )
    gateway.bind_type(
        model_id("TraceQueryType"),
        {
            **QueryMethods(trace).handlers,
            **JsonMethods(trace).handlers,
            **ExportMethods(trace).handlers,
        },
        bounds=QUERY_BOUNDS,
        time_limit=QUERY_TIME,
        question=True,
    )
    for handlers in (LogMethods(trace).handlers, ConsumerMethods(consumers, replays).handlers):
        gateway.bind_type(model_id("TraceLogType"), handlers, time_limit=ANSWER_TIME)
    gateway.bind_type(model_id("TraceItemsType"), pins.handlers, time_limit=ANSWER_TIME)
