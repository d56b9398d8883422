"""Runs what ``infra/compose.yaml`` renders without a container engine: a container is a process.

Each process gets the rendered command and variables and no others; programs come from wheels in place of
images. Names and ports are replaced by addresses of loopback of each service's own, nothing else. Where the
tests run as root on Linux, nodes are confined as the file says: no rights, a read-only root.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.helm.pods import can_confine, confinement
from tests.infra.dockerfile import ROOT, instructions, words_of
from tests.shell.running import free_port

from flet_cluster.embedded import find_binary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = ROOT / "infra" / "compose.yaml"
DOCKER = ROOT / "infra" / "docker"
SECRETS = {
    "FLET_SECRET_KEY": "a-secret-key-for-tests-of-thirty-two-chars",
    "VALKEY_PASSWORD": "a-password-for-tests",
    "S3_ACCESS_KEY": "a-key-for-tests",
    "S3_SECRET_KEY": "a-secret-key-for-tests-only",
    "GRAFANA_PASSWORD": "another-password-for-tests",
}
NODES = ("node1", "node2", "node3")
_COMPOSE = Path(sysconfig.get_path("purelib")) / "compose" / "docker-compose"  # its wrapper hides the status
_SCRIPTS = Path(sysconfig.get_path("scripts"))


def compose(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run compose's own parser on the file, with these variables and no others."""
    command = [str(_COMPOSE), "--env-file", "/dev/null", "-f", str(FILE), *words]
    return subprocess.run(
        command, env={"HOME": "/nonexistent", **env}, capture_output=True, text=True, check=False
    )


def rendered(**env: str) -> dict[str, Any]:
    """Return the file as compose understands it."""
    done = compose("config", "--format", "json", **{**SECRETS, **env})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.replace("$$", "$"))
    return found


