"""Runs what the chart renders without Kubernetes: a pod is a process with its command, variables and mounts.

:class:`Pod` does what a kubelet does for one: it asks the rendered probes, in their rhythm, and ends the
process as a pod is ended, with preStop, SIGTERM and the grace period. :class:`Service` is haproxy, which
sends new connections to the pods that are ready. Where the tests run as root on Linux, the rendered security
context holds as well: another user who may change nothing, a read-only root. Limits and networks are not
there.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.haproxy import DEFAULTS, ask, haproxy
from tests.helm.charts import one
from tests.shell.running import LONG, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS = 8
PROPAGATION = 0.3
"""Seconds until a balancer knows that a pod leaves; preStop has to be longer."""
_CONFIG = f"""\
global
    stats socket {{stats}} mode 600 level admin

{DEFAULTS}
frontend web
    bind 127.0.0.1:{{port}}
    default_backend pods

backend pods
    balance roundrobin
{{servers}}
"""


def environment(
    container: dict[str, Any], objects: list[dict[str, Any]], mounts: dict[str, Path]
) -> dict[str, str]:
    """Return the variables that a container gets, and nothing else; folders are where its mounts are."""
    secrets = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "Secret"}
    found = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for entry in container["env"]:
        if "value" in entry:
            found[entry["name"]] = inside(entry["value"], mounts)
        else:
            ref = entry["valueFrom"]["secretKeyRef"]
            found[entry["name"]] = base64.b64decode(secrets[ref["name"]][ref["key"]]).decode()
    return found


def confinement(pod: dict[str, Any], container: dict[str, Any], mounts: dict[str, Path]) -> list[str]:
    """Return the command in front of one that makes it run as the rendered security contexts say."""
    user, own = pod["securityContext"], container["securityContext"]
    assert own["readOnlyRootFilesystem"]
    assert not own["allowPrivilegeEscalation"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    writable = [f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(path))}" for path in mounts.values()]
    script = " && ".join([*writable, "mount -o remount,ro,bind /", 'exec "$@"'])
    ids = [f"--reuid={user['runAsUser']}", f"--regid={user['runAsGroup']}", "--clear-groups"]
    # But for reading: what is installed here may be in a folder of root's.
    powers = [f"--{kind}=-all,+dac_read_search" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
    namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    return [*namespace, "setpriv", "--no-new-privs", *ids, *powers]


@functools.cache
def can_confine() -> bool:
    """Whether this machine lets tests do that, and another user can run what is installed here."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
        return False
    users = {"securityContext": {"runAsUser": 10001, "runAsGroup": 10001}}
    drop = {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}
    before = confinement(users, {"securityContext": {**drop, "readOnlyRootFilesystem": True}}, {})
    words = [*before, sys.executable, "-c", "import flet_cluster"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def inside(value: str, mounts: dict[str, Path]) -> str:
    """Return a path as it is in the container; other values as they are."""
    for path, folder in mounts.items():
        if value == path or value.startswith(f"{path}/"):
            return f"{folder}{value.removeprefix(path)}"
    return value


class Service:
    """Where users connect: to any pod that is ready."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self._stats = folder / "stats"
        self._slots: dict[int, str] = {}
        self._lock = threading.Lock()
        self.fewest = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Service]:
        """Run haproxy."""
        servers = "\n".join(f"    server pod{i} 127.0.0.1:1 disabled" for i in range(SLOTS))
        config = _CONFIG.format(stats=self._stats, port=self.port, servers=servers)
        with haproxy(self.folder, config, self._stats.exists):
            yield self

    def add(self, port: int) -> None:
        """A pod is ready."""
        with self._lock:
            if port in self._slots:
                return
            name = next(f"pod{i}" for i in range(SLOTS) if f"pod{i}" not in self._slots.values())
            self._slots[port] = name
            self._ask(f"set server pods/{name} addr 127.0.0.1 port {port}")
            self._ask(f"set server pods/{name} state ready")

    def remove(self, port: int) -> None:
        """A pod is not; what it has goes on."""
        with self._lock:
            name = self._slots.pop(port, None)
            if name is not None:
                self._ask(f"set server pods/{name} state maint")
                self.fewest = min(self.fewest, len(self._slots))

    def watch(self) -> None:
        """From now on remember how few pods there were."""
        self.fewest = len(self._slots)

    def _ask(self, command: str) -> None:
        ask(self._stats, command)


class Pod:
    """One pod of a rendered Deployment.

    Attributes:
        ready: whether it is in the Service.
        failures: what its probes found wrong.
        killed: whether the grace period was not enough.
    """

    def __init__(self, objects: list[dict[str, Any]], service: Service, folder: Path) -> None:
        self._spec = one(objects, "Deployment")["spec"]["template"]["spec"]
        self._container = self._spec["containers"][0]
        self._service = service
        self.ports = {port["name"]: port["containerPort"] for port in self._container["ports"]}
        self.log = folder / "log.txt"
        self.ready = False
        self.failures: list[str] = []
        self.killed = False
        self._leaving = threading.Event()
        self.process = self._start(objects, folder)
        self._kubelet = threading.Thread(target=self._probe_all, daemon=True)
        self._kubelet.start()

    def _start(self, objects: list[dict[str, Any]], folder: Path) -> subprocess.Popen[bytes]:
        mounts = {mount["mountPath"]: folder / mount["name"] for mount in self._container["volumeMounts"]}
        for path in (*mounts.values(), folder / "root"):
            path.mkdir()
            path.chmod(0o777)
        (folder / "root").chmod(0o555)
        words = [*self._container["command"], *self._container.get("args", [])]
        variables = environment(self._container, objects, mounts)
        program = shutil.which(words[0], path=variables["PATH"])
        assert program is not None
        before = confinement(self._spec, self._container, mounts) if can_confine() else []
        variables["TMPDIR"] = str(mounts["/tmp"])
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [*before, program, *words[1:]],
                cwd=folder / "root",
                env=variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def port(self) -> int:
        """The app's."""
        return int(self.ports["http"])

    # -- probes -----------------------------------------------------------------------------------

    def _probe_all(self) -> None:
        """In the thread: wait for the start, then look whether it is ready and lives."""
        startup = self._container["startupProbe"]
        deadline = time.monotonic() + startup["periodSeconds"] * startup["failureThreshold"]
        while not self._succeeds(startup) and not self._leaving.wait(0.2):
            if time.monotonic() > deadline:
                self.failures.append("startup")
                return
        probes = {kind: self._container[f"{kind}Probe"] for kind in ("readiness", "liveness")}
        due, failed = dict.fromkeys(probes, 0.0), dict.fromkeys(probes, 0)
        while not self._leaving.wait(0.1):
            for kind, probe in probes.items():
                if time.monotonic() >= due[kind]:
                    due[kind] = time.monotonic() + probe["periodSeconds"]
                    failed[kind] = 0 if self._succeeds(probe) else failed[kind] + 1
                    self._conclude(kind, failed[kind], probe["failureThreshold"])

    def _conclude(self, kind: str, failed: int, threshold: int) -> None:
        if failed >= threshold:
            self.failures.append(kind)
        if kind == "readiness" and failed == 0 and not self._leaving.is_set():
            self._service.add(self.port)
            self.ready = True
        elif kind == "readiness" and failed >= threshold:
            self._service.remove(self.port)
            self.ready = False

    def _succeeds(self, probe: dict[str, Any]) -> bool:
        ask = probe["httpGet"]
        url = f"{ask['scheme'].lower()}://127.0.0.1:{self.ports[ask['port']]}{ask['path']}"
        with contextlib.suppress(httpx.HTTPError):
            return 200 <= httpx.get(url, timeout=probe["timeoutSeconds"]).status_code < 400
        return False

    def wait_ready(self) -> None:
        """Wait until it is in the Service."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.ready

        eventually(ready, f"the pod is ready: {self.log.read_text()}")

    def freeze(self) -> None:
        """Let it hang."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    # -- the end ----------------------------------------------------------------------------------

    def delete(self) -> int:
        """End it as Kubernetes does; returns the exit status."""
        self._leaving.set()
        self._kubelet.join(LONG)
        grace = float(self._spec["terminationGracePeriodSeconds"])
        pause = float(self._container["lifecycle"]["preStop"]["sleep"]["seconds"])
        assert PROPAGATION < pause < grace
        time.sleep(PROPAGATION)
        self._service.remove(self.port)
        time.sleep(pause - PROPAGATION)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace - pause)
        except subprocess.TimeoutExpired:
            self.killed = True
            self.process.kill()
            return self.process.wait(10)

    def stop(self) -> None:
        """End it without further ado."""
        self._leaving.set()
        self.process.kill()
        self.process.wait(10)
        self._kubelet.join(LONG)
