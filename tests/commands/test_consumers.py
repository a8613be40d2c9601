"""The commands about consumers of the log, beside a server that has the database open."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from tracenode.models.events import Master
from tracenode.models.receipts import Requester
from tracenode.server.__main__ import main
from tracenode.server.consumers import Consumers, Owner
from tracenode.server.trace import Trace


def tracenode(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


def test_consumers_are_listed_and_removed_beside_a_server(tmp_path: Path) -> None:
    database = tmp_path / "t.db"
    with Trace.open(database, site="S", create=True) as trace:
        for key in ("A", "B"):
            trace.record_now(Master(kind="material", key=key, data={}), Requester("test"))
        assert tracenode("consumers", "list", "--db", str(database), "--json") == (0, "[]\n")
        consumers = Consumers(trace)

        async def registered() -> None:
            await consumers.register("MES1", Owner("urn:mes", "kim"), 0)
            await consumers.acknowledge("MES1", Owner("urn:mes", "kim"), 1)

        asyncio.run(registered())
        code, said = tracenode("consumers", "list", "--db", str(database), "--json")
        (row,) = json.loads(said)
        assert (code, row["consumer"], row["acknowledged"], row["pending"]) == (0, "MES1", 1, 1)
        assert (row["application"], row["user"], row["strayed"]) == ("urn:mes", "kim", False)
        code, said = tracenode("consumers", "list", "--db", str(database))
        assert code == 0 and "urn:mes as kim" in said
        assert tracenode("consumers", "remove", "MES1", "--db", str(database))[0] == 0
        code, said = tracenode("consumers", "remove", "MES1", "--db", str(database))
        assert code == 1 and "expected a registered consumer, found 'MES1'" in said
        assert asyncio.run(consumers.lags()) == []
