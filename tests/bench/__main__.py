"""Measure what a sweep costs, beside others, over the same account in the same run.

    python -m tests.bench --custodian .venv/custodian --write docs/performance.md

Calls are exact. Times are those of this machine and this run, and only their ratios mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import peers
from tests.bench.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.peers import Contender

__all__ = ["Figures", "main"]

MEBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of one tool came to.

    Attributes:
        calls: requests by action, those that were throttled too.
        seconds, cpu: wall time, and that of the process and its children on a core.
        asking: from the first request to the end of the last, as the account saw it.
        peak: resident memory at most, in MiB.
        right: whether it named, or rotated, just those who are due; None: that was not asked.
    """

    name: str
    calls: Mapping[str, int]
    throttled: int
    seconds: float
    asking: float
    cpu: float
    peak: float
    right: bool | None = None

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())


@dataclass
class Bench:
    """The stand-in of one account, and a folder for what the tools write."""

    url: str
    folder: Path
    told: list[Figures] = field(default_factory=list)

    def control(self, **asked: float) -> dict[str, Any]:
        """Forget what was asked, and set the limits; how it stands now."""
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        request = urllib.request.Request(f"{self.url}/_?{query}", method="POST")
        with urllib.request.urlopen(request) as answer:
            return dict(json.load(answer))

    def state(self) -> dict[str, Any]:
        """What it was asked since."""
        with urllib.request.urlopen(f"{self.url}/_") as answer:
            return dict(json.load(answer))

    def measure(self, contender: Contender, label: str = "", **limits: float) -> Figures:
        """One run, from its start to its end."""
        due = set(self.control(**limits)["due"])
        out = self.folder / "stdout"
        began = time.monotonic()
        with out.open("w") as stdout, (self.folder / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                contender.command, stdout=stdout, stderr=stderr, env=self.environment()
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        state = self.state()
        found = set(contender.found(out.read_text(encoding="utf-8")))
        rotated = set(state["rotated"])
        figures = Figures(
            label or contender.name,
            state["calls"],
            state["throttled"],
            seconds,
            state["span"],
            _cpu(used),
            used.ru_maxrss / MEBIBYTE,
            found == due and rotated == (due if contender.rotates else set()),
        )
        _say(f"{figures.name}: {figures.total} calls, {seconds:.1f} s")
        self.told.append(figures)
        return figures

    def environment(self) -> dict[str, str]:
        """What every tool is started with."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIABENCHBENCHBENCH0",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def bench(users: int, due: int, latency: float) -> Iterator[Bench]:
    """A new account, and a folder that is gone at the end."""
    command = [sys.executable, "-m", "tests.bench.stand_in", "--users", str(users)]
    command += ["--due", str(due), "--latency", str(latency)]
    with (
        tempfile.TemporaryDirectory(prefix="rotator-bench-") as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            yield Bench(server.stdout.readline().strip(), Path(folder))
        finally:
            server.kill()


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and write the page; 1 where somebody of ours did not come out right."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--due", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.03, help="seconds a call")
    parser.add_argument("--custodian", type=Path, help="the environment that it is installed in")
    parser.add_argument("--no-loop", action="store_true", help="leave out the plain boto3 loop")
    parser.add_argument("--write", type=Path, help="the page that is written")
    parser.add_argument("--rotator", type=Path, help="the command, where it is not that of here")
    asked = parser.parse_args(arguments)
    if asked.rotator:
        peers.ROTATOR[:] = [str(asked.rotator)]
    idle = _idle(asked)
    due = _due(asked)
    limited = _limited(asked)
    begun = _enforced(asked)
    small = _small()
    text = page(
        tables={
            "Nobody is due": idle,
            "Some are due": due,
            "At 20 calls a second": limited,
            "They are rotated": begun,
        },
        small=small,
        settings={"users": asked.users, "due": asked.due, "latency": asked.latency},
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}",
    )
    sys.stdout.write(text)
    if asked.write:
        asked.write.write_text(text, encoding="utf-8")
    ours = [one for one in (*idle, *due, *limited, *begun) if one.name.startswith("rotator")]
    return 0 if all(one.right for one in ours) else 1


def _idle(asked: argparse.Namespace) -> list[Figures]:
    with bench(asked.users, 0, asked.latency) as here:
        here.control(latency=0, no_report=1)
        here.measure(
            peers.rotator_run(here.folder, "observe"), "(first listing)", latency=0, no_report=1
        )
        here.told.clear()
        here.measure(peers.rotator_run(here.folder, "observe"), "rotator run, idle sweep")
        told = here.told
    with bench(1, 0, asked.latency) as alone:
        alone.measure(peers.rotator_run(alone.folder, "observe"), "rotator run, of one user")
        return [*told, *alone.told]


def _due(asked: argparse.Namespace) -> list[Figures]:
    with bench(asked.users, asked.due, asked.latency) as here:
        here.measure(peers.rotator_run(here.folder, "observe"), latency=0, no_report=1)
        here.told.clear()
        here.measure(peers.floor())
        here.measure(peers.rotator_plan(here.folder))
        here.measure(peers.rotator_run(here.folder, "observe"))
        if asked.custodian:
            for report in (False, True):
                here.measure(peers.custodian(asked.custodian, here.folder, report=report))
        if not asked.no_loop:
            here.measure(peers.plain_loop())
        return here.told


def _limited(asked: argparse.Namespace) -> list[Figures]:
    with bench(asked.users, asked.due, asked.latency) as here:
        here.measure(peers.rotator_run(here.folder, "observe"), latency=0, no_report=1)
        here.told.clear()
        here.measure(peers.floor(), "floor client, no pace of its own", rate=20)
        plan = peers.rotator_plan(here.folder, rate=20)
        here.measure(plan, "rotator plan", rate=20)
        here.measure(plan, "rotator plan, others take 10", rate=20, others=10)
        return here.told


def _enforced(asked: argparse.Namespace) -> list[Figures]:
    with bench(asked.users, asked.due, asked.latency) as here:
        here.measure(peers.rotator_run(here.folder, "observe"), latency=0, no_report=1)
        here.told.clear()
        here.measure(peers.rotator_run(here.folder, "enforce"))
        return here.told


def _small() -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of commands that have to be there at once; medians of nine."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"Version": 1, "AccessKeyId": "AKIABENCH", "SecretAccessKey": "bench"}, file)
        file.flush()
        commands = {"rotator --help": ["--help"], "rotator credentials": ["credentials", file.name]}
        timed = {
            name: [_timed([*peers.ROTATOR, *arguments]) for _ in range(9)]
            for name, arguments in commands.items()
        }
    return {
        name: (statistics.median(t[0] for t in times), statistics.median(t[1] for t in times))
        for name, times in timed.items()
    }


def _timed(command: Sequence[str]) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, _cpu(after) - _cpu(before)


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
