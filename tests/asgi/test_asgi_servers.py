"""The same app under every ASGI server; a session goes from one to the next as if they were one."""

from __future__ import annotations

import secrets
from contextlib import ExitStack

import pytest
from tests.asgi.servers import COMMANDS, cluster, serving, sockets
from tests.steps import Click
from tests.tab import open_tab

KINDS = ["uvicorn", "hypercorn", "daphne", "gunicorn", "flet-cluster"]
APPS: dict[str, tuple[str, dict[str, str]]] = {
    "own": ("own:app", {}),
    "unmodified": ("flet_cluster.asgi:app", {"FLET_CLUSTER_APP": "plain.py"}),
    "exporting": ("flet_cluster.asgi:app", {"FLET_CLUSTER_APP": "exporting.py:app"}),
}


def test_every_server_of_the_documentation_is_there() -> None:
    assert set(KINDS) == set(COMMANDS)


@pytest.mark.parametrize("app", APPS)
async def test_a_session_moves_through_all_of_them(valkey: str, app: str) -> None:
    place, env = APPS[app]
    name = f"asgi-{secrets.token_hex(3)}"
    with ExitStack() as stack:
        servers = []
        for kind in KINDS:
            target = {"own": "own.py:app", "unmodified": "plain.py", "exporting": "exporting.py"}[app]
            what = target if kind == "flet-cluster" else place
            servers.append(stack.enter_context(serving(kind, what, {**env, **cluster(valkey, name)})))
        async with open_tab(lambda: sockets(servers)[:1]) as tab:
            for number, server in enumerate(servers, 1):
                await tab.do(Click("plus"))
                assert f"Count: {number}" in tab.client.texts()
                server.kill()
            assert tab.resumes == len(KINDS) - 1
            assert len(set(tab.nodes)) == len(KINDS)
