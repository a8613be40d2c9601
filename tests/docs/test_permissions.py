"""The page about security says of every group, role and audit entry what the server does."""

from __future__ import annotations

from tests.docs.pages import page, section
from tracenode.models.permissions import GROUPS
from tracenode.models.roles import EVERYBODY, role_names
from tracenode.server.opcua.security.audit import AuditKind
from tracenode.server.opcua.security.audit_events import TYPES

SECURITY = page("docs/security.md")


def test_the_table_of_who_may_do_what_is_that_of_the_server() -> None:
    table = section(SECURITY, "### Who may do what")
    rows = {
        cells[1].strip("` "): (cells[2], cells[3].strip())
        for cells in (line.split("|") for line in table.splitlines() if line.startswith("| `"))
    }
    assert set(rows) == {group.name for group in GROUPS}
    for group in GROUPS:
        what, roles = rows[group.name]
        assert not [method for method in group.methods if f"`{method}`" not in what]
        assert what.count("`") == 2 * len(group.methods)
        expected = "all" if group.roles == EVERYBODY else ", ".join(role_names(group.roles))
        assert roles == expected


def test_every_kind_of_audit_entry_is_described() -> None:
    table = section(SECURITY, "## The audit trail")
    assert set(TYPES) == set(AuditKind)
    assert not [kind for kind in AuditKind if f"| `{kind}` |" not in table]
