#!/usr/bin/env python3
"""Make tracenode's environment where it is missing, then do what the word says.

    python run.py                  the demo line (same as: demo)
    python run.py demo [...]       the demo line; arguments go to `tracenode demo`
    python run.py test [...]       the tests; arguments go to pytest
    python run.py lint             every linter and type checker
    python run.py bench [NAME] [--quick] [--json FILE]
                                   one benchmark; without a name, their names
    python run.py WORD [...]       anything else goes to the `tracenode` command

The environment is the folder .venv beside this file (another: TRACENODE_VENV=FOLDER). It holds
exactly what locks/ says, is made with uv where that is installed and with venv and pip where not,
and is made again when the locks, the project's own metadata or the Python changed.

Exit codes: those of the command; 69 when the environment cannot be made; 130 on Ctrl-C.
"""

# Only the standard library, and only syntax of Python 3.7: an old Python must get as far as the
# sentence that says so.
from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import NoReturn

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
SETUP_FAILED = 69
INTERRUPTED = 130
LOCK_POLL = 0.2
"""Seconds between two looks at a lock that another run holds (Windows; elsewhere it is awaited)."""

LAYERS: Mapping[str, tuple[str, ...]] = {
    "runtime": ("runtime", "build"),
    "test": ("test",),
    "bench": ("bench",),
    "lint": ("lint",),
}
"""What can be installed, each with its files in locks/. The first also carries the project."""

CHECKED = ("models", "drivers", "server", "nodesets", "tests", "benchmarks", "run.py")


class SetupError(Exception):
    """The environment cannot be made; the message is one sentence that says what to do."""


def say(text: str) -> None:
    print(f"run.py: {text}", file=sys.stderr, flush=True)


class Environment:
    """A virtual environment that holds exactly what the locks say, in layers.

    Its stamp maps each installed layer to the key it was installed for. Whatever changes the
    environment empties the stamp first and fills it last, so a killed run leaves one that says so.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.stamp = folder / "tracenode-environment.json"
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.script("python")

    def script(self, name: str) -> Path:
        return self.scripts / (f"{name}.exe" if os.name == "nt" else name)

    def key(self, layer: str) -> str:
        """Return what the layer depends on, hashed: Python, places, locks, project metadata."""
        hashed = hashlib.sha256()
        place = [sys.implementation.cache_tag, sys.platform, platform.machine()]
        hashed.update(json.dumps([*place, str(self.root), str(self.folder)]).encode())
        for name in LAYERS[layer]:
            hashed.update(self.lock_file(name).read_bytes())
        if layer == "runtime":
            hashed.update(project_metadata(self.root / "pyproject.toml"))
        return hashed.hexdigest()

    def lock_file(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"

    def installed(self) -> dict[str, str]:
        """Return the installed layers and their keys; none where the last change did not end."""
        try:
            layers: dict[str, str] = json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return layers if self.python.exists() else {}

    def ensure(self, *layers: str) -> None:
        """Install what of `layers` is missing; make everything anew where something is stale.

        Raises:
            SetupError: something that this needs is missing or failed.
        """
        wanted = {layer: self.key(layer) for layer in ("runtime", *layers)}
        if wanted.items() <= self.installed().items():
            return
        with self.locked() as descriptor:
            installed = self.installed()
            if wanted.items() <= installed.items():
                return
            installer = Installer(self, descriptor)
            if "runtime" not in installed or any(
                installed.get(n, k) != k for n, k in wanted.items()
            ):
                self.remove()
                installer.create()
                installed = {}
            self.write_stamp({})
            for layer in wanted:
                if layer not in installed:
                    installer.install(layer)
            self.write_stamp({**installed, **wanted})

    def write_stamp(self, layers: dict[str, str]) -> None:
        written = self.stamp.with_suffix(".new")
        written.write_text(json.dumps(layers), "utf-8")
        written.replace(self.stamp)

    def remove(self) -> None:
        """Remove the environment, but only one that was made here."""
        for old in self.folder.parent.glob(f"{self.folder.name}.old-*"):
            shutil.rmtree(old, ignore_errors=True)
        if not self.folder.exists():
            return
        if not self.stamp.exists() and any(self.folder.iterdir()):
            raise SetupError(
                f"{self.folder} was not made by run.py: move it away, or name another folder "
                "in TRACENODE_VENV"
            )
        # Renamed first: a removal that is cut short must not leave half of it under its name.
        old = self.folder.with_name(f"{self.folder.name}.old-{os.getpid()}")
        try:
            self.folder.rename(old)
        except OSError as e:
            raise SetupError(
                f"{self.folder} is in use ({e.strerror}): end what runs from it, then try again"
            ) from e
        shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Let one run at a time change the environment; yields the lock's file descriptor."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_name(f"{self.folder.name}.lock").open("a+b") as file:
            try:
                lock(file.fileno(), wait=False)
            except OSError:
                say("waiting for another run.py that makes the environment")
                lock(file.fileno(), wait=True)
            yield file.fileno()


if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int, *, wait: bool) -> None:
        """Lock the open file until it is closed; raises OSError if taken and not to wait."""
        while True:
            try:
                os.lseek(descriptor, 0, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    raise
                time.sleep(LOCK_POLL)
            else:
                return

else:
    import fcntl

    def lock(descriptor: int, *, wait: bool) -> None:
        """Lock the open file until it is closed; raises OSError if taken and not to wait."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


