"""Who a session speaks for: from the token that a client sent to an account and its roles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tracenode.models.errors import ConfigError
from tracenode.models.roles import NOBODY, Role
from tracenode.server.opcua.security.accounts import (
    Account,
    Accounts,
    fingerprint,
    read_accounts,
    stamp,
)
from tracenode.server.opcua.security.audit import AuditKind, AuditTrail
from tracenode.server.opcua.security.certificates.chains import leaf_of
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused
from tracenode.server.opcua.security.certificates.trust import TrustList
from tracenode.server.opcua.security.logins import LoginGate, TooManyLogins
from tracenode.server.opcua.security.passwords import DUMMY, LONGEST, matches
from tracenode.server.opcua.security.tokens import BadToken, decrypted, suite_of, verify

__all__ = ["ANONYMOUS", "Identities", "Identity", "LoginRefused", "Presented"]

log = logging.getLogger(__name__)
S = StatusCodes

WATCH_S: Final = 0.5
"""Seconds between two looks at the file of users."""


class LoginRefused(Exception):
    """A token is not taken: `code` is what the client gets, the text what people here read."""

    def __init__(self, code: int, words: str, user: str = "") -> None:
        self.code, self.user = int(code), user
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in. `account` is empty for anonymous; `roles` are its roles now, `proof` what
    it logged in with: a session ends when that is taken away."""

    account: str = ""
    roles: Role = Role.Anonymous
    proof: str = ""


ANONYMOUS: Final = Identity()


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client presents: the token, its signature, and what they must fit."""

    token: Any
    signature: ua.SignatureData
    offered: list[ua.UserTokenPolicy]
    nonce: bytes
    certificate: bytes
    """The server's, DER; with its issuers behind it where it has some."""
    key: rsa.RSAPrivateKey | None
    address: str


