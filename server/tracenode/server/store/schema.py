"""The schema: one journal that is the only truth, and tables that can be rebuilt from it.

Times are integers, microseconds since 1970-01-01 UTC. `ev`, `by`, `kf`, `kt`, `uev` are journal
positions. An interval is half-open, `until` INF is open. Every projected interval lives in one of:

- the table of current belief (`edge` holds the open ones, `edge_past` the closed ones; `life`,
  `visit`, `hold`, `alias` hold both),
- its `_was` table: beliefs given up by a void, a correction or a late event, known in [kf, kt).

`kf` is the position since which a row is believed, `uev` the position of the event that closed
it; so a plain close writes no old version: known before `uev`, the row is open. A row of belief is
known at K where kf <= K (and kt > K in a `_was` table), and its end is `until` where uev <= K,
else INF.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "APPLICATION_ID",
    "INF",
    "JOURNAL",
    "OPEN_DIGITS",
    "PROJECTIONS",
    "PROJECTION_TABLES",
    "SCHEMA_VERSION",
]

APPLICATION_ID: Final = 0x54524E44
"""'TRND' in the SQLite header: the file is ours."""
SCHEMA_VERSION: Final = 4
INF: Final = 1 << 62
OPEN_DIGITS: Final = 19
"""Digits of INF less any event time of the years 1 to 9999; of ended intervals, 18 at most."""

JOURNAL: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, rec INTEGER NOT NULL, at INTEGER NOT NULL,
  source INTEGER NOT NULL, sseq INTEGER, type TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
"""`source` is the interned name of the requester; the hash covers the name, not the number."""

_EDGE: Final = """
  dst INTEGER NOT NULL, src INTEGER NOT NULL, ev INTEGER NOT NULL, ord INTEGER NOT NULL,
  at INTEGER NOT NULL, kf INTEGER NOT NULL, rel INTEGER NOT NULL,
  qty INTEGER, unit INTEGER, pos INTEGER"""

PROJECTIONS: Final = (
    f"""
CREATE TABLE touch(item INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(item, seq))
  STRICT, WITHOUT ROWID;
CREATE TABLE void(ev INTEGER PRIMARY KEY, by INTEGER NOT NULL) STRICT;
CREATE TABLE request(
  source INTEGER NOT NULL, rid TEXT NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
  PRIMARY KEY(source, rid)) STRICT, WITHOUT ROWID;
CREATE TABLE last_request(source INTEGER PRIMARY KEY, rid TEXT NOT NULL) STRICT;
CREATE TABLE unpublished(es INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(es, seq))
  STRICT, WITHOUT ROWID;

CREATE TABLE type(
  id INTEGER PRIMARY KEY, scheme TEXT NOT NULL, code TEXT NOT NULL, cls INTEGER NOT NULL,
  UNIQUE(scheme, code)) STRICT;
CREATE TABLE item(
  id INTEGER PRIMARY KEY, type INTEGER NOT NULL, text TEXT NOT NULL, gen INTEGER NOT NULL,
  state_of INTEGER, at INTEGER NOT NULL, ev INTEGER NOT NULL, last INTEGER NOT NULL,
  qty INTEGER, unit INTEGER, expires INTEGER) STRICT;
CREATE UNIQUE INDEX item_key ON item(text, type, gen) WHERE state_of IS NULL;
CREATE INDEX item_type ON item(type, text, gen) WHERE state_of IS NULL;
CREATE UNIQUE INDEX item_state ON item(state_of, ev) WHERE state_of IS NOT NULL;
CREATE TABLE alias(
  text TEXT NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, item INTEGER NOT NULL,
  owner INTEGER NOT NULL, until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL,
  PRIMARY KEY(text, at, ev)) STRICT, WITHOUT ROWID;
