"""Who may do what to which node: one question, `may`, answered by bitmasks.

The rule for a node comes from its namespace: what OPC UA and our types define is public, what
belongs to the plant is for those who may look. A method asks for the group it stands in
(`models.permissions`); single nodes can be given a group of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.permissions import AUDIT, DEFAULT, LOOK, WRITE, Permissions
from tracenode.models.roles import EVERYBODY, Role
from tracenode.server.opcua.ids import ua_id

__all__ = ["PUBLIC", "ROLE_IDS", "Access", "Permission"]

Permission = ua.PermissionType
"""The bits of OPC 10000-3 8.55."""
SEEING: Final = int(
    Permission.Browse | Permission.Read | Permission.ReadHistory | Permission.ReceiveEvents
)

PUBLIC: Final = frozenset({0, 2})
"""Namespaces that everybody may look at: OPC UA's own and the types of the model."""
ROLE_IDS: Final = {role: ua_id(getattr(ObjectIds, f"WellKnownRole_{role.name}")) for role in Role}
"""The well-known roles' NodeIds (OPC 10000-18 4.2)."""
GUARDED: Final = (
    "Server_ServerDiagnostics_SessionsDiagnosticsSummary",
    "Server_ServerDiagnostics_SubscriptionDiagnosticsArray",
)
"""Nodes of the server that show what others do, with all below them."""


class Access:
    """What each role may, as bitmasks of `models.roles.Role`; a dict or two for each question."""

    def __init__(self) -> None:
        self.permissions: Permissions = DEFAULT
        self.look = self.write = self.audit = 0
        self._seeing: dict[ua.NodeId, int] = {}
        self._writing: dict[ua.NodeId, int] = {}
        self._groups: dict[ua.NodeId, str] = {}
        self.use(DEFAULT)

    def use(self, permissions: Permissions) -> None:
        """Go by another table from now on."""
        self.permissions = permissions
        self.look = permissions.mask(LOOK)
        self.write = permissions.mask(WRITE)
        self.audit = permissions.mask(AUDIT)
        self.guard(
            ua_id(number)
            for name, number in vars(ObjectIds).items()
            if name.startswith(GUARDED) and isinstance(number, int)
        )
        for node_id, group in self._groups.items():
            self._writing[node_id] = permissions.mask(group)

    def guard(self, node_ids: Iterable[ua.NodeId]) -> None:
        """Show these nodes only to those who may hear audit events."""
        self._seeing.update(dict.fromkeys(node_ids, self.audit))

    def writable_by(self, node_ids: Iterable[ua.NodeId], group: str) -> None:
        """Let these variables be written by who may do what stands in `group`."""
        for node_id in node_ids:
            self._groups[node_id] = group
            self._writing[node_id] = self.permissions.mask(group)

    # ------------------------------------------------------------------ the question
    def may(self, roles: int, node_id: ua.NodeId, permission: int) -> bool:
        """Return whether one of these roles has this permission for a node; Call by `method`."""
        return bool(roles & self.mask(node_id, permission))

    def mask(self, node_id: ua.NodeId, permission: int) -> int:
        """Return the roles that have a permission (one bit) for a node."""
        if permission & SEEING:
            if node_id.NamespaceIndex in PUBLIC:
                return self._seeing.get(node_id, int(EVERYBODY)) if self._seeing else int(EVERYBODY)
            return self.look
        if permission == Permission.Write:
            return self.writing(node_id)
        return 0

    def writing(self, node_id: ua.NodeId) -> int:
        """Return the roles that may write a variable."""
        return self._writing.get(node_id, self.write)

    def method(self, name: str) -> int:
        """Return the roles that may call a method of this browse name."""
        return self.permissions.mask(name)

    def role_permissions(
        self, node_id: ua.NodeId, roles: int, executing: int
    ) -> list[ua.RolePermissionType]:
        """Return what each of these roles may do with a node (OPC 10000-3 5.2.9, RolePermissions).

        `executing`: the roles that may call it, 0 for what is no method.
        """
        made: list[Any] = []
        for role in Role:
            if not roles & role:
                continue
            bits = 0
            for permission in (
                Permission.Browse,
                Permission.Read,
                Permission.Write,
                Permission.ReadHistory,
                Permission.ReceiveEvents,
            ):
                if role & self.mask(node_id, int(permission)):
                    bits |= int(permission)
            if role & executing:
                bits |= int(Permission.Call)
            made.append(ua.RolePermissionType(RoleId=ROLE_IDS[role], Permissions=Permission(bits)))
        return made
