"""``infra/compose.yaml``: what compose itself says of it, and its services as processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from tests.infra.composed import NODES, SECRETS, Composed, compose, rendered, store_file
from tests.infra.dockerfile import ROOT
from tests.shell.running import eventually
from tests.steps import Click, Find
from tests.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Iterator

TABS = 6


def test_compose_finds_nothing_wrong() -> None:
    done = compose("config", "-q", **SECRETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_there_is_no_default_for_a_secret(name: str) -> None:
    done = compose("config", "-q", **{key: value for key, value in SECRETS.items() if key != name})
    assert done.returncode != 0
    assert "infra/secrets.sh" in done.stderr or name in done.stderr


def test_secrets_are_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "secrets.sh").write_text((ROOT / "infra" / "secrets.sh").read_text())
    file = tmp_path / ".env"
    for _ in range(2):
        subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, capture_output=True)
        text = file.read_text()
        file.write_text(f"{text}GRAFANA_PASSWORD_OLD=mine" if "OLD" not in text else text)
    made = dict(line.split("=") for line in file.read_text().splitlines())
    assert made.pop("GRAFANA_PASSWORD_OLD") == "mine"
    assert made.keys() == SECRETS.keys()
    assert all(len(value) == 48 for value in made.values())
    assert len(set(made.values())) == len(made)
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_the_balancer_is_published_and_only_here() -> None:
    services = rendered()["services"]
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert published.keys() == {"balancer"}
    assert [port["host_ip"] for port in published["balancer"]] == ["127.0.0.1"]
    assert all(
        set(services[name]["networks"]) == {"inner"} for name in ("valkey", "bucket", "prometheus", "grafana")
    )
    assert rendered()["networks"]["inner"]["internal"]


@pytest.mark.parametrize("name", sorted(rendered()["services"]))
def test_every_service_is_confined_bounded_and_looked_after(name: str) -> None:
    service = rendered()["services"][name]
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("cap_add")
    # Into a container whose root is read-only compose writes neither of these, and refuses to start it.
    assert not service.get("configs")
    assert not service.get("secrets")
    if name == "bucket-init":
        assert service["restart"] == "no"
    elif name not in NODES:  # nodes have that of the image
        assert service["healthcheck"]["test"]


def test_an_image_is_built_once() -> None:
    """Builds run at the same time, and a tag that another one has just made is an error."""
    services = rendered()["services"].values()
    built = [service["image"] for service in services if "build" in service]
    assert built == ["flet-cluster:0.1.0"]
    others = [service for service in services if service["image"] in built and "build" not in service]
    assert [service["pull_policy"] for service in others] == ["never"] * len(NODES)


def test_no_secret_is_on_a_command_line() -> None:
    services: dict[str, Any] = rendered()["services"]
    for service in services.values():
        words = [*(service.get("command") or ()), *service.get("healthcheck", {}).get("test", ())]
        assert not [word for word in words for secret in SECRETS.values() if secret in word]


def test_the_store_forgets_no_session() -> None:
    text = store_file(rendered()["services"])
    assert {"maxmemory-policy noeviction", "appendonly yes"} <= {*text.splitlines()}


def test_nothing_is_sticky() -> None:
    assert "sticky" not in (ROOT / "infra" / "traefik" / "fleet.yaml").read_text()


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    with tempfile.TemporaryDirectory(prefix="composed-") as folder:
        Path(folder).chmod(0o755)
        made = Composed(Path(folder))
        try:
            made.start_valkey()
            made.start_bucket()
            made.start_balancer()
            _init(made)
            for name in NODES:
                made.start_node(name)
            eventually(lambda: all(made.check(name) == 0 for name in NODES), "all nodes are healthy")
            visit = made.run_once("node1", "check", f"http://127.0.0.1:{made.port}/")
            assert visit.returncode == 0, visit.stdout + visit.stderr  # it leads to several nodes
            yield made
        finally:
            made.close()
            for file in Path(folder).glob("*.log"):
                print(f"--- {file.name}\n{file.read_text()[-4000:]}")


def _init(made: Composed) -> None:
    """What compose waits for: the bucket's health, the balancer's, and the bucket's being made."""
    test = made.services["bucket"]["healthcheck"]["test"][-1]
    url = made.here(test.split()[-1].replace("127.0.0.1:8333", "bucket:8333"))
    eventually(lambda: _answer(url) == 200, "the bucket's server is healthy")
    words = made.services["balancer"]["healthcheck"]["test"][1:]
    command = [*made.program("traefik"), *map(made.here, words[1:])]
    eventually(lambda: subprocess.run(command, check=False).returncode == 0, "the balancer is healthy")

    def done() -> bool:
        init = made.run_once("bucket-init")
        print(init.stdout, init.stderr)
        return init.returncode == 0

    eventually(done, "the bucket is made")


