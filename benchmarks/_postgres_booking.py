"""Server-side functions by which PostgreSQL books the events of the mix, one for each kind of them,
so that a booking is one prepared call.

`WHOLE` keeps what ours keeps for these events and checks what ours checks. `SPARED` leaves out what
makes concurrent transactions wait for each other or costs another look: the hash chain (each entry
has its own hash alone), the gap-free sequence (it has gaps), the counters of stations, stock,
contents, routes, bills of material, policies, expiry and mounts.
"""

from __future__ import annotations

from typing import Final

from tracenode.server.store.schema import INF

__all__ = ["SPARED", "WHOLE"]

_SPARED: Final = """
CREATE FUNCTION {name}(src integer, rid_ text, digest_ bytea, at_ bigint, type_ text, body_ text,
  hash_ bytea, {more}) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE s bigint; {declared}
BEGIN
  SELECT seq INTO s FROM request WHERE source = src AND rid = rid_;
  IF FOUND THEN RETURN s; END IF;
  {checks}
  s := nextval('journal_seq');
  INSERT INTO journal VALUES (s, at_, at_, src, NULL, type_, body_, hash_);
  INSERT INTO request VALUES (src, rid_, s, digest_);
  {effects}
  RETURN s;
END $$;
"""
_WHOLE: Final = """
CREATE FUNCTION {name}(s bigint, src integer, rid_ text, digest_ bytea, at_ bigint, type_ text,
  body_ text, hash_ bytea, counted_ integer, ok_ integer, nok_ integer, {more})
  RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text := ''; {declared}
BEGIN
  INSERT INTO request VALUES (src, rid_, s, digest_);
  {checks}
  INSERT INTO journal VALUES (s, at_, at_, src, NULL, type_, body_, hash_);
  {effects}
  IF counted_ IS NOT NULL THEN PERFORM count_station(counted_, s, ok_, nok_); END IF;
  RETURN told;
END $$;
"""
_COUNT_STATION: Final = """
CREATE FUNCTION count_station(station_ integer, s bigint, ok_ integer, nok_ integer)
  RETURNS void LANGUAGE sql AS $$
INSERT INTO station_now AS n VALUES (station_, s, ok_, nok_)
ON CONFLICT (station) DO UPDATE SET seq = s, ok = n.ok + ok_, nok = n.nok + nok_ $$;
"""

# ------------------------------------------------------------------ checks
_FIND: Final = """
  SELECT i.id INTO {name} FROM item i WHERE i.text = {name}_text AND i.type = {name}_type
    AND i.gen = 0 AND i.state_of IS NULL;
  IF NOT FOUND THEN RAISE 'unknown item %', {name}_text; END IF;
  SELECT * INTO l FROM life f WHERE f.item = {name} ORDER BY f.at DESC, f.ev DESC LIMIT 1;
  IF l.state IN (4, 5, 6) THEN RAISE '% has left', {name}_text; END IF;
"""
_FREE: Final = """
  IF EXISTS(SELECT 1 FROM hold h WHERE h.item = {name} AND h.until = {inf})
    OR EXISTS(SELECT 1 FROM hold h WHERE h.scope = 1 AND h.until = {inf})
    THEN RAISE 'on hold'; END IF;
"""
_LOOSE: Final = """
  IF EXISTS(SELECT 1 FROM edge e WHERE e.src = {name} AND e.rel = 2)
    THEN RAISE 'installed'; END IF;
"""
_ACYCLIC: Final = """
  IF EXISTS(WITH RECURSIVE t(n) AS (SELECT {part}
      UNION SELECT e.src FROM t JOIN edge e ON e.dst = t.n) SELECT 1 FROM t WHERE n = {whole})
    THEN RAISE 'a cycle'; END IF;
"""
_VISIT: Final = """
  SELECT * INTO v FROM visit w WHERE w.item = whole ORDER BY w.at DESC, w.ev DESC LIMIT 1;
"""
_FRESH: Final = """
  IF EXISTS(SELECT 1 FROM item i WHERE i.id = {name} AND i.expires <= at_)
    THEN RAISE '% has expired', {name}_text; END IF;
"""
_IN_FORCE: Final = """
  SELECT m.data INTO told FROM master m WHERE m.kind = '{kind}' AND m.key = {key}
    ORDER BY m.ev DESC LIMIT 1;
  IF told IS {refused} THEN RAISE '{kind} of %', {key}; END IF;
  told := '';
"""
"""The mix has materials, and neither routes, bills of material nor policies of stations: these are
looked for, and what they would say is not carried out."""
_NOT_MOUNTED: Final = """
  IF EXISTS(SELECT 1 FROM slot z JOIN mount m ON m.slot = z.id
      WHERE z.station = station_ AND m.derive = 1 AND m.at <= at_ AND m.until > at_)
    THEN RAISE 'something is mounted'; END IF;
"""
_DRAWN: Final = """
  SELECT c.state, c.until INTO node, ended FROM content c WHERE c.item = part
    ORDER BY c.at DESC, c.ev DESC LIMIT 1;
  IF NOT FOUND THEN node := part;
  ELSIF ended < {inf} THEN RAISE '% is empty', part_text; END IF;
  SELECT * INTO k FROM stock t WHERE t.item = part FOR UPDATE;
  IF k.unknown = 0 AND k.dimension = dimension_ AND k.gone + amount_ > k.come
    THEN told := 'more than there is of ' || part_text; END IF;
"""

