"""Runs ``locust -f loadtest`` as an operator does, and reads what it reports."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.shell.running import ROOT, SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60 * SLOWNESS
LOCUST = Path(sys.executable).with_name("locust")


@dataclass(frozen=True)
class Run:
    """What a run said."""

    code: int
    log: str
    rows: dict[tuple[str, str], dict[str, Any]]

    def count(self, kind: str, name: str) -> int:
        """How often something was reported, gone well or not."""
        return int(self.rows.get((kind, name), {}).get("num_requests", 0))

    @property
    def users(self) -> set[str]:
        """Which users took part."""
        return set(json.loads(re.findall(r"All users spawned: (\{.*?\})", self.log)[-1]))

    @property
    def kinds(self) -> set[str]:
        """What was spoken."""
        return {kind for kind, name in self.rows if name == "open page"}


@dataclass
class Running:
    """A run that goes on."""

    process: subprocess.Popen[str]

    def done(self) -> Run:
        """Wait until it has ended."""
        try:
            out, log = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, log = self.process.communicate()
            pytest.fail(f"the run did not end:\n{log}\n{out}")
        # Workers write an empty list each before the master writes all.
        rows = json.loads(out[out.rindex("\n[") + 1 if "\n[" in out else 0 :] or "[]")
        return Run(self.process.returncode, log, {(row["method"], row["name"]): row for row in rows})


def start(host: str, *words: str, files: str = "loadtest", seconds: float = 3) -> Running:
    """Begin a run of four users without a web page."""
    options = ["--headless", "-u", "4", "-r", "4", "-t", f"{seconds:g}s", "--json"]
    options += ["--settle", "5", "--pause", "0.2"]
    command = [str(LOCUST), "-f", files, "--host", host, *options, *words]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return Running(subprocess.Popen(command, cwd=ROOT, **pipes))


def run(host: str, *words: str, **more: Any) -> Run:
    """Run to the end."""
    return start(host, *words, **more).done()


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    """A CSV file of Locust's, by name."""
    with path.open() as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


@contextlib.contextmanager
def module(*words: str) -> Iterator[str]:
    """Run a module of the tests that prints its port; yields the address."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
