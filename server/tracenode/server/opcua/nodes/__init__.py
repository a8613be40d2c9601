"""The address space: what nodes there are, and how they are found and read.

- `book`        plain node data: `object_node`, `variable_node`, `reference`, `AddressBook.add`
                (bulk, no O(n^2)); constant attributes are shared between nodes
- `space`       `TraceAddressSpace`: asyncua's address space with pinning and copy on write
- `types`       the type tree: subtypes, instance declarations, data type -> built-in type
- `instances`   `Instantiator`: an object of a type, with its mandatory and chosen members, under
                string NodeIds `St/OP10.CurrentItem.ItemId`; methods copied, nested types merged
- `virtual`     `VirtualNodes` mapping, `NodeSource` and `Listing` protocols: nodes made on demand
                from one indexed SELECT, a small LRU, pinned while monitored
- `browse`      Browse and BrowseNext in pages over real and virtual references, browse paths
- `values`      `Values.set`: the direct path for a new value; notifies monitored items
- `ranges`      IndexRange: parse, slice and merge
- `variants`    variants as bytes
- `samples`     one value as it goes to everyone who watches it
- `reading`     Read of one attribute
- `updating`    the new value that a Write makes: type, rank, part
- `writing`     variables whose writing has a meaning
- `export`      the nodes of a namespace as a NodeSet2 file
"""