CREATE INDEX alias_owner ON alias(owner);
CREATE TABLE alias_was(
  text TEXT NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, item INTEGER NOT NULL,
  owner INTEGER NOT NULL, until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL,
  kt INTEGER NOT NULL,
  PRIMARY KEY(text, at, ev, kf)) STRICT, WITHOUT ROWID;
CREATE TABLE uom(
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, scale INTEGER NOT NULL, UNIQUE(code, scale)) STRICT;
CREATE TABLE station(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE slot(
  id INTEGER PRIMARY KEY, station INTEGER NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL,
  UNIQUE(station, name)) STRICT;
CREATE TABLE stock(
  item INTEGER PRIMARY KEY, dimension TEXT NOT NULL, come TEXT NOT NULL, gone TEXT NOT NULL,
  unknown INTEGER NOT NULL, taken INTEGER NOT NULL, fed INTEGER NOT NULL,
  last INTEGER NOT NULL) STRICT;
CREATE TABLE flow(
  item INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, ord INTEGER NOT NULL,
  kind INTEGER NOT NULL, qty INTEGER, unit INTEGER, node INTEGER NOT NULL,
  dimension TEXT NOT NULL, come TEXT NOT NULL, gone TEXT NOT NULL, unknown INTEGER NOT NULL,
  taken INTEGER NOT NULL, fed INTEGER NOT NULL,
  PRIMARY KEY(item, at, ev, ord)) STRICT, WITHOUT ROWID;
CREATE TABLE made_for(
  item INTEGER NOT NULL, ev INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(item, ev)) STRICT, WITHOUT ROWID;
CREATE INDEX made_for_name ON made_for(name, item);
CREATE TABLE report(seq INTEGER PRIMARY KEY, stale INTEGER) STRICT;
CREATE TABLE position(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE master(
  kind TEXT NOT NULL, key TEXT NOT NULL, ev INTEGER NOT NULL, data TEXT, gtin TEXT,
  PRIMARY KEY(kind, key, ev)) STRICT, WITHOUT ROWID;

CREATE INDEX master_gtin ON master(gtin) WHERE gtin IS NOT NULL;

CREATE TABLE edge({_EDGE}, PRIMARY KEY(dst, src, ev, ord)) STRICT, WITHOUT ROWID;
CREATE INDEX edge_out ON edge(src, dst, at);
CREATE INDEX edge_contain ON edge(src) WHERE rel = 3;
CREATE INDEX edge_install ON edge(src) WHERE rel = 2;
CREATE INDEX edge_identity ON edge(src) WHERE rel = 6;
CREATE TABLE edge_past({_EDGE},
  until INTEGER NOT NULL, uev INTEGER NOT NULL,
  PRIMARY KEY(dst, src, ev, ord)) STRICT, WITHOUT ROWID;
CREATE INDEX edge_past_out ON edge_past(src, dst, at, until);
CREATE TABLE edge_was({_EDGE},
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kt INTEGER NOT NULL,
  PRIMARY KEY(dst, src, ev, ord, kf)) STRICT, WITHOUT ROWID;
CREATE INDEX edge_was_out ON edge_was(src, dst);
"""
    + "".join(
        f"""
CREATE TABLE life{was}(
  item INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, state INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(item, at, ev{key})) STRICT, WITHOUT ROWID;
CREATE TABLE visit{was}(
  item INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, station INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(item, at, ev{key})) STRICT, WITHOUT ROWID;
CREATE INDEX visit{was}_at ON visit{was}(station, at);
CREATE INDEX visit{was}_stay ON visit{was}(station, length(until - at), at, uev);
CREATE TABLE hold{was}(
  item INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, scope INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(item, at, ev{key})) STRICT, WITHOUT ROWID;
CREATE INDEX hold{was}_ev ON hold{was}(ev);
CREATE TABLE watch{was}(
  ev INTEGER NOT NULL, at INTEGER NOT NULL, station INTEGER NOT NULL,
  low INTEGER NOT NULL, high INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(ev{key})) STRICT, WITHOUT ROWID;
CREATE TABLE content{was}(
  item INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, state INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(item, at, ev{key})) STRICT, WITHOUT ROWID;
CREATE TABLE mount{was}(
  slot INTEGER NOT NULL, at INTEGER NOT NULL, ev INTEGER NOT NULL, item INTEGER NOT NULL,
  derive INTEGER NOT NULL,
  until INTEGER NOT NULL, uev INTEGER NOT NULL, kf INTEGER NOT NULL{known},
  PRIMARY KEY(slot, at, ev{key})) STRICT, WITHOUT ROWID;
CREATE INDEX mount{was}_item ON mount{was}(item);
"""
        for was, known, key in (("", "", ""), ("_was", ", kt INTEGER NOT NULL", ", kf"))
    )
    + f"""
CREATE INDEX hold_open ON hold(item) WHERE until = {INF};
CREATE TABLE station_now(
  station INTEGER PRIMARY KEY, seq INTEGER NOT NULL, ok INTEGER NOT NULL,
  nok INTEGER NOT NULL) STRICT;
CREATE TABLE order_now(
  name TEXT PRIMARY KEY, work INTEGER NOT NULL, good INTEGER NOT NULL,
  scrap INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
)
"""`rel` is the Relation plus 16 times the EdgeQuality. `pos` is interned in `position`, (qty, unit)
is a mantissa and an interned (UN/ECE code, scale). `life` is the state of an item over time (its
rows begin where it was registered: an item without a known row does not exist). `visit` is an open
or ended operation at a station. `hold.scope` is 0 for the item, 1 for its where-used too.
`item.at`, `ev`, `qty`, `unit` and `expires` are of the latest registration; `item.last` is the
newest event time of the item's intervals: an event before it is late and recomputes them.
`alias.owner` is the carrier whose tag it is, or the item itself. `station_now` counts the valid
verdicts OK and NotOK of a station and names its last record. `content` is which state of a
container or lot is in it (SEMANTICS S5): a state is an item row with `state_of`, named by the
position `ev` of the record that made it; an item without a row of content is its own. `mount` is
the node that is on a slot; `derive` 1: units at the station meanwhile are made from it (S12), and
`slot.last` is the newest event time of its loads and unloads; what touches a slot stands in `touch`
under its negative number. `visit_stay` finds the operations that a time met, by how many digits
their stay has: an open one has OPEN_DIGITS, which no ended one can have.
`watch` is a hold on all that was at a station in [low, high) (S17). `stock` is what
came and went of a lot or container since it was last empty, decimals in the base unit of
`dimension`, how many of these records brought or took (`taken`) some without a quantity, how often
it was ever loaded where consumption is derived (`fed`), and the newest event time of all its
records. `flow` are these records in event order, of containers, and of lots from where their
content first depends on the order: `kind` as in store.flows, `node` what was drawn from or made,
and the stock before it. `made_for` are the orders that events name whose item's life they change,
valid or not; an item is made for that of the latest row of its life which has one. `order_now`
counts the items of an order by state: registered and in process; completed, consumed and shipped;
scrapped. `report` is an issued answer and the position of the record that made it stale.
`unpublished` are the entries without an EventSequence: `seq` their position, `es` the last
EventSequence before them; all others are numbered without a gap."""

PROJECTION_TABLES: Final = (
    "touch",
    "void",
    "request",
    "last_request",
    "unpublished",
    "type",
    "item",
    "alias",
    "alias_was",
    "uom",
    "station",
    "slot",
    "position",
    "master",
    "edge",
    "edge_past",
    "edge_was",
    "life",
    "life_was",
    "visit",
    "visit_was",
    "hold",
    "hold_was",
    "watch",
    "watch_was",
    "content",
    "content_was",
    "mount",
    "mount_was",
    "stock",
    "flow",
    "made_for",
    "report",
    "station_now",
    "order_now",
)
"""Everything that `rebuild` empties and fills from the journal, in canonical dump order."""