def _answer(url: str) -> int:
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.HTTPError:
        return 0


async def test_nodes_die_leave_and_come_back_under_users_hands(composed: Composed) -> None:
    url = f"ws://127.0.0.1:{composed.port}/ws"
    tabs = [Tab(lambda: [url]) for _ in range(TABS)]
    try:
        await asyncio.gather(*(tab.start() for tab in tabs))
        await _all_click(tabs, 1)
        assert len({tab.node for tab in tabs}) > 1
        killed = composed.name_of(tabs[0].node)
        composed.kill(killed)
        assert composed.check(killed) == 1
        await _all_click(tabs, 2)
        assert killed not in {composed.name_of(tab.node) for tab in tabs}
        composed.start_node(killed)
        await asyncio.to_thread(eventually, lambda: composed.check(killed) == 0, "it is back")
        left = composed.name_of(tabs[0].node)
        assert await asyncio.to_thread(composed.stop, left) == 0
        await _all_click(tabs, 3)
        assert left not in {composed.name_of(tab.node) for tab in tabs}
    finally:
        for tab in tabs:
            await tab.stop()
    assert not [tab.ended for tab in tabs if tab.ended]


async def _all_click(tabs: list[Tab], total: int) -> None:
    for tab in tabs:
        await tab.do(Click(Find(key="more")))
        assert tab.client.find(Find(key="count")).get("value") == str(total)


async def test_sessions_outlive_the_store_s_restart(composed: Composed) -> None:
    url = f"ws://127.0.0.1:{composed.port}/ws"
    tab = Tab(lambda: [url])
    try:
        await tab.start()
        await _all_click([tab], 1)
        assert await asyncio.to_thread(composed.stop, "valkey") == 0
        composed.start_valkey()
        await _all_click([tab], 2)
        assert not tab.ended
    finally:
        await tab.stop()


def test_prometheus_sees_every_node(composed: Composed) -> None:
    for name in NODES:
        if composed.check(name):
            composed.start_node(name)
    port = composed.start_prometheus()
    query = f"http://127.0.0.1:{port}/api/v1/query?query=count(flet_cluster_build_info)"

    def seen() -> bool:
        found = _json(query).get("data", {}).get("result", [])
        return bool(found) and found[0]["value"][1] == str(len(NODES))

    eventually(seen, "Prometheus has figures of all nodes")


def test_grafana_gets_what_it_is_told_to_show() -> None:
    grafana, prometheus = rendered()["services"]["grafana"], rendered()["services"]["prometheus"]
    mounts = {
        mount["target"]: Path(mount["source"]) for mount in grafana["volumes"] if mount["type"] == "bind"
    }
    sources = yaml.safe_load(
        (mounts["/etc/grafana/provisioning"] / "datasources/prometheus.yaml").read_text()
    )
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert set(grafana["networks"]) & set(prometheus["networks"])
    boards = yaml.safe_load(
        (mounts["/etc/grafana/provisioning"] / "dashboards/flet-cluster.yaml").read_text()
    )
    assert [*mounts[boards["providers"][0]["options"]["path"]].glob("*.json")]


def _json(url: str) -> Any:
    try:
        return httpx.get(url, timeout=5).json()
    except (httpx.HTTPError, json.JSONDecodeError):  # it says in plain words that it is still starting
        return {}


def test_browsers_and_nodes_reach_the_bucket_at_one_address(composed: Composed) -> None:
    origin = f"http://127.0.0.1:{composed.port}"
    done = composed.run_once("node3", "storage", "check", "--origin", origin)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
