"""What becomes of an answer when the node that takes it cannot finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from tests.node.desk import desk

from flet_cluster.errors import InboxFull, StoreUnavailable
from flet_cluster.host.sign_in import SignIn
from flet_cluster.http.oauth import callback
from flet_cluster.node.tokens import binding_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from tests.node.desk import Desk

STATE = "a-state"


def visit(method: str = "GET") -> Request:
    scope = {
        "type": "http",
        "method": method,
        "path": "/oauth_callback",
        "query_string": f"state={STATE}&code=a-code".encode(),
        "headers": [(b"host", b"app.test"), (b"cookie", b"flet_cluster_x=mine")],
    }
    return Request(scope)


async def answered(work: Desk) -> Response:
    return await callback(visit(), [work.node])


async def test_an_answer_that_could_not_be_delivered_may_be_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk() as work:
        await work.node.sign_ins.keep(work.seat.id, binding_of("mine"), SignIn(STATE))
        post, posted = work.node.mail.post, []
        troubles: list[Exception] = [StoreUnavailable("away"), InboxFull("full")]

        async def in_the_end(session_id: str, kind: str, body: dict[str, Any], key: str) -> None:
            if troubles:
                raise troubles.pop()
            posted.append((session_id, body["code"], key))
            await post(session_id, kind, body, key)

        monkeypatch.setattr(work.node.mail, "post", in_the_end)
        assert [(await answered(work)).status_code for _ in range(4)] == [503, 503, 200, 400]
        assert posted == [(work.seat.id, "a-code", f"oauth:{STATE}")]


async def test_a_node_that_dies_before_it_has_delivered_uses_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Died(BaseException):
        """As if there was no more of it."""

    async def dies(*_args: Any, **_options: Any) -> None:
        raise Died

    async with desk() as work:
        await work.node.sign_ins.keep(work.seat.id, binding_of("mine"), SignIn(STATE))
        with monkeypatch.context() as patch:
            patch.setattr(work.node.mail, "post", dies)
            with pytest.raises(Died):
                await answered(work)
        with monkeypatch.context() as patch:
            patch.setattr(work.node.sign_ins, "close", dies)  # delivered, and not yet used up
            with pytest.raises(Died):
                await answered(work)
        assert [(await answered(work)).status_code for _ in range(2)] == [200, 400]
        assert len(await work.store.inbox(work.seat.id)) <= 1
