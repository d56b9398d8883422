"""Three pods as the chart renders them, an update under users' hands, and the pod of ``helm test``."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.bench.rolling import User
from tests.helm.charts import KEY, one, rendered
from tests.helm.pods import Pod, Service, can_confine, environment, inside
from tests.servers import command, running
from tests.shell.running import LONG, eventually, free_port

from flet_cluster.embedded import find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = 12
APP = "tests/bench/app.py"
NEXT_KEY = "another key for tests of thirty two chars"
KEYS = f"secretKey.value={KEY},secretKey.fallbacks[0]={NEXT_KEY}"
KEYS_SWITCHED = f"secretKey.value={NEXT_KEY},secretKey.fallbacks[0]={KEY}"


class Release:
    """What a Deployment's controller does, with processes.

    Every pod has a port of its own, since they share an address.
    """

    def __init__(self, redis_url: str, service: Service, folder: Path, *values: str) -> None:
        self._values = values
        self._redis_url = redis_url
        self._folder = folder
        self.service = service
        self.pods: list[Pod] = []
        self.left: list[tuple[Pod, int]] = []
        self.objects = self._render(free_port(), free_port(), *values)

    def _render(self, port: int, management: int, *values: str) -> list[dict[str, Any]]:
        target = str((self._folder / "app.py").resolve())
        fast = "drain.preStopSeconds=1,drain.timeoutSeconds=20,probes.readinessPeriodSeconds=1"
        place = f"app.target={target},host=127.0.0.1,port={port},managementPort={management}"
        more = f"redis.url={self._redis_url},settings.cache_dir=/dev/null/none"
        return rendered("--set", f"{place},{fast},{more}", *values)

    def add(self, *values: str) -> Pod:
        """Start a pod."""
        self.objects = self._render(free_port(), free_port(), *(values or self._values))
        folder = self._folder / f"pod{len(self.pods) + len(self.left)}"
        folder.mkdir()
        pod = Pod(self.objects, self.service, folder)
        self.pods.append(pod)
        return pod

    def update(self, *values: str) -> None:
        """Replace every pod, in the rendered strategy's way."""
        strategy = one(self.objects, "Deployment")["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        for pod in list(self.pods):
            self.add(*values).wait_ready()
            self.left.append((pod, pod.delete()))
            self.pods.remove(pod)

    def stop(self) -> None:
        """End all pods."""
        for pod in self.pods:
            pod.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Pods are of another user, who does not get into pytest's folders."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def release(folder: Path) -> Iterator[Release]:
    shutil.copy(APP, folder / "app.py")
    with running("valkey") as url, Service(folder).running() as service:
        made = Release(url, service, folder, "--set", "replicaCount=3", "--set", KEYS)
        try:
            for pod in [made.add() for _ in range(3)]:
                pod.wait_ready()
            yield made
        finally:
            made.stop()


async def test_a_rolling_update_with_another_key_costs_users_nothing(release: Release) -> None:
    service = release.service
    users = [User(lambda: [f"ws://127.0.0.1:{service.port}/ws"], 0.3) for _ in range(USERS)]  # type: ignore[arg-type]
    await asyncio.gather(*(user.tab.start() for user in users))
    over = asyncio.Event()
    clicking = [asyncio.create_task(user.run(over)) for user in users]
    clicking.append(asyncio.create_task(cut_now_and_then(users, over)))
    service.watch()
    await asyncio.to_thread(release.update, "--set", "replicaCount=3,image.tag=2", "--set", KEYS_SWITCHED)
    over.set()
    await asyncio.gather(*clicking)
    assert sum(user.clicks for user in users) > 3 * USERS
    assert [user.reset for user in users if user.reset] == []
    for user in users:
        await user.tab.settle()
        assert f"{user.clicks}" in user.tab.client.texts()
        assert user.tab.resumes >= 1
    assert len({node for user in users for node in user.tab.nodes}) == 6
    assert [status for _, status in release.left] == [0, 0, 0]
    assert not any(pod.killed or pod.failures for pod in (*release.pods, *(pod for pod, _ in release.left)))
    assert service.fewest >= 3, "an update takes away no pod before another one is ready"
    assert sum(sessions(pod) for pod in release.pods) >= USERS
    await asyncio.gather(*(user.tab.stop() for user in users))
    await asyncio.to_thread(run_helm_test, release)
    see_them_confined(release)
    await asyncio.to_thread(see_one_stop_and_go_on, release)


async def cut_now_and_then(users: list[User], over: asyncio.Event) -> None:
    """Networks fail as well: users come back to any pod, so old ones meet sessions that new ones sealed."""
    while not over.is_set():
        await asyncio.sleep(0.2)
        await random.choice(users).tab.cut()


def sessions(pod: Pod) -> float:
    """What autoscaling by sessions goes by, as Prometheus gets it."""
    scraped = httpx.get(f"http://127.0.0.1:{pod.ports['management']}/metrics").text
    lines = [line for line in scraped.splitlines() if line.startswith("flet_cluster_sessions{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def run_helm_test(release: Release) -> None:
    """The pod of ``helm test``: its own command and variables, and the Service's name resolved."""
    spec = one(release.objects, "Pod", "shop-flet-cluster-test")["spec"]["containers"][0]
    words = [
        word.replace("shop-flet-cluster:80", f"127.0.0.1:{release.service.port}") for word in spec["command"]
    ]
    assert words != spec["command"]
    variables = environment(spec, release.objects, {"/tmp": release.service.folder})
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=LONG * 2, check=False)
    assert done.returncode == 0, done.stderr
    assert "A session was opened on node" in done.stdout
    first, second = (line.split(" on node ")[1][:8] for line in done.stdout.splitlines())
    assert first != second


def see_them_confined(release: Release) -> None:
    """What the security context says is so, where the machine allows it."""
    for pod in release.pods if can_confine() else []:
        lines = Path(f"/proc/{pod.process.pid}/status").read_text().splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert status["Uid"] == status["Gid"] == ["10001"] * 4
        assert status["CapEff"] == status["CapBnd"] == ["0000000000000004"]  # to read; see confinement
        assert status["NoNewPrivs"] == ["1"]
        mounts = Path(f"/proc/{pod.process.pid}/mountinfo").read_text().splitlines()
        root = next(line.split() for line in mounts if line.split()[4] == "/")
        assert "ro" in root[5].split(",")


def see_one_stop_and_go_on(release: Release) -> None:
    """The rendered probes notice a pod that hangs, and that it is well again."""
    pod = release.pods[0]
    pod.freeze()
    eventually(lambda: not pod.ready, "a pod that does not answer gets nobody new")
    pod.go_on()
    eventually(lambda: pod.ready, "it is well again")


def test_the_trials_valkey_starts_as_rendered(tmp_path: Path) -> None:
    """The rendered command with a real Valkey; the password is needed, and is the one in the app's URL."""
    objects = rendered("--set", "valkey.enabled=true,valkey.password=for tests/only")
    spec = one(objects, "Deployment", "shop-flet-cluster-valkey")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    (mount,) = container["volumeMounts"]
    mounts = {mount["mountPath"]: tmp_path}
    variables = environment(container, objects, mounts)
    port = free_port()
    words = [inside(word, mounts) for word in container["command"]]
    words = [str(port) if word == "6379" else word for word in words]
    words = [word.replace("$(VALKEY_PASSWORD)", variables["VALKEY_PASSWORD"]) for word in words]
    app = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    url = environment(app, objects, {})["FLET_CLUSTER_REDIS_URL"]
    assert url == "redis://:for%20tests%2Fonly@shop-flet-cluster-valkey:6379/0"
    process = subprocess.Popen([find_binary(), *words[1:]], cwd=tmp_path, env=variables)
    try:
        eventually(lambda: answers(port), "valkey starts")
        assert command(port, "AUTH", "for tests/only") == b"+OK\r\n"
        with pytest.raises(AssertionError, match="NOAUTH"):
            command(port, "PING")
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        return bool(command(port, "AUTH", "for tests/only"))
    except (OSError, AssertionError):
        return False