# ------------------------------------------------------------------ effects
_LIVE: Final = """
  UPDATE life SET until = at_, uev = s WHERE item = whole AND at = l.at AND ev = l.ev;
  INSERT INTO life VALUES (whole, at_, s, {state}, {inf}, 0, s);
  UPDATE item SET last = at_ WHERE id = whole;
  INSERT INTO touch VALUES (whole, s);
"""
_BORN: Final = """
  INSERT INTO item(type, text, gen, at, ev, last{columns})
    VALUES (whole_type, whole_text, 0, at_, s, at_{values}) RETURNING id INTO whole;
  INSERT INTO life VALUES (whole, at_, s, 0, {inf}, 0, s);
  INSERT INTO touch VALUES (whole, s);
"""
_STOCKED: Final = """
  IF amount_ IS NOT NULL THEN
    INSERT INTO stock VALUES (whole, dimension_, amount_, 0, 0, 0, 0, {inf} * -1);
  END IF;
"""
_ENTERED: Final = "INSERT INTO visit VALUES (whole, at_, s, station_, {inf}, 0, s);"
_LEFT: Final = """
  UPDATE visit SET until = at_, uev = s WHERE item = whole AND at = v.at AND ev = v.ev;
"""
_INSTALLED: Final = """
  INSERT INTO edge VALUES (whole, part, s, 0, at_, s, 2, NULL, NULL, pos_);
  UPDATE item SET last = at_ WHERE id = part;
  INSERT INTO touch VALUES (whole, s), (part, s);
"""
_CONSUMED: Final = """
  INSERT INTO edge VALUES (whole, {node}, s, 0, at_, s, 1, qty_, unit_, NULL);
  INSERT INTO touch VALUES (whole, s), (part, s);
"""
_TAKEN: Final = """
  UPDATE stock SET gone = gone + amount_, last = greatest(last, at_) WHERE item = part;
"""

# ------------------------------------------------------------------ functions
_ITEM: Final = "whole_text text, whole_type integer"
_TWO: Final = f"{_ITEM}, part_text text, part_type integer"
_OF: Final = ", whole_code text"
_AMOUNT: Final = ", dimension_ text, amount_ numeric"
_ONE_ROW: Final = "whole integer; l life; v visit;"
_BOTH: Final = "whole integer; part integer; l life;"
_NOT_IN_PROCESS: Final = "IF FOUND AND v.until = {inf} THEN RAISE 'in process'; END IF;"
_IN_PROCESS: Final = (
    "IF NOT FOUND OR v.until <> {inf} OR v.station <> station_ THEN RAISE 'not started'; END IF;"
)


def _find(*names: str) -> str:
    return "".join(_FIND.replace("{name}", name) for name in names)


def _in_force(kind: str, key: str, *, refused: str = "NOT NULL") -> str:
    return _IN_FORCE.format(kind=kind, key=key, refused=refused)


def _joined(check: str, **names: str) -> str:
    for name, value in names.items():
        check = check.replace(f"{{{name}}}", value)
    return check