@dataclass
class Composed:
    """The services of the file as processes.

    Attributes:
        folder: for what they write.
        port: the one that is published.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = rendered(PORT=str(self.port))
        self.services: dict[str, Any] = self.config["services"]
        image = dict(instructions(DOCKER / "Dockerfile"))
        self.image_env = dict(re.findall(r"(FLET_CLUSTER_\w+)=(\S+)", image["ENV"]))
        self.health = words_of(image["HEALTHCHECK"])
        app, management = free_port(), free_port()
        self.app_port, self.management_port = app, management
        hosts = {name: f"127.0.9.{number}" for number, name in enumerate(NODES, 1)}
        self.hosts = hosts
        self._valkey, self._bucket = free_port(), free_port()
        self._changes = {
            **{f"{name}:8000": f"{host}:{app}" for name, host in hosts.items()},
            "valkey:6379": f"127.0.0.1:{self._valkey}",
            "bucket:8333": f"127.0.0.1:{self._bucket}",
            "s3.localhost": "localhost",
            "port: 9700": f"port: {management}",
            ":8082": f"127.0.0.1:{free_port()}",
            "/etc/traefik/dynamic": str(folder_of(self.folder, "traefik")),
        }

    def here(self, text: str) -> str:
        """Return a text with the addresses that things have here."""
        for there, where in self._changes.items():
            text = text.replace(there, where)
        return text

    def program(self, name: str) -> list[str]:
        """Return the command that is a wheel's, in place of an image's."""
        return [str(_SCRIPTS / name)]

    # -- parts ------------------------------------------------------------------------------------

    def start_valkey(self) -> None:
        """Start the store with the rendered command, variables and file."""
        text = store_file(self.services)
        assert "dir /data\n" in text
        home = folder_of(self.folder, "valkey")
        text = text.replace("dir /data", f"dir {home}").replace("bind * -::*", "bind 127.0.0.1")
        (home / "valkey.conf").write_text(f"{text}\nport {self._valkey}\n")
        service = self.services["valkey"]
        *shell, script = service["command"]
        script = script.replace("/etc/valkey", str(home)).replace("valkey-server", find_binary())
        self._start("valkey", [*shell, script], service["environment"])

    def start_bucket(self) -> None:
        """Start the S3 server with the rendered command."""
        service, home = self.services["bucket"], folder_of(self.folder, "bucket")
        words = [
            word.replace("/data", str(home))
            .replace("=bucket", "=127.0.0.1")
            .replace("=0.0.0.0", "=127.0.0.1")
            for word in service["command"]
        ]
        ports = [f"-{name}.port={free_port_with_twin()}" for name in ("master", "volume", "filer")]
        more = [
            f"-s3.port={self._bucket}",
            f"-s3.port.grpc={free_port()}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]
        self._start("bucket", [*self.program("weed"), *words, *ports, *more], service["environment"])

    def start_balancer(self) -> None:
        """Start traefik with the rendered command and the file that it is given."""
        (mount,) = self.services["balancer"]["volumes"]
        (file,) = Path(mount["source"]).iterdir()
        text = self.here(file.read_text())
        assert yaml.safe_load(text)
        (folder_of(self.folder, "traefik") / file.name).write_text(text)
        self._start("balancer", [*self.program("traefik"), *self.balancer_words()], {})

    def start_prometheus(self) -> int:
        """Start Prometheus with the rendered command, and the file that it is given but asking more often.

        Returns:
            Its port.
        """
        (source,) = [m["source"] for m in self.services["prometheus"]["volumes"] if m["type"] == "bind"]
        home, port = folder_of(self.folder, "prometheus"), free_port()
        for file in Path(source).iterdir():
            (home / file.name).write_text(file.read_text())
        text = (Path(source) / "prometheus.yml").read_text().replace("interval: 15s", "interval: 1s")
        for name, host in self.hosts.items():
            text = text.replace(f"{name}:9700", f"{host}:{self.management_port}")
        (home / "prometheus.yml").write_text(text.replace("127.0.0.1:9090", f"127.0.0.1:{port}"))
        words = [
            word.replace("/etc/prometheus", str(home)).replace("=/prometheus", f"={home}/data")
            for word in self.services["prometheus"]["command"]
        ]
        program = shutil.which("prometheus")
        assert program is not None, "install prometheus: apt install prometheus"
        self._start("prometheus", [program, *words, f"--web.listen-address=127.0.0.1:{port}"], {})
        return port

    def balancer_words(self) -> list[str]:
        """The balancer's command."""
        words = [self.here(word) for word in self.services["balancer"]["command"]]
        return [word.replace("address=:", "address=127.0.0.1:") for word in words]

    def start_node(self, name: str) -> None:
        """Start a node with the rendered command and variables and those of the image."""
        self._start(name, *self._of_image(name), confined=True)

    def run_once(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a service's command, or another one with its variables, until it ends."""
        command, env = self._of_image(name)
        whole = [*command[:2], "-m", "flet_cluster.cli", *words] if words else command
        return subprocess.run(
            whole, env=env, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )

    def check(self, name: str) -> int:
        """Run the image's health check for a node; returns its exit status."""
        _, env = self._of_image(name)
        script = (DOCKER / "healthcheck.py").read_text().replace('"127.0.0.1"', f'"{self.hosts[name]}"')
        words = [sys.executable, *self.health[1:-1], "-c", script]
        return subprocess.run(words, env=env, check=False, capture_output=True).returncode

    def _of_image(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Return the command and the variables of a service of our image."""
        service = self.services[name]
        program, *words = service["command"]
        assert program == "flet-cluster"
        (self.folder / name).mkdir(exist_ok=True)
        mounts = {volume["target"]: volume["source"] for volume in service.get("volumes", ())}
        words = [f"{mounts['/app']}/{word}" if word == "main.py" else word for word in words]
        own = {
            "FLET_CLUSTER_CACHE_DIR": "/dev/null/none",
            "FLET_CLUSTER_HOST": self.hosts.get(name, ""),
            "FLET_CLUSTER_PORT": str(self.app_port),
            "FLET_CLUSTER_MANAGEMENT_HOST": self.hosts.get(name, ""),
            "FLET_CLUSTER_MANAGEMENT_PORT": str(self.management_port),
        }
        env = {key: self.here(value) for key, value in service["environment"].items()}
        path = {"PATH": f"{_SCRIPTS}:/usr/bin:/bin"}
        command = [sys.executable, "-P", "-m", "flet_cluster.cli", *words]
        return command, {**path, **self.image_env, **own, **env}

    # -- processes --------------------------------------------------------------------------------

    def _start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, confined: bool = False
    ) -> None:
        home = folder_of(self.folder, name)
        variables = {**env, "TMPDIR": str(home)}
        before = confined_as(self.services[name], home) if confined and can_confine() else []
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*before, *command],
                cwd=home,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Where a service's output is."""
        return self.folder / f"{name}.log"

    def name_of(self, node_id: str) -> str:
        """Return the name of the service that a node is."""
        return next(name for name in NODES if f"node id {node_id}" in self.log(name).read_text())

    def kill(self, name: str) -> None:
        """End a service as ``compose kill`` does."""
        self.processes[name].kill()
        self.processes[name].wait(10)

    def stop(self, name: str) -> int:
        """End a service as ``compose stop`` does; returns its exit status."""
        process, patience = self.processes[name], self.services[name]["stop_grace_period"]
        process.send_signal(signal.SIGTERM)
        return process.wait(float(patience.removesuffix("s")))

    def close(self) -> None:
        """End all."""
        for process in self.processes.values():
            process.kill()
            process.wait(10)


def confined_as(service: Mapping[str, Any], home: Path) -> list[str]:
    """Return the command in front of one that confines it as a rendered service is."""
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    user, _, group = dict(instructions(DOCKER / "Dockerfile"))["USER"].partition(":")
    drop = {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}
    pod = {"securityContext": {"runAsUser": user, "runAsGroup": group}}
    own = {"securityContext": {**drop, "readOnlyRootFilesystem": True}}
    return confinement(pod, own, {"/tmp": home})


def store_file(services: Mapping[str, Any]) -> str:
    """Return the text of the file that the store is given."""
    (source,) = [mount["source"] for mount in services["valkey"]["volumes"] if mount["type"] == "bind"]
    return (Path(source) / "valkey.conf").read_text()


def folder_of(folder: Path, name: str) -> Path:
    """Make a folder that any user may write into."""
    made = folder / name
    made.mkdir(exist_ok=True)
    made.chmod(0o777)
    return made


def free_port_with_twin() -> int:
    """Find a port whose twin for gRPC, 10000 higher, is one too."""
    while (port := free_port()) + 10000 > 65535:
        pass
    return port
