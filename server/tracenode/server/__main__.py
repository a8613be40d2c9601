"""The `tracenode` command."""

from __future__ import annotations

import click

from tracenode.server.commands.common import Tracenode

__all__ = ["main"]

COMMANDS = {
    "audit": "audit:audit",
    "backup": "keeping:backup",
    "bom": "analyses:bom",
    "causes": "analyses:causes",
    "check": "serving:check",
    "consumers": "consuming:consumers",
    "coverage": "analyses:coverage",
    "demo": "demo:demo",
    "export-epcis": "exporting:epcis",
    "export-nodeset": "keeping:export_nodeset",
    "export-points": "points:export_points",
    "find": "finding:find",
    "history": "asking:history",
    "impact": "analyses:impact",
    "import-master": "keeping:import_master",
    "index": "indexing:index",
    "ingredients": "asking:ingredients",
    "init": "keeping:init",
    "mass-balance": "analyses:mass_balance",
    "path": "analyses:path",
    "pki": "pki:pki",
    "rebuild": "keeping:rebuild",
    "recall": "asking:recall",
    "recall-drill": "drill:recall_drill",
    "report": "reporting:report",
    "restore": "keeping:restore",
    "run": "serving:run",
    "status": "keeping:status",
    "user": "user:user",
    "verify": "keeping:verify",
    "where-used": "asking:where_used",
    "window": "analyses:window",
}
"""Name -> room and function; a room is imported when its command is called, so that a query does
not wait for the OPC UA stack."""


class Lazy(Tracenode):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        if cmd_name not in COMMANDS:
            return None
        room, function = COMMANDS[cmd_name].split(":")
        module = import_module(f"tracenode.server.commands.{room}")
        command: click.Command = getattr(module, function)
        return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tracenode")
def main() -> None:
    """tracenode: an OPC UA information-model server for traceability.

    Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 wrong configuration or CSV file, 4 a
    database or file can't be used, 5 the answer is cut.
    """


if __name__ == "__main__":
    main(prog_name="tracenode")
