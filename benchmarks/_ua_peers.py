"""The servers of the benchmark, each a process of its own, equally certified and commanded."""

from __future__ import annotations

import ipaddress
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from benchmarks._ua_client import Keys

__all__ = ["NAMES", "OURS", "Peer", "certified", "commands", "cpu_of", "peers"]

ROOT: Final = Path(__file__).resolve().parent.parent
START_S: Final = 90.0
STOP_S: Final = 10.0
WORK_S: Final = 120.0
OURS: Final = "ours"
NAMES: Final = {
    "slow": "ours without the fast lane",
    "asyncua": "asyncua",
    "node": "node-opcua",
    "o6": "open62541 served from Python (o6)",
}
"""The peers as rows call them."""


@dataclass(slots=True)
class Peer:
    """A running server."""

    key: str
    endpoint: str
    process: subprocess.Popen[bytes]
    said: queue.SimpleQueue[str]

    def cpu(self) -> float:
        """Return the processor time that the server has used, in microseconds."""
        return cpu_of(self.process.pid)

    def tell(self, *words: object) -> None:
        """Give a command; see _ua_space."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()

    def done(self, word: str) -> None:
        """Wait until the server has done what it was told.

        Raises:
            RuntimeError: it says something else, or nothing in time.
        """
        try:
            said = self.said.get(timeout=WORK_S)
        except queue.Empty as e:
            raise RuntimeError(f"{self.key}: expected `done {word}`, found nothing") from e
        if said != f"done {word}":
            raise RuntimeError(f"{self.key}: expected `done {word}`, found {said!r}")


def cpu_of(pid: int) -> float:
    """Return the processor time of all threads of a process, in microseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has ended
    return total / 1000


def commands(folder: Path, keys: Keys) -> dict[str, list[str] | str]:
    """Return how each server is started; a text instead says why it can't be."""
    files = [str(folder / "server.der"), str(folder / "server.pem")]
    found: dict[str, list[str] | str] = {
        key: [sys.executable, "-P", "-m", f"benchmarks._ua_{key}", *files]
        for key in (OURS, "asyncua", "o6")
    }
    found["slow"] = [*found[OURS], "slow"]
    if find_spec("o6") is None:
        found["o6"] = "the package o6 is not installed"
    modules = ROOT / "tests" / "node" / "node_modules"
    node = shutil.which("node")
    script = ROOT / "benchmarks" / "_ua_node.js"
    if node is None or not (modules / "node-opcua").exists():
        found["node"] = "no node, or no packages of tests/node (a test installs them)"
    else:
        pem = str(folder / "server-certificate.pem")
        found["node"] = [node, str(script), pem, files[1], str(folder / "node-pki")]
    return found


@contextmanager
def peers(folder: Path, keys: Keys, wanted: Sequence[str]) -> Iterator[dict[str, Peer]]:
    """Start servers and end them; those that are not on this machine are left out.

    Raises:
        RuntimeError: one did not start; with what it said.
    """
    with ExitStack() as stack:
        started = {
            key: stack.enter_context(_process(key, command, folder))
            for key, command in commands(folder, keys).items()
            if key in wanted and not isinstance(command, str)
        }
        yield {key: _serving(key, process, folder) for key, process in started.items()}


@contextmanager
def _process(key: str, command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "NODE_PATH": str(ROOT / "tests" / "node" / "node_modules"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with (folder / f"{key}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _serving(key: str, process: subprocess.Popen[bytes], folder: Path) -> Peer:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.decode(errors="replace").strip()
            if text.startswith(("serving ", "done ")):  # node-opcua warns there too
                said.put(text)
        said.put("ended")

    threading.Thread(target=listen, daemon=True).start()
    ends = time.monotonic() + START_S
    line = ""
    while not line.startswith("serving ") and line != "ended" and time.monotonic() < ends:
        try:
            line = said.get(timeout=1.0)
        except queue.Empty:
            continue
    if not line.startswith("serving "):
        text = (folder / f"{key}.log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{key} did not start: {line}\n{text[-2000:]}")
    return Peer(key, line.removeprefix("serving "), process, said)


# ------------------------------------------------------------------ certificates
def certified(folder: Path) -> Keys:
    """Make certificates for the servers and the client, in `folder`."""
    for name in ("server", "client"):
        _certificate(folder, name)
    return Keys(folder / "client.der", folder / "client.pem", folder / "server.der")


def _certificate(folder: Path, name: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"bench {name}")])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    alternatives = [
        x509.UniformResourceIdentifier(f"urn:bench:{name}"),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.der").write_bytes(made.public_bytes(serialization.Encoding.DER))
    (folder / f"{name}-certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{name}.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
