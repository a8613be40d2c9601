"""The trace as OPC UA clients see it (MODEL): tree, items on demand, methods, events, values.

`Surface` is the door; it stands on the server core (`tracenode.server.opcua`) and on the one door
of the trace.

============= =====================================================================================
room          what it is for
============= =====================================================================================
`surface`     `Surface`: build, run, show; what is told after a commit, and in which order
`tree`        the fixed nodes: entry point, equipment folders, stations, devices, notifiers
`items`       `Item/<ItemId>`: any item ever recorded, from one question to the genealogy
`masters`     `Mat/`, `Ord/`, `ByMat/`: master data and the folders of a material's items
`listings`    long reference lists, paged by key from the store
`templates`   objects of a type made on demand, member by member
`slots`       what is loaded on the slots of stations
`mailbox`     a station's requests by variables; `mailbox_request`: what they ask for
`stations`    a station's variables: item in process, counts, last record
`consumers`   who reads the log, as nodes; `replay`: events sent again to one session
`health`      how the server is, and what its namespace of instances is
`changes`     nodes that came or went while clients look
`alarms`      what needs a person, as conditions
`devices`     readings, states and counters of devices, coalesced
`companions`  the same devices as DI and AutoID have them, where those are loaded
`telling`     a record in the flat words of the model; `wording`: its sentence
`touched`     which nodes made on demand are others after a commit
`emission`    typed events; `structures`: structures of the model
`archive`     whose past can be read; `pasts`: the past of items, stations and notifiers
`backlog`     records that wait to be told, bounded
`bindings`    handlers to methods; `methods`: what they do
`describing`  the whole instance space as a NodeSet2 file
`keys`        NodeIds of types and instances; `units`: engineering units
============= =====================================================================================
"""

from tracenode.server.opcua.surface.surface import Surface

__all__ = ["Surface"]