def _function(  # noqa: PLR0917
    form: str, name: str, more: str, declared: str, checks: str, effects: str
) -> str:
    inf = str(INF)
    return form.format(
        name=name,
        more=more,
        declared=declared,
        checks=checks.replace("{inf}", inf),
        effects=effects.replace("{inf}", inf),
    )


_FREE_WHOLE: Final = _joined(_FREE, name="whole")
_FREE_PART: Final = _joined(_FREE, name="part")
_LOOSE_PART: Final = _joined(_LOOSE, name="part")
_NO_LOOP: Final = _joined(_ACYCLIC, part="part", whole="whole")
_PLAIN_BIRTH: Final = _joined(_BORN, columns="", values="")
_RIGHT_PART: Final = (
    _joined(_FRESH, name="part")
    + _in_force("material", "part_code", refused="NULL")
    + _in_force("bom", "whole_code")
)

SPARED: Final = "".join(
    _function(_SPARED, *given)
    for given in (
        ("spared_register", _ITEM, "whole integer;", "", _PLAIN_BIRTH),
        (
            "spared_start",
            f"{_ITEM}, station_ integer",
            _ONE_ROW,
            _find("whole") + _VISIT + _NOT_IN_PROCESS + _FREE_WHOLE,
            _joined(_LIVE, state="1") + _ENTERED,
        ),
        (
            "spared_complete",
            f"{_ITEM}, station_ integer",
            _ONE_ROW,
            _find("whole") + _VISIT + _IN_PROCESS,
            _joined(_LIVE, state="2") + _LEFT,
        ),
        (
            "spared_assemble",
            f"{_TWO}, pos_ integer",
            _BOTH,
            _find("whole", "part") + _LOOSE_PART + _FREE_PART + _NO_LOOP,
            _INSTALLED,
        ),
        (
            "spared_consume",
            f"{_TWO}, qty_ bigint, unit_ integer",
            _BOTH,
            _find("whole", "part") + _FREE_PART + _NO_LOOP,
            _joined(_CONSUMED, node="part"),
        ),
    )
)
"""Each returns the journal position."""

WHOLE: Final = _COUNT_STATION + "".join(
    _function(_WHOLE, *given)
    for given in (
        (
            "whole_register",
            f"{_ITEM}{_OF}, qty_ bigint, unit_ integer{_AMOUNT}",
            "whole integer;",
            _in_force("material", "whole_code", refused="NULL") + _in_force("route", "whole_code"),
            _joined(_BORN, columns=", qty, unit", values=", qty_, unit_") + _STOCKED,
        ),
        (
            "whole_start",
            f"{_ITEM}{_OF}, station_ integer",
            _ONE_ROW,
            _find("whole")
            + _VISIT
            + _NOT_IN_PROCESS
            + _FREE_WHOLE
            + _joined(_FRESH, name="whole")
            + _in_force("route", "whole_code")
            + _joined(_LOOSE, name="whole")
            + _NOT_MOUNTED,
            _joined(_LIVE, state="1") + _ENTERED,
        ),
        (
            "whole_complete",
            f"{_ITEM}{_OF}, station_ integer",
            _ONE_ROW,
            _find("whole") + _VISIT + _IN_PROCESS + _in_force("route", "whole_code"),
            _joined(_LIVE, state="2") + _LEFT,
        ),
        (
            "whole_assemble",
            f"{_ITEM}{_OF}, part_text text, part_type integer, part_code text, pos_ integer",
            _BOTH,
            _find("whole", "part") + _LOOSE_PART + _FREE_PART + _RIGHT_PART + _NO_LOOP,
            _INSTALLED,
        ),
        (
            "whole_consume",
            f"{_ITEM}{_OF}, part_text text, part_type integer, part_code text, qty_ bigint,"
            f" unit_ integer{_AMOUNT}, station_ text",
            f"{_BOTH} node integer; ended bigint; k stock;",
            _find("whole", "part")
            + _in_force("station", "station_")
            + _FREE_PART
            + _RIGHT_PART
            + _DRAWN
            + _joined(_ACYCLIC, part="node", whole="whole"),
            _joined(_CONSUMED, node="node") + _TAKEN,
        ),
    )
)
"""Each is given its position and its hash by the one connection that books, which keeps the chain
and the sequence as ours does, and returns what is told besides; `counted_` NULL: the station is
counted by `count_station`, once for a group. A request that is known, and a refusal, raise."""
