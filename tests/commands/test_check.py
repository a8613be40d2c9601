"""check: every fault at once, then the read plan; no device is touched. run: what ends it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NoReturn

import pytest

from tests.commands.plant import EXAMPLES, called, document, error_of
from tracenode.models.errors import JournalDown
from tracenode.server import app


def configured(folder: Path, text: str) -> Path:
    file = folder / "tracenode.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_fine_and_shows_what_devices_are_asked() -> None:
    said = called("check", EXAMPLES / "tracenode.toml")
    assert said.exit_code == 0
    assert "fine; 1 station(s), 2 device(s)" in said.stdout
    assert "every 500 ms 1 request(s) for 2 register(s)" in said.stdout
    assert "area A hr:0-134 read, area B hr:200-268 written" in said.stdout
    plan = document("check", EXAMPLES / "tracenode.toml")
    assert plan["ok"] is True
    assert list(plan["read_plan"]) == ["PLC_OP10"]


def test_a_mailbox_over_opcua_is_in_the_plan(tmp_path: Path) -> None:
    text = """
[site]
id = "a"

[[stations]]
id = "OP10"
path = "Hall1"

[[devices]]
id = "PLC"
driver = "opcua"
link = "opc.tcp://192.0.2.10"
security = "None"
station = "OP10"
mailbox = { station_number = 10, area_a = "ns=2;s=A", area_b = "ns=2;s=B" }
"""
    (plan,) = document("check", configured(tmp_path, text))["read_plan"].values()
    assert plan[-1] == "mailbox: ns=2;s=A read every 50 ms, answers in ns=2;s=B"


FAULTY = """
[site]
id = "plant 1"
colour = "red"

[opcua]
endpoint = "http://here"

[[stations]]
id = "OP10"
path = "Hall1"

[[devices]]
id = "Reader"
driver = "scaner"
link = "tcp://192.0.2.1:2001"
station = "OP1"

[[devices]]
id = "PLC"
driver = "modbus"
link = "tcp://192.0.2.2"
station = "OP10"
mailbox = { station_number = 0, base_b = 100 }
points = { A = { at = "40001" }, B = { at = "hr:1", type = "int15", scael = 2 } }

[[devices]]
id = "plc"
driver = "rfid"
profile = "none"
link = "serial:"
pattern = "("
"""


def test_every_fault_is_told_at_once_those_of_drivers_too(tmp_path: Path) -> None:
    said = called("check", configured(tmp_path, FAULTY), "--json")
    assert said.exit_code == 3
    told = {problem["path"]: problem["expected"] for problem in error_of(said)["problems"]}
    assert set(told) == {
        "site.id",
        "site.colour",
        "opcua.endpoint",
        "devices[0].driver",
        "devices[0].station",
        "devices[1].mailbox.station_number",
        "devices[1].points.A.at",
        "devices[1].points.B.type",
        "devices[1].points.B.scael",
        "devices[2].id",
        "devices[2].profile",
        "devices[2].link",
        "devices[2].pattern",
    }
    assert "hr:0" in told["devices[1].points.A.at"]
    in_words = called("check", tmp_path / "tracenode.toml")
    assert in_words.exit_code == 3
    assert "did you mean 'scanner'?" in in_words.stderr
    assert "did you mean 'OP10'?" in in_words.stderr


@pytest.mark.parametrize("text", ["[site", "\ufeff[site]\nid = 'a'\n", "a = 1e999999\n", "\0"])
def test_what_is_no_configuration_is_3(tmp_path: Path, text: str) -> None:
    assert called("check", configured(tmp_path, text)).exit_code == 3


def test_no_file_is_3_and_names_it(tmp_path: Path) -> None:
    said = called("check", tmp_path / "none.toml")
    assert said.exit_code == 3
    assert "none.toml" in said.stderr


@pytest.mark.parametrize(
    ("line", "path", "words"),
    [
        ('anonymous_roles = ["Operater"]', "opcua.anonymous_roles", "roles of Observer, Operator"),
        ('permissions = { bookin = ["Operator"] }', "opcua.permissions", "did you mean 'booking'"),
        ('permissions = { booking = ["Admin"] }', "opcua.permissions", "roles of Observer"),
    ],
)
def test_roles_and_permissions_that_there_are_not_are_refused(
    tmp_path: Path, line: str, path: str, words: str
) -> None:
    said = called("check", configured(tmp_path, f'[site]\nid = "a"\n[opcua]\n{line}\n'))
    assert said.exit_code == 3
    assert path in said.stderr
    assert words in said.stderr


def test_a_device_that_is_switched_off_is_checked_and_not_counted(tmp_path: Path) -> None:
    text = (
        '[site]\nid = "a"\n[[devices]]\nid = "R"\ndriver = "scanner"\n'
        'link = "tcp://h:1"\nenabled = false\n'
    )
    assert "0 device(s)" in called("check", configured(tmp_path, text)).stdout
    assert called("check", configured(tmp_path, text + "prefix = 1\n")).exit_code == 3


def test_run_refuses_a_wrong_configuration_before_anything_is_made(tmp_path: Path) -> None:
    assert called("run", configured(tmp_path, FAULTY)).exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["tracenode.toml"]


def test_a_journal_that_stays_down_ends_run_with_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(*_: object) -> NoReturn:
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [JournalDown("the disk is full")])])

    monkeypatch.setattr(app, "run", serve)
    said = called("run", configured(tmp_path, '[site]\nid = "a"\n'))
    assert (said.exit_code, said.stderr) == (4, "tracenode: the disk is full\n")


def test_read_plan_is_json_data(tmp_path: Path) -> None:
    plain = configured(tmp_path, '[site]\nid = "a"\n')
    assert json.loads(called("check", plain, "--json").stdout) == {
        "config": str(plain),
        "ok": True,
        "read_plan": {},
    }


def test_a_model_that_is_missing_is_told_beside_every_other_fault(tmp_path: Path) -> None:
    text = """
[site]
id = "plant 1"

[opcua]
companions = ["AutoID"]
nodesets = ["own.xml"]
"""
    error = error_of(called("check", configured(tmp_path, text), "--json"))
    assert [problem["path"] for problem in error["problems"]] == [
        "site.id",
        "opcua.nodesets[0]",
        "opcua.companions[0]",
    ]


def probed(folder: Path, *ports: int) -> Path:
    tables = [
        f'[[devices]]\nid = "R{n}"\ndriver = "scanner"\nlink = "tcp://127.0.0.1:{port}"\n'
        for n, port in enumerate(ports)
    ]
    return configured(folder, '[site]\nid = "a"\n' + "".join(tables))


def test_probe_says_which_device_is_not_well_and_is_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        well = called("check", probed(tmp_path, port), "--probe")
        assert (well.exit_code, well.stdout.splitlines()[-1]) == (0, "all devices are well")
        said = called("check", probed(tmp_path, port, 1), "--probe")
        assert said.exit_code == 1
        assert "nothing listens there" in said.stdout
        assert said.stdout.endswith("not well: R1\n")
        told = json.loads(called("check", probed(tmp_path, port, 1), "--probe", "--json").stdout)
        assert [(one["device"], one["well"]) for one in told["probe"]] == [
            ("R0", True),
            ("R1", False),
        ]


def test_without_probe_no_device_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        there.settimeout(0.2)
        assert called("check", probed(tmp_path, there.getsockname()[1])).exit_code == 0
        with pytest.raises(TimeoutError):
            there.accept()
