"""What pages show works: configurations load, commands run, links lead somewhere."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.commands.plant import called
from tests.docs.pages import PAGES, anchors, blocks, links, page
from tests.support.project import ROOT
from tracenode.server.configuration import load

CONFIGURATIONS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in PAGES
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8"), "toml"))
    if "[site]" in block
]
SLOW = ("demo", "run", "test", "lint", "bench")
"""Words of run.py that other tests run."""


@pytest.mark.parametrize("block", CONFIGURATIONS)
def test_a_configuration_in_a_page_is_whole(block: str, tmp_path: Path) -> None:
    file = tmp_path / "tracenode.toml"
    file.write_text(block, encoding="utf-8")
    assert load(file).config.site.id


def test_there_are_configurations_in_the_pages() -> None:
    assert len(CONFIGURATIONS) >= 4


def test_the_commands_of_the_read_me_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    ran = []
    for block in blocks(page("README.md"), "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:2] == ["python", "run.py"] and len(words) > 2 and words[2] not in SLOW:
                if "DATABASE" in words:
                    continue
                said = called(*words[2:])
                assert said.exit_code == 0, f"{line}: {said.output}"
                ran.append(words[2])
    assert ran == ["init", "check", "pki", "import-master", "status"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda p: p.name)
def test_the_examples_load(path: Path) -> None:
    assert load(path).drivers
