"""What one session may: asked by each service before it does anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.models.roles import EVERYBODY
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.security.access import PUBLIC, Access, Permission

__all__ = ["Rights"]

S = StatusCodes
A = AttributeIds
P = Permission

DENIED: Final = int(S.BadUserAccessDenied)
WRITE_BITS: Final = ua.AccessLevel.CurrentWrite.mask
READ_BITS: Final = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.HistoryRead.mask


class Rights:
    """The rights of a session with these roles; `executing(method_id)` are the roles that may call
    a method, 0 for what is none."""

    def __init__(
        self, access: Access, space: AddressSpace, executing: Callable[[ua.NodeId], int]
    ) -> None:
        self.roles: int = 0
        self._access, self._space, self._executing = access, space, executing

    @property
    def unhindered(self) -> bool:
        """True where nothing of the plant is hidden from the session."""
        return bool(self.roles & self._access.look)

    @property
    def audits(self) -> bool:
        """True where the session may hear audit events."""
        return bool(self.roles & self._access.audit)

    def may(self, node_id: ua.NodeId, permission: int) -> bool:
        """Return whether the session has a permission (one bit) for a node."""
        return bool(self.roles & self._access.mask(node_id, permission))

    # ------------------------------------------------------------------ attributes
    def reading(self, node_id: ua.NodeId, attribute: int) -> ua.DataValue | None:
        """Return the answer where it depends on the session: a refusal, or a User... attribute.
        None: it is read as for everybody."""
        if not self.may(node_id, P.Read):
            return ua.DataValue(StatusCode=ua_status(DENIED)) if node_id in self._space else None
        match attribute:
            case A.UserAccessLevel:
                return self._user_access(node_id)
            case A.UserExecutable:
                return self._user_executable(node_id)
            case A.RolePermissions | A.UserRolePermissions:
                return self._role_permissions(node_id, attribute)
        return None

    def _user_access(self, node_id: ua.NodeId) -> ua.DataValue | None:
        held = self._space.read_attribute_value(node_id, A.AccessLevel)
        if held.Value is None or held.Value.Value is None:
            return None
        level = int(held.Value.Value)
        if not self.may(node_id, P.Write):
            level &= ~WRITE_BITS
        return ua.DataValue(ua.Variant(level, ua.VariantType.Byte))

    def _user_executable(self, node_id: ua.NodeId) -> ua.DataValue | None:
        held = self._space.read_attribute_value(node_id, A.Executable)
        if held.Value is None or held.Value.Value is None:
            return None
        may = bool(held.Value.Value) and bool(self.roles & self._executing(node_id))
        return ua.DataValue(ua.Variant(may, ua.VariantType.Boolean))

    def _role_permissions(self, node_id: ua.NodeId, attribute: int) -> ua.DataValue | None:
        if node_id not in self._space:
            return None
        roles = self.roles
        if attribute == A.RolePermissions:  # of all roles: who may ReadRolePermissions
            if not self.audits:
                return ua.DataValue(StatusCode=ua_status(DENIED))
            roles = int(EVERYBODY)
        made = self._access.role_permissions(node_id, roles, self._executing(node_id))
        return ua.DataValue(ua.Variant(made, ua.VariantType.ExtensionObject, is_array=True))

    def writing(self, node_id: ua.NodeId) -> int | None:
        """Return why the session can't write a variable, None where it can."""
        return None if self.roles & self._access.writing(node_id) else DENIED

    def watching(self, node_id: ua.NodeId, attribute: int) -> int | None:
        """Return why the session can't watch an attribute, None where it can.

        Events of the whole plant come by the Server object too, so hearing any is for those who
        may look at the plant, or hear audit events.
        """
        if attribute == A.EventNotifier:
            heard = self.may(node_id, P.ReceiveEvents) and (self.unhindered or self.audits)
            return None if heard else DENIED
        if attribute in {A.RolePermissions, A.UserRolePermissions}:
            return int(S.BadAttributeIdInvalid)  # they don't report changes
        return None if self.may(node_id, P.Read) else DENIED

    def remembering(self, node_id: ua.NodeId, *, events: bool) -> bool:
        """Return whether the session may read history: of a variable, or events, which are those
        of the plant wherever they are read."""
        return self.may(node_id, P.ReadHistory) and (not events or self.unhindered)

    def hearing(self, audience: int) -> bool:
        """Return whether the session hears an event for these roles (0: who may look)."""
        return bool(self.roles & (audience or self._access.look))

    # ------------------------------------------------------------------ browsing
    def browsed(
        self, results: list[ua.BrowseResult], asked: Sequence[ua.NodeId] = ()
    ) -> list[ua.BrowseResult]:
        """Return the results of a Browse of the nodes `asked` without what is hidden."""
        plant = bool(asked) and not any(node_id.NamespaceIndex in PUBLIC for node_id in asked)
        if self.unhindered and (self.audits or plant):  # what is guarded lies below the server
            return results
        for place, result in enumerate(results):
            if asked and not self.may(asked[place], P.Browse):
                result.StatusCode = ua_status(S.BadNodeIdUnknown)
                result.References, result.ContinuationPoint = [], None
            shown = [link for link in result.References or () if self.may(link.NodeId, P.Browse)]
            if len(shown) != len(result.References or ()):
                result.References = shown
        return results

    def followed(
        self, results: list[ua.BrowsePathResult], asked: Sequence[ua.BrowsePath]
    ) -> list[ua.BrowsePathResult]:
        """Return the results of browse paths without what is hidden."""
        return [
            self._reached(result)
            if self.may(path.StartingNode, P.Browse)
            else ua.BrowsePathResult(StatusCode=ua_status(S.BadNodeIdUnknown))
            for path, result in zip(asked, results, strict=True)
        ]

    def _reached(self, result: ua.BrowsePathResult) -> ua.BrowsePathResult:
        seen = [t for t in result.Targets or () if self.may(t.TargetId, P.Browse)]
        if result.Targets and not seen:
            return ua.BrowsePathResult(StatusCode=ua_status(S.BadNoMatch))
        result.Targets = seen
        return result
