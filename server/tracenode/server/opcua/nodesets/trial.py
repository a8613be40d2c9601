"""Models tried in a process of their own, so that what can't be loaded leaves nothing behind.

`python -m tracenode.server.opcua.nodesets.trial CONFIG` prints what is wrong with the models of a
configuration as one JSON string, empty where they load.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from tracenode.models.errors import ConfigError, ConfigProblem
from tracenode.server.configuration import Line, load
from tracenode.server.opcua.core import NodesetError, ServerOptions, TraceServer
from tracenode.server.opcua.nodesets.loading import load_types

__all__ = ["try_models"]

TRIAL_TIMEOUT: Final = 120.0
"""Seconds; about 3 for a file of 1 MB."""
_MODULE: Final = "tracenode.server.opcua.nodesets.trial"


def try_models(line: Line) -> None:
    """Load the models of a configuration in a server that listens nowhere; blocks.

    Those that come with the product are known to load: without others, nothing is tried.

    Raises:
        ConfigError: they do not load.
    """
    if not line.plan.untried:
        return
    command = [sys.executable, "-m", _MODULE, str(line.path)]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TRIAL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        fault = f"files that take more than {TRIAL_TIMEOUT:g} s"
    else:
        lines = (ended.stdout if ended.returncode == 0 else ended.stderr).splitlines()
        last = lines[-1] if lines else f"exit code {ended.returncode}"
        fault = json.loads(last) if ended.returncode == 0 else last
    if fault:
        problem = ConfigProblem("opcua.nodesets", fault, "nodesets that can be loaded")
        raise ConfigError(str(line.path), [problem])


async def _tried(line: Line) -> str:
    server = await TraceServer(ServerOptions(line.config.site.id)).open()
    try:
        await load_types(server, line.plan)
    except NodesetError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_tried(load(Path(sys.argv[1]))))))  # noqa: T201
