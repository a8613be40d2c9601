"""user: accounts from the command line; no password is shown, kept or taken for granted."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.commands.plant import called, document
from tracenode.models.errors import ConfigError
from tracenode.models.roles import Role
from tracenode.server.opcua.security.accounts import changing, read_accounts
from tracenode.server.opcua.security.passwords import matches


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "tracenode.toml"
    file.write_text('[site]\nid = "a"\n', "utf-8")
    return file


def added(config: Path, name: str, *roles: str, password: str = "of the test 1") -> None:
    words = [word for role in roles for word in ("--role", role)]
    said = called(
        "user", "add", name, *words, "--password-stdin", "--config", config, input=f"{password}\n"
    )
    assert said.exit_code == 0, said.stderr


def test_a_user_is_added_listed_and_removed(config: Path) -> None:
    added(config, "ann", "Operator", "Supervisor")
    users = config.parent / "users.json"
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    assert "of the test" not in users.read_text("utf-8")
    account = read_accounts(users).named("ann")
    assert account is not None
    assert account.roles == Role.Operator | Role.Supervisor
    assert matches("of the test 1", account.password)
    assert not matches("of the test 2", account.password)
    (told,) = document("user", "list", "--config", config)
    assert told == {
        "name": "ann",
        "roles": ["Operator", "Supervisor"],
        "password": True,
        "certificates": [],
    }
    assert called("user", "remove", "ann", "--config", config).exit_code == 0
    assert document("user", "list", "--config", config) == []


def test_the_same_password_is_kept_in_another_form_each_time(config: Path) -> None:
    added(config, "ann")
    added(config, "bob")
    ann, bob = read_accounts(config.parent / "users.json")
    assert ann.password != bob.password


def test_roles_and_passwords_are_changed(config: Path) -> None:
    added(config, "ann", "Operator")
    assert called("user", "role", "ann", "--role", "Engineer", "--config", config).exit_code == 0
    said = called(
        "user", "password", "ann", "--password-stdin", "--config", config, input="another one 2\n"
    )
    assert said.exit_code == 0
    (account,) = read_accounts(config.parent / "users.json")
    assert account.roles == Role.Engineer
    assert matches("another one 2", account.password)


@pytest.mark.parametrize(
    ("arguments", "given", "code", "words"),
    [
        (("add", "ann", "--password-stdin"), "short\n", 2, "8 to 256 characters"),
        (("add", "ann", "--password-stdin"), "aaaaaaaaaa\n", 2, "different characters"),
        (("add", "ann", "--password-stdin"), "", 2, "8 to 256 characters"),
        (("add", "bob", "--password-stdin"), "of the test 1\n", 3, "not used yet"),
        (("add", "BOB", "--password-stdin"), "of the test 1\n", 3, "not used yet"),
        (("add", "ann", "--role", "Admin"), "", 2, "is not one of"),
        (("remove", "ann"), "", 3, "a user that"),
        (("role", "ann"), "", 3, "a user that"),
        (("password", "ann", "--password-stdin"), "of the test 1\n", 3, "a user that"),
    ],
)
def test_what_can_not_be_is_refused_in_words(
    config: Path, arguments: tuple[str, ...], given: str, code: int, words: str
) -> None:
    added(config, "bob", "Operator")
    before = (config.parent / "users.json").read_bytes()
    said = called("user", *arguments, "--config", config, input=given)
    assert said.exit_code == code
    assert words in said.stderr
    assert (config.parent / "users.json").read_bytes() == before


def test_a_name_that_could_pass_for_another_is_refused(config: Path) -> None:
    users = config.parent / "users.json"
    users.write_text(json.dumps({"users": [{"name": "a\nb"}, {"name": "ann "}]}), "utf-8")
    with pytest.raises(ConfigError, match=r"2 problem\(s\)"):
        read_accounts(users)


def test_a_file_that_somebody_wrote_by_hand_is_checked(config: Path) -> None:
    users = config.parent / "users.json"
    kept = {"name": "ann", "password": "secret", "roles": ["Operater"]}
    users.write_text(json.dumps({"users": [kept]}), "utf-8")
    with pytest.raises(ConfigError) as told:
        read_accounts(users)
    assert {problem.path for problem in told.value.problems} == {
        "users[0].password",
        "users[0].roles",
    }


def test_a_change_that_fails_leaves_the_file_as_it_was(config: Path) -> None:
    added(config, "ann", "Operator")
    users = config.parent / "users.json"
    before = users.read_bytes()
    with pytest.raises(RuntimeError), changing(users) as accounts:
        accounts.clear()
        raise RuntimeError
    assert users.read_bytes() == before
    left = {path.name for path in users.parent.iterdir()}
    assert left == {"tracenode.toml", "users.json", ".users.json.lock"}


def test_there_is_no_user_nobody_made(config: Path) -> None:
    assert document("user", "list", "--config", config) == []
