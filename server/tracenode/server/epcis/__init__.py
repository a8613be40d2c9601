"""Records as EPCIS 2.0 events (ISO/IEC 19987, CBV 2.0 of ISO/IEC 19988), in JSON-LD.

- `identities`  public ids, stations and orders as URIs: GS1 Digital Link where there is a GS1 key
- `parts`       what events are made of: lists of items, quantities, sensor reports
- `mapping`     one record as the events that it is
- `export`      pages of the journal, or of one item, as documents
"""

from __future__ import annotations

from tracenode.server.epcis.export import EpcisPage, export_epcis

__all__ = ["EpcisPage", "export_epcis"]
