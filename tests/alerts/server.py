"""A real Prometheus that scrapes nodes of tests and evaluates the rules."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from tests.shell.running import SLOWNESS, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 20 * SLOWNESS
EVERY = "1s"
CONFIG = {
    "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), EVERY),
    "rule_files": ["rules.yml"],
    "scrape_configs": [
        {
            "job_name": "flet-cluster",
            "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": EVERY}],
        }
    ],
}


def binary(name: str) -> str:
    """Return the path of ``prometheus`` or ``promtool``."""
    path = shutil.which(name)
    assert path is not None, f"install {name}: apt install prometheus"
    return path


@dataclass
class Prometheus:
    """The process, and what it is asked."""

    folder: Path
    port: int = field(default_factory=free_port)
    began: float = field(default_factory=time.time)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def watch(self, *ports: int) -> None:
        """Scrape these, from the next look at the file on."""
        targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
        part = self.folder / "targets.part"
        part.write_text(json.dumps(targets))
        part.rename(self.folder / "targets.json")

    def ask(self, what: str, **words: str | float) -> Any:
        """Ask its API."""
        answer = self.client.get(f"http://127.0.0.1:{self.port}/api/v1/{what}", params=words)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def series(self, expression: str) -> list[Any]:
        """Return all series of an expression that have had a number, from the beginning until now."""
        found = self.ask("query_range", query=expression, start=self.began, end=time.time(), step=1.0)[
            "result"
        ]
        return [one for one in found if any(value != "NaN" for _, value in one["values"])]

    def fired(self) -> dict[str, list[dict[str, str]]]:
        """Return which alerts have fired so far: name → labels of each."""
        found: dict[str, list[dict[str, str]]] = {}
        for one in self.series('ALERTS{alertstate="firing"}'):
            found.setdefault(one["metric"]["alertname"], []).append(one["metric"])
        return found


@contextlib.contextmanager
def watching(rules: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run one with these rules; :meth:`Prometheus.watch` says what it scrapes."""
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        folder = Path(name)
        (folder / "rules.yml").write_text(yaml.safe_dump(dict(rules)))
        (folder / "config.yml").write_text(yaml.safe_dump(CONFIG))
        server = Prometheus(folder)
        server.watch()
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    binary("prometheus"),
                    f"--config.file={folder}/config.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{server.port}",
                    "--log.level=warn",
                ],
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(server, process, log)
            yield server
        finally:
            server.client.close()
            process.terminate()
            process.wait(20)


def _wait(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{server.port}/-/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