class Installer:
    """uv where it is on the PATH, else venv and pip."""

    def __init__(self, environment: Environment, descriptor: int) -> None:
        self.environment = environment
        self.descriptor = descriptor
        self.uv = shutil.which("uv")
        # Inside a virtual environment, maybe the one to be replaced: the Python it came from.
        self.base = getattr(sys, "_base_executable", None) or sys.executable

    def create(self) -> None:
        environment = self.environment
        if not self.uv and not (
            importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
        ):
            raise SetupError(
                "Python's venv is missing: `apt install python3-venv` (Debian, Ubuntu), or "
                "install uv; then try again"
            )
        version = ".".join(str(part) for part in sys.version_info[:3])
        maker = "uv" if self.uv else "venv and pip"
        say(f"making {environment.folder.name} (Python {version}, {maker}); once")
        environment.folder.mkdir(exist_ok=True)
        environment.write_stamp({})
        folder = str(environment.folder)
        if self.uv:
            command = [
                self.uv,
                "venv",
                "--quiet",
                "--allow-existing",
                "--python",
                self.base,
                folder,
            ]
        else:
            command = [self.base, "-I", "-m", "venv", folder]
        self.call(command, "the virtual environment could not be made")

    def install(self, layer: str) -> None:
        environment = self.environment
        locks = [environment.lock_file(name) for name in LAYERS[layer]]
        say(f"installing the packages of {layer}")
        failed = f"the packages of {layer} could not be installed (the first time needs a network)"
        files = [f"--requirement={lock}" for lock in locks]
        self.call([*self.pip(), "--no-deps", "--require-hashes", *files], failed)
        if layer == "runtime":
            project = f"--editable={environment.root}"
            self.call(
                [*self.pip(), "--no-deps", "--no-build-isolation", project],
                "tracenode itself could not be installed",
            )

    def pip(self) -> list[str]:
        python = str(self.environment.python)
        if self.uv:
            return [self.uv, "pip", "install", "-q", "--compile-bytecode", "--python", python]
        options = ["--quiet", "--quiet", "--no-input", "--disable-pip-version-check"]
        return [python, "-I", "-m", "pip", "install", *options]

    def call(self, command: Sequence[str], failed: str) -> None:
        """Run a step of the set-up, its output to stderr: stdout belongs to the word.

        It inherits the lock: where this process is killed and the step lives on, the next run
        waits for its end rather than work in the same folder.
        """
        # Settings that would send the packages elsewhere than into the environment.
        elsewhere = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "VIRTUAL_ENV")
        variables = {name: value for name, value in os.environ.items() if name not in elsewhere}
        inherited = (self.descriptor,) if os.name == "posix" else ()
        ended = subprocess.run(
            command, stdout=sys.stderr, env=variables, pass_fds=inherited, check=False
        )
        if ended.returncode:
            raise SetupError(f"{failed}: see above (exit code {ended.returncode})")