class Identities:
    """The users of a server, as their file says now.

    `changed` is called on the event loop after the file changed.
    """

    def __init__(self, audit: AuditTrail) -> None:
        self.accounts = Accounts({})
        self.gate = LoginGate()
        self.changed: Callable[[], None] = lambda: None
        self.anonymous: Role | None = None
        """Roles of who gives no name; None refuses them."""
        self._audit = audit
        self._path: Path | None = None
        self._trust: TrustList | None = None
        self._seen = (0, 0, 0)
        self._watching: asyncio.Task[None] | None = None

    @property
    def takes_users(self) -> bool:
        """True where there can be users: a file of them is named."""
        return self._path is not None

    def open(self, path: Path | None, trust: TrustList | None) -> None:
        """Read the users.

        Raises:
            ConfigError: the file is no file of users.
        """
        self._path, self._trust = path, trust
        if path is not None:
            self._seen = stamp(path)
            self.accounts = read_accounts(path)

    async def start(self) -> None:
        """Look at the file from now on."""
        if self._trust is not None:
            await self._trust.start()
        if self._path is not None:
            self._watching = asyncio.create_task(self._watch(self._path))

    async def close(self) -> None:
        """Look no more, check no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        self.gate.close()
        if self._trust is not None:
            await self._trust.close()
            self._trust = None

    # ------------------------------------------------------------------ who is it
    async def of(self, presented: Presented) -> Identity:
        """Return who presents this.

        Raises:
            LoginRefused: nobody that may come in.
        """
        try:
            match presented.token:
                case ua.UserNameIdentityToken():
                    return await self._named(presented, presented.token)
                case ua.X509IdentityToken():
                    return await self._certified(presented, presented.token)
                case ua.AnonymousIdentityToken():
                    return self._anonymous()
        except TooManyLogins as e:
            raise LoginRefused(S.BadUserAccessDenied, str(e), _name(presented.token)) from e
        except BadToken as e:
            raise LoginRefused(S.BadIdentityTokenInvalid, str(e), _name(presented.token)) from e
        kind = type(presented.token).__name__
        raise LoginRefused(S.BadIdentityTokenInvalid, f"no kind of token that is taken: {kind}")

    def _anonymous(self) -> Identity:
        if self.anonymous is None:
            raise LoginRefused(
                S.BadIdentityTokenRejected, "anonymous: opcua.anonymous is false here"
            )
        return Identity(roles=Role.Anonymous | self.anonymous)

    async def _named(self, presented: Presented, token: ua.UserNameIdentityToken) -> Identity:
        name = str(token.UserName or "")
        suite = suite_of(token, ua.UserTokenType.UserName, presented.offered)
        key = presented.key
        if key is None:
            raise BadToken("this server has no certificate that passwords could be encrypted for")
        if not name or len(name) > LONGEST:
            raise BadToken("expected a user name")
        account = self.accounts.named(name)
        kept = account.password if account is not None and account.password else DUMMY

        def check() -> Account | None:
            password = decrypted(token, suite, key, presented.nonce)
            right = matches(password, kept)
            return account if right and kept is not DUMMY else None

        found = await self.gate.check(presented.address, name, check)
        if found is None:
            words = f"user {name[:64]!r}: unknown, or not this password"
            raise LoginRefused(S.BadUserAccessDenied, words, name)
        return self._as_it_is_now(found.name, found.password)

    async def _certified(self, presented: Presented, token: ua.X509IdentityToken) -> Identity:
        suite = suite_of(token, ua.UserTokenType.Certificate, presented.offered)
        blob = bytes(token.CertificateData or b"")
        leaf = leaf_of(blob)
        thumbprint = fingerprint(leaf)
        if self._trust is None:
            raise LoginRefused(S.BadIdentityTokenRejected, "no user certificates are taken here")
        try:
            certificate = x509.load_der_x509_certificate(leaf)
        except ValueError as e:
            raise BadToken(f"not a certificate: {e}") from e
        server = presented.certificate
        signed = [server + presented.nonce, leaf_of(server) + presented.nonce]

        def check() -> bool:
            verify(certificate, suite, presented.signature, signed)
            return True

        # the signature first: whoever has no key learns nothing of what is trusted here
        await self.gate.check(presented.address, thumbprint, check)
        try:
            await self._trust.check(blob)
        except CertificateRefused as e:
            words = f"user certificate {thumbprint}: {e}"
            raise LoginRefused(S.BadIdentityTokenRejected, words) from e
        account = self.accounts.certified(thumbprint)
        if account is None:
            words = f"user certificate {thumbprint}: trusted, but no user has it"
            raise LoginRefused(S.BadUserAccessDenied, words)
        return self._as_it_is_now(account.name, thumbprint)

    def _as_it_is_now(self, name: str, proof: str) -> Identity:
        """Return the identity by the accounts of this moment: they may have changed meanwhile."""
        found = self.renewed(Identity(name, NOBODY, proof))
        if found is None:
            raise LoginRefused(S.BadUserAccessDenied, f"user {name!r}: no longer there", name)
        return found

    def renewed(self, identity: Identity) -> Identity | None:
        """Return an identity with the roles of now, None where it may not go on: its account is
        gone, or its password or certificate is another one."""
        if not identity.account:
            return None if self.anonymous is None else identity
        account = self.accounts.named(identity.account)
        if account is None or identity.proof not in {account.password, *account.certificates}:
            return None
        return Identity(account.name, Role.AuthenticatedUser | account.roles, identity.proof)

    # ------------------------------------------------------------------ the file
    async def _watch(self, path: Path) -> None:
        fault = ""
        while True:
            await asyncio.sleep(WATCH_S)
            seen = stamp(path)
            if seen == self._seen:
                continue
            try:
                fresh = await asyncio.to_thread(read_accounts, path)
            except ConfigError as e:
                if str(e) != fault:  # keep those known; say it once
                    fault = str(e)
                    log.error("users stay as they were: %s", e)
                    self._audit.note(AuditKind.Users, str(path.name), f"can't be read: {e}")
                continue
            self._seen, fault = seen, ""
            words = _difference(self.accounts, fresh)
            self.accounts = fresh
            if words:
                log.info("users: %s", words)
                self._audit.note(AuditKind.Users, str(path.name), words)
                self.changed()


def _difference(before: Accounts, after: Accounts) -> str:
    old: Mapping[str, Account] = {account.name: account for account in before}
    new: Mapping[str, Account] = {account.name: account for account in after}
    parts = []
    for word, names in (
        ("added", [name for name in new if name not in old]),
        ("removed", [name for name in old if name not in new]),
        ("changed", [name for name in new if name in old and new[name] != old[name]]),
    ):
        if names:
            parts.append(f"{word} {', '.join(sorted(names))}")
    return "; ".join(parts)


def _name(token: object) -> str:
    return str(getattr(token, "UserName", "") or "")
