"""Nodes with a dashboard, and operators who know its password."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.cluster.tools import seconds
from tests.fleet import Fleet, fleet
from tests.servers import running
from tests.shell.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "a wet kite in March"
PATH = "/flet-cluster"
APP = str(ROOT / "tests" / "apps" / "counter.py")


@dataclass(frozen=True)
class Operator:
    """A browser that talks to one node."""

    origin: str
    client: httpx.Client

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        """Ask for something of the dashboard."""
        return self.client.get(f"{self.origin}{PATH}{path}", headers=headers)

    def sign_in(self, password: str = PASSWORD, path: str = "/", **headers: str) -> httpx.Response:
        """Send the form."""
        return self.client.post(
            f"{self.origin}{PATH}{path}",
            data={"password": password},
            headers={"Origin": self.origin, **headers},
        )

    def cookie(self) -> str:
        """What the browser has got, as it would send it."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="session")
def nodes(valkey: str) -> Iterator[Fleet]:
    """Three, for all tests here; the last one of them ends them one by one."""
    env = {
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.5),
        "FLET_CLUSTER_DASHBOARD_PASSWORD": PASSWORD,
        "FLET_CLUSTER_LOG_LEVEL": "debug",  # of which nothing may be secret
        "FLET_LOG_LEVEL": "debug",
    }
    with fleet(APP, valkey, 3, **env) as three:
        yield three


@contextlib.contextmanager
def operator_at(port: int) -> Iterator[Operator]:
    """Open a browser."""
    with httpx.Client(timeout=20) as client:
        yield Operator(f"http://127.0.0.1:{port}", client)


@pytest.fixture
def operator(nodes: Fleet) -> Iterator[Operator]:
    with operator_at(nodes.nodes[0].port) as one:
        yield one