def project_metadata(pyproject: Path) -> bytes:
    """Return those tables of the project file that an installation depends on."""
    import tomllib  # not at the top: Python 3.11

    tables = tomllib.loads(pyproject.read_text("utf-8"))
    tool = tables.get("tool", {}).get("hatch")
    return json.dumps([tables.get("build-system"), tables.get("project"), tool]).encode()


# ------------------------------------------------------------------ words
def hand_over(command: list[str]) -> NoReturn:
    """Become the command, or where there is no exec, run it and end with its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    child = subprocess.Popen(command)
    while True:
        # Ctrl-C reaches the child as well; what it means is the child's to say.
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(child.wait())


def tracenode(environment: Environment, arguments: Sequence[str]) -> NoReturn:
    environment.ensure()
    # -P: a file click.py in the current folder is not the click that is meant.
    hand_over([str(environment.python), "-P", "-m", "tracenode.server", *arguments])


def test(environment: Environment, arguments: Sequence[str]) -> NoReturn:
    environment.ensure("test")
    os.chdir(environment.root)
    hand_over([str(environment.python), "-m", "pytest", *arguments])


def bench(environment: Environment, arguments: Sequence[str]) -> int:
    folder = environment.root / "benchmarks"
    names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    if not arguments:
        print("\n".join(names))
        return 0
    if arguments[0] not in names:
        known = ", ".join(names) or "none"
        print(f"bench: no benchmark {arguments[0]!r}; there are: {known}", file=sys.stderr)
        return 2
    environment.ensure("bench")
    # The script's own folder is on the path; this adds the project, for `benchmarks` and `tests`.
    paths = [str(environment.root), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    hand_over([str(environment.python), str(folder / f"{arguments[0]}.py"), *arguments[1:]])


def checks(environment: Environment) -> dict[str, list[str]]:
    """Return the linters by name, as commands to be run in the project's folder."""
    root = environment.root
    python = str(environment.python)
    paths = [p for p in CHECKED if (root / p).is_file() or next((root / p).rglob("*.py"), None)]
    commands = {
        "mypy": [python, "-m", "mypy", *paths],
        "pyright": [python, "-m", "pyright", "--pythonpath", python, *paths],
        "ruff check": [python, "-m", "ruff", "check", *paths],
        "ruff format": [python, "-m", "ruff", "format", "--check", *paths],
        "import-linter": [str(environment.script("lint-imports"))],
    }
    build = root / "nodesets" / "build.py"
    if build.exists():
        commands["nodeset"] = [python, str(build), "--check"]
    return commands


def lint(environment: Environment, arguments: Sequence[str]) -> int:
    """Run every linter, two at a time, and print what each said; 1 if any complains."""
    if arguments:
        print(f"lint: takes no arguments, found {' '.join(arguments)}", file=sys.stderr)
        return 2
    environment.ensure("test", "bench", "lint")
    # pyright's wrapper would tell of newer versions than the locked one.
    variables = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}

    def check(command: list[str]) -> tuple[int, str, float]:
        begun = time.monotonic()
        ended = subprocess.run(
            command,
            cwd=environment.root,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return ended.returncode, ended.stdout.decode(errors="replace"), time.monotonic() - begun

    commands = checks(environment)
    failed = []
    with ThreadPoolExecutor(max_workers=2) as threads:
        for name, (code, output, seconds) in zip(commands, threads.map(check, commands.values())):
            print(f"== {name}: {'failed' if code else 'ok'} ({seconds:.1f} s)", flush=True)
            if code:
                failed.append(name)
                print(output.rstrip(), flush=True)
    print(f"lint: {'failed: ' + ', '.join(failed) if failed else 'all ok'}", flush=True)
    return 1 if failed else 0


def main(arguments: Sequence[str]) -> int:
    if sys.version_info < OLDEST:
        needed, found = (".".join(map(str, v[:2])) for v in (OLDEST, sys.version_info))
        say(f"needs Python {needed} or newer, and this is {found}")
        return SETUP_FAILED
    word, *rest = arguments or ["demo"]
    folder = Path(os.environ.get("TRACENODE_VENV") or ".venv")
    environment = Environment(ROOT, ROOT / folder)
    words = {"test": test, "lint": lint, "bench": bench}
    try:
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if word in words:
            return words[word](environment, rest)
        tracenode(environment, [word, *rest])
    except SetupError as e:
        say(str(e))
        return SETUP_FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
