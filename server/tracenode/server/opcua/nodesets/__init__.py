"""Types of the server: ours, then companion models and the plant's own (`server.companions`).

- `loading`  `load_types`: import them all, in namespaces that never move
- `trial`    the same in a process of its own, before the server begins
"""

from tracenode.server.opcua.nodesets.loading import load_types
from tracenode.server.opcua.nodesets.trial import try_models

__all__ = ["load_types", "try_models"]
