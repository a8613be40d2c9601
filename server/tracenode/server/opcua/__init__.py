"""The OPC UA surface: asyncua 2.1 speaks the protocol, the rooms here make it a server.

asyncua's classes are subclassed at their seams; nothing of it is replaced globally. Start with
`core.TraceServer`, which owns the other parts:

    async with TraceServer(ServerOptions(site_id="Plant1")) as server: ...

=============== ===================================================================================
room            what it is for
=============== ===================================================================================
core            `TraceServer`, `ServerOptions`: build, import a nodeset, start, stop
engine          the asyncua subclasses that hold it together (internal server, socket server)
nodes           plain node data: `object_node`, `variable_node`, `reference`, `AddressBook.add`
                (bulk, no O(n^2)); constant attributes are shared between nodes
space           `TraceAddressSpace`: asyncua's address space with pinning and copy on write
types           the type tree: subtypes, instance declarations, data type -> built-in type
instances       `Instantiator`: an object of a type, with its mandatory and chosen members, under
                string NodeIds `St/OP10.CurrentItem.ItemId`; methods copied, nested types merged
virtual         `VirtualNodes` mapping, `NodeSource` and `Listing` protocols: nodes made on demand
                from one indexed SELECT, a small LRU, pinned while monitored
browse          Browse and BrowseNext in pages over real and virtual references, browse paths
values          `Values.set`: the direct path for a new value; notifies monitored items
ranges          IndexRange: parse and slice
ids             `ua_id`, `ua_status`: NodeIds and StatusCodes from plain values
events          `Event`: one emission with typed fields; `EventBus.emit` fans it out
filters         content filters: OfType with subtypes, Like, BitwiseAnd, three-valued logic
subscriptions   subscriptions, bounded and clamped
monitored       their monitored items: data changes and events
sessions        `TraceSession`, and `caller()`: who is calling (user, application URI, session)
users           who may log in; nobody is an administrator from outside
processor       requests: channel policy, session binding, parallel calls, services refused
transport       the connection: back-pressure both ways
wire            decoding that differs from asyncua's (DataValue picoseconds)
arguments       a method's declared arguments: checks on the way in, padding on the way out
gateway         `MethodGateway.bind`: the one door of all method calls; `CallContext`
tasks           work that asyncua's callbacks start: held, bounded, awaited at stop
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
