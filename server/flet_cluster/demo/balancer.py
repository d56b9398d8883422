"""The demo's load balancer: traefik as an operator would set it up (layer 5).

Round robin without stickiness, health checks on ``/readyz``, and what a dead node does not answer goes to
another. Traefik reads JSON as well, since its files are YAML.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flet_cluster.demo.child import Child, answer
from flet_cluster.embedded import free_port
from flet_cluster.errors import StartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_START_SECONDS = 20.0
_OK = 200
_CHECK = {"path": "/readyz", "interval": "1s", "timeout": "1s"}
_RETRY = {"attempts": 4, "initialInterval": "20ms"}


class Balancer:
    """Sends new connections to the nodes.

    Args:
        binary: traefik.
        folder: where its files go; it must exist.
        port: where browsers come to; 0: a free one.
    """

    def __init__(self, binary: str, folder: Path, port: int = 0) -> None:
        self._binary = binary
        self._folder = folder
        self.port = port or free_port()
        self._ping = free_port()
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """The app's address."""
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Start it without a node.

        Raises:
            StartFailed: it cannot; the port may be in use.
        """
        (self._folder / "dynamic").mkdir()
        static = self._folder / "traefik.yaml"
        static.write_text(json.dumps(self._static()))
        self.lead_to([])
        command = [self._binary, f"--configFile={static}"]
        self.child = await Child.start("load balancer", command, self._folder)
        try:
            await self.child.until(self._answers, _START_SECONDS)
        except StartFailed as error:
            raise StartFailed(f"No load balancer on port {self.port}: {error}") from None

    def lead_to(self, ports: Sequence[int]) -> None:
        """From now on send new connections to these ports of loopback; what is open goes on."""
        new = self._folder / "new"
        new.write_text(json.dumps(_dynamic(ports)))
        new.replace(self._folder / "dynamic" / "nodes.yaml")

    async def until_it_leads_somewhere(self) -> None:
        """Wait until a node answers through it. Raises StartFailed: none does."""
        assert self.child is not None

        async def leads() -> bool:
            return (await answer(self.port, "/healthz"))[0] == _OK

        await self.child.until(leads, _START_SECONDS)

    async def stop(self) -> None:
        """End it."""
        if self.child is not None:
            await self.child.stop(1)

    async def _answers(self) -> bool:
        return (await answer(self._ping, "/ping"))[0] == _OK

    def _static(self) -> dict[str, Any]:
        quiet = {"checkNewVersion": False, "sendAnonymousUsage": False}
        patient = {"respondingTimeouts": {"readTimeout": "600s"}}  # an upload may take a while
        return {
            "global": quiet,
            "log": {"level": "ERROR"},
            "entryPoints": {
                "web": {"address": f"127.0.0.1:{self.port}", "transport": patient},
                "ping": {"address": f"127.0.0.1:{self._ping}"},
            },
            "ping": {"entryPoint": "ping"},
            "providers": {
                "providersThrottleDuration": "50ms",
                "file": {"directory": str(self._folder / "dynamic"), "watch": True},
            },
        }


def _dynamic(ports: Sequence[int]) -> dict[str, Any]:
    servers = [{"url": f"http://127.0.0.1:{port}"} for port in ports]
    pool = {"servers": servers, "healthCheck": _CHECK, "serversTransport": "quick"}
    way = {"rule": "PathPrefix(`/`)", "entryPoints": ["web"], "service": "nodes", "middlewares": ["another"]}
    return {
        "http": {
            "routers": {"app": way},
            "middlewares": {"another": {"retry": _RETRY}},
            "services": {"nodes": {"loadBalancer": pool}},
            "serversTransports": {"quick": {"forwardingTimeouts": {"dialTimeout": "1s"}}},
        }
    }
