"""user add, list, remove, role, password, certificate."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from tracenode.models.errors import ConfigError, ConfigProblem
from tracenode.models.roles import GRANTED, NOBODY, Role, role_names
from tracenode.server.commands.common import (
    Tracenode,
    config_option,
    echo_json,
    echo_table,
    json_option,
)
from tracenode.server.configuration import load
from tracenode.server.opcua.security.accounts import Account, changing, read_accounts
from tracenode.server.opcua.security.passwords import hashed, weakness

__all__ = ["user"]

ROLES: Final = role_names(GRANTED)
role_option = click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    help="A role of the user; give it once for each.",
)
stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input."
)


@click.group(cls=Tracenode)
def user() -> None:
    """Users of the server. A running one goes by every change within a second."""


@user.command()
@click.argument("name")
@role_option
@stdin_option
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    help="A certificate that stands for the user, in place of a password.",
)
@config_option
@json_option
def add(  # noqa: PLR0917
    name: str,
    roles: tuple[str, ...],
    password_stdin: bool,
    certificate: Path | None,
    config: Path,
    as_json: bool,
) -> None:
    """Add the user NAME, with a password or a certificate.

    Without a role the user may log in and sees what every client sees of an OPC UA server, but
    nothing of the plant.
    """
    path = _file(config)
    marks = frozenset(_trusted(config, certificate)) if certificate else frozenset[str]()
    password = "" if certificate and not password_stdin else hashed(_password(password_stdin))
    with changing(path) as accounts:
        if name.casefold() in {known.casefold() for known in accounts}:
            raise _fault(path, "name", repr(name), "a name that is not used yet")
        accounts[name] = Account(name, _mask(roles), password, marks)
    _say(f"user {name} added: {_worded(_mask(roles))}", as_json, name, _mask(roles))


@user.command("list")
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List the users, their roles and what they log in with."""
    accounts = list(read_accounts(_file(config)))
    if as_json:
        echo_json([_plain(account) for account in accounts])
        return
    rows = [(one.name, _worded(one.roles), ", ".join(_means(one))) for one in accounts]
    echo_table(("user", "roles", "logs in with"), rows)


@user.command()
@click.argument("name")
@config_option
@json_option
def remove(name: str, config: Path, as_json: bool) -> None:
    """Remove the user NAME; their sessions end."""
    path = _file(config)
    with changing(path) as accounts:
        gone = _known(path, accounts.values(), name)
        del accounts[name]
    _say(f"user {name} removed", as_json, name, gone.roles)


@user.command()
@click.argument("name")
@role_option
@config_option
@json_option
def role(name: str, roles: tuple[str, ...], config: Path, as_json: bool) -> None:
    """Give the user NAME these roles in place of those they have; none where none is given.

    Sessions of a user who loses a role end.
    """
    path = _file(config)
    with changing(path) as accounts:
        accounts[name] = replace(_known(path, accounts.values(), name), roles=_mask(roles))
    _say(f"user {name}: {_worded(_mask(roles))}", as_json, name, _mask(roles))


@user.command()
@click.argument("name")
@stdin_option
@config_option
@json_option
def password(name: str, password_stdin: bool, config: Path, as_json: bool) -> None:
    """Give the user NAME a new password; sessions that began with the old one end."""
    path = _file(config)
    _known(path, read_accounts(path), name)
    kept = hashed(_password(password_stdin))
    with changing(path) as accounts:
        found = _known(path, accounts.values(), name)
        accounts[name] = replace(found, password=kept)
    _say(f"user {name}: new password", as_json, name, found.roles)


@user.command()
@click.argument("name")
@click.argument("certificates", nargs=-1, type=click.Path(path_type=Path))
@config_option
@json_option
def certificate(name: str, certificates: tuple[Path, ...], config: Path, as_json: bool) -> None:
    """Let these CERTIFICATES stand for the user NAME in place of those before; none where none is
    given. They are trusted from now on."""
    path = _file(config)
    marks = frozenset(mark for file in certificates for mark in _trusted(config, file))
    with changing(path) as accounts:
        found = _known(path, accounts.values(), name)
        accounts[name] = replace(found, certificates=marks)
    _say(f"user {name}: {len(marks)} certificate(s)", as_json, name, found.roles)


# ------------------------------------------------------------------ parts
def _file(config: Path) -> Path:
    return config.parent / load(config).config.opcua.users


def _trusted(config: Path, file: Path) -> list[str]:
    """Put a certificate with the users' trusted ones and return its SHA-256 thumbprint."""
    from tracenode.server.opcua.security.accounts import fingerprint
    from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
    from tracenode.server.opcua.security.certificates.reading import (
        Malformed,
        der,
        parse_certificates,
    )

    try:
        found = parse_certificates(file.read_bytes())[0]
    except Malformed as e:
        raise _fault(file, "(file)", str(e), "a certificate, PEM or DER") from e
    folder = PkiFolder(config.parent / load(config).config.opcua.users_pki)
    folder.make()
    folder.put(Place.Trusted, found)
    return [fingerprint(der(found))]


def _password(from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    else:
        given = getpass.getpass("Password: ")
        if given and getpass.getpass("Again: ") != given:
            raise click.UsageError("the two passwords differ")
    weak = weakness(given)
    if weak:
        raise click.UsageError(f"password: {weak}")
    return given


def _known(path: Path, accounts: Iterable[Account], name: str) -> Account:
    for account in accounts:
        if account.name == name:
            return account
    raise _fault(path, "name", repr(name), "a user that `tracenode user list` names")


def _mask(names: Iterable[str]) -> Role:
    found = NOBODY
    for name in names:
        found |= Role[name]
    return found


def _worded(roles: Role) -> str:
    return ", ".join(role_names(roles)) or "no role"


def _means(account: Account) -> list[str]:
    means = ["a password"] if account.password else []
    return means + [f"certificate {mark}" for mark in sorted(account.certificates)]


def _plain(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "roles": role_names(account.roles),
        "password": bool(account.password),
        "certificates": sorted(account.certificates),
    }


def _say(words: str, as_json: bool, name: str, roles: Role) -> None:
    if as_json:
        echo_json({"name": name, "roles": role_names(roles)})
    else:
        click.echo(words)


def _fault(path: Path, where: str, found: str, expected: str) -> ConfigError:
    return ConfigError(str(path), [ConfigProblem(where, found, expected)])
