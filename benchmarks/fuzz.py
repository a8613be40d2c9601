"""bench fuzz: changed and broken input on the binary protocol of the real server.

    python run.py bench fuzz [--quick] [--inputs N] [--seed S] [--first N] [--json FILE]

Inputs are valid messages with changes made by chance: flipped bits, lengths and counts that claim
much, cut and spliced bodies, chunks with another size, kind, sequence, channel or flag, values that
hold each other thousands deep; at hello, at the opening of a channel, before and in a session. Two
servers (`tracenode run`) are spoken to, one with the fast lane and one without, and both also over
Basic256Sha256 SignAndEncrypt. After each batch of 500 a client that was there before and a new one
ask for what they know, and the server's log is looked through. Needs Linux.

The run fails where the server leaves something without answer, answers BadInternalError, says an
exception, is not there any more, has more descriptors than after the first fifth, or goes on taking
memory: caches fill in the first part of a run, a leak does not end, so the last third of the run is
judged against the middle third (RssAnon after each batch, medians). What fails is named by its
number: `--seed S --first NUMBER --inputs 500`, with the first number of its batch, says the same
bytes again.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from benchmarks._fill import fill
from benchmarks._fuzz_lanes import ANSWER_S, Lane, Stage, with_room
from benchmarks._fuzz_requests import STATION, UNIT, probe, site
from benchmarks._mix import line_events
from benchmarks._rows import Options, Report, command_line, median, scratch
from benchmarks._served import Served, served
from benchmarks._ua_client import Keys, Refused, Wire
from benchmarks._ua_ours import trusting
from benchmarks._ua_peers import certified

INPUTS: Final = 100_000
QUICK: Final = 3_000
BATCH: Final = 500
SECURED_SHARE: Final = 0.15
SECURITY: Final = ("None", "Basic256Sha256.SignAndEncrypt")
MORE_DESCRIPTORS: Final = 8
"""Connections of the file's readers come and go."""
MORE_MIB: Final = 4.0
"""From the middle third to the last, 17,000 inputs further in a full run: 250 bytes an input, for
records that inputs which were valid after all book, and caches of them."""
SETTLE_S: Final = 20.0
_CONFIG: Final = '[[stations]]\nid = "OP10"\npath = "Plant1/Hall1/Line1"\n'


@dataclass(slots=True)
class Target:
    """A server that is spoken to, and a client that asks whether it is well."""

    name: str
    server: Served
    keys: Keys
    good: Wire
    base: int = 0
    """Descriptors after the first inputs."""
    sizes: list[float] = field(default_factory=list)
    """MiB after each batch."""

    def lanes(self) -> tuple[Lane, Lane]:
        secured = [stage for stage in Stage if stage not in (Stage.Hello,)]
        often = [Stage.Session] * 8
        return (
            Lane(f"{self.name}, unencrypted", self.server.endpoint, [*Stage, *often]),
            Lane(f"{self.name}, encrypted", self.server.endpoint, [*secured, *often], self.keys),
        )

    def measure(self) -> None:
        self.sizes.append(self.server.rss_anon_mib or 0.0)


def known(wire: Wire) -> tuple[object, ...]:
    """Ask what never changes; return the answers."""
    state = wire.ask(probe()).Results[0]
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=site(STATION), MethodId=site(f"{STATION}.CheckItem"))
    asked.InputArguments = [ua.Variant(word, ua.VariantType.String) for word in ("", UNIT)]
    request.Parameters.MethodsToCall = [asked]
    (result,) = wire.ask(request).Results
    browsed: Any = ua.ReadRequest()
    browsed.Parameters.NodesToRead = [ua.ReadValueId(site(STATION), ua.UInt32(3))]
    name = wire.ask(browsed).Results[0].Value.Value
    return state.Value.Value, result.StatusCode.value, len(result.OutputArguments), name.Name


@contextmanager
def targets(folder: Path) -> Iterator[list[Target]]:
    """Serve the same small line twice: with the fast lane, and without."""
    keys = certified(folder)
    with ExitStack() as stack:
        found = []
        for name, fast in (("fast lane", "true"), ("complete path", "false")):
            own = folder / name.replace(" ", "-")
            own.mkdir()
            trusting(own / "pki", keys)
            fill(own / "line.db", line_events(20))
            lines = f'application_uri = "urn:bench:server"\nfast_lane = {fast}'
            server = stack.enter_context(
                served(own, own / "line.db", _CONFIG, opcua=lines, security=SECURITY)
            )
            good = Wire(server.endpoint)
            stack.callback(good.socket.close)
            found.append(Target(name, server, keys, good))
        yield found


