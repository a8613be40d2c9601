"""The OPC UA surface: asyncua 2.1 speaks the protocol, the rooms here make it a server.

asyncua's classes are subclassed at their seams. For the whole process only its decoding is put
right (`connections.wire`). Start with `core.TraceServer`, which owns the other parts:

    async with TraceServer(ServerOptions(site_id="Plant1")) as server: ...

=============== ===================================================================================
room            what it is for
=============== ===================================================================================
`core`          `TraceServer`, `ServerOptions`: build, import a nodeset, start, stop
`capabilities`  what the server says of itself: limits, profiles, locales
`diagnostics`   what it tells of itself while it runs
`engine`        the asyncua subclasses that hold it together (internal server, socket server)
`connections`   from bytes to requests: transport, processor, sessions
`security`      who may connect and do what
`nodes`         the address space: node data, types, instances, virtual nodes, browse, values
`history`       HistoryRead: the past of variables and events, from the journal
`subscriptions` subscriptions, monitored items, events and their filters
`alarms`        conditions: what needs a person, until one has dealt with it
`nodesets`      types: ours, companion models, the plant's own
`methods`       the one door of all method calls, and their arguments
`surface`       the trace as clients see it, on top of all that
`fast`          the fast lane: what is asked most, answered from bytes as the rest would answer it
`limits`        what one client, request and all together may ask for
`ids`           `ua_id`, `ua_status`: NodeIds and StatusCodes from plain values
`tasks`         work that asyncua's callbacks start: held, bounded, awaited at stop
=============== ===================================================================================

What the address space on top of it does, in order:

1. `server.import_nodeset(path)`: types into namespace 2 (`server.types`).
2. `server.instances.create(type_id, server.site_id("St/OP10"), "OP10", parent=..., optional=...)`
   returns the ids of its members by path: `members["CurrentItem.ItemId"]`.
3. `server.gateway.bind_type(station_type, {"StartItem": handler})`; a handler is
   `async def start_item(call: CallContext, *, request_id, item_id, ...) -> Mapping[str, object]`
   with its arguments and outputs named in snake case. Raise a `TraceError` to refuse.
4. `server.virtual.mount("Item", source)` and `server.virtual.mount_listing(folder, listing)`.
5. `await server.start()`.
6. `await server.values.set(node_id, value)`, `await server.events.emit(Event(...))`,
   `await server.virtual.refresh(node_ids)` after a commit, on the event loop's thread.

Rules: a `DataValue` handed over is never changed; every id given to clients is a string NodeId of
namespace 3 and at most 120 characters; references are added in both directions.
"""