def well(report: Report, target: Target, when: str) -> None:
    """Compare what a client of before and two new ones are told with what is known."""
    expected = (0, 0, KNOWN_OUTPUTS, "OP10")
    report.agree(f"{target.name}, {when}: a client that was there", known(target.good), expected)
    for keys in (None, target.keys):
        try:
            fresh = with_room(partial(Wire, target.server.endpoint, keys))
            answers: object = known(fresh)
            fresh.close()
        except (OSError, Refused) as e:
            answers = str(e)
        report.agree(f"{target.name}, {when}: a new client", answers, expected)
    said = target.server.log.read_text(encoding="utf-8", errors="replace")
    exceptions = said.count("Traceback (most recent call last)")
    if exceptions:
        said = said[said.index("Traceback (most recent call last)") :][:3_000]
        report.note(said)
        target.server.log.write_text("", encoding="utf-8")
    report.agree(f"{target.name}, {when}: exceptions in the log", exceptions, 0)


KNOWN_OUTPUTS: Final = 4
"""Of CheckItem."""


def run(report: Report, folder: Path, *, seed: int, first: int, inputs: int) -> None:
    """Say inputs `first` to `first + inputs`."""
    with targets(folder) as both:
        half = inputs // len(both)
        for place, target in enumerate(both):
            well(report, target, "before")
            begin = first + place * half
            _said(report, target, seed, range(begin, begin + half))


def _said(report: Report, target: Target, seed: int, numbers: Sequence[int]) -> None:
    plain, secured = lanes = target.lanes()
    begun, settled = time.monotonic(), len(numbers) // 5
    report.section(f"{target.name}: {len(numbers):,} inputs, seed {seed}")
    for place, number in enumerate(numbers):
        chance = random.Random(f"{seed}:{number}")
        (secured if chance.random() < SECURED_SHARE else plain).say(chance, number)
        if place % BATCH == BATCH - 1 or place == len(numbers) - 1:
            for lane in lanes:
                lane.rest()
            well(report, target, f"after input {number}")
            target.measure()
            if place >= settled and not target.base:
                target.base = _descriptors_at_rest(target, 0)
        for lane in lanes:
            for found in lane.outcome.findings:
                report.agree(found, "a finding", "none")
            lane.outcome.findings.clear()
    seconds = time.monotonic() - begun
    descriptors = _descriptors_at_rest(target, target.base + MORE_DESCRIPTORS)
    for lane in lanes:
        seen = lane.outcome
        report.add(
            f"{lane.name}: answered, or the connection went on", seen.answered, unit="inputs"
        )
        report.add(f"{lane.name}: the connection was ended", seen.ended, unit="inputs")
    report.add(f"{target.name}: inputs a second", len(numbers) / seconds, unit="/s")
    middle, last = thirds(target.sizes)
    report.add(f"{target.name}: memory, beside that of the middle third", last, middle, unit="MiB")
    report.add(f"{target.name}: descriptors", descriptors, target.base, unit="")
    report.agree(f"{target.name}: memory goes on growing", last - middle > MORE_MIB, False)
    more = descriptors - target.base > MORE_DESCRIPTORS
    report.agree(f"{target.name}: descriptors left open", more, False)


def thirds(sizes: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the middle and of the last third of what was measured in turn, at least
    one of each; of a single one, that twice."""
    third = max(1, len(sizes) // 3)
    return median(sizes[-2 * third : -third] or sizes), median(sizes[-third:])


def _descriptors_at_rest(target: Target, most: int) -> int:
    """Return how many descriptors the server has when the connections that were left are gone."""
    ends = time.monotonic() + (SETTLE_S if most else ANSWER_S / 10)
    while time.monotonic() < ends and not 0 < target.server.descriptors <= most:
        time.sleep(0.1)
        target.good.ask(probe())
    return target.server.descriptors


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--inputs", type=int, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first")
    given = parser.parse_args(argv)
    options = Options(given.quick, given.json, given.dir)
    report = Report(options, "fuzz")
    inputs = given.inputs or (QUICK if given.quick else INPUTS)
    with scratch(options) as folder:
        run(report, folder, seed=given.seed, first=given.first, inputs=inputs)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
