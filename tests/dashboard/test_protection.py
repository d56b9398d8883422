"""Nobody sees anything of the dashboard who does not know its password."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import pytest
import redis
from tests.cluster.tools import closed_with
from tests.dashboard.conftest import PASSWORD, PATH, Operator, operator_at
from tests.fleet import SECRET, Fleet
from tests.tab import open_tab
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from flet_cluster.dashboard import tickets
from flet_cluster.dashboard.attempts import ALTOGETHER, PER_ADDRESS
from flet_cluster.dashboard.tickets import KEPT, LIFETIME, TicketCookie, Tickets
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = (
    "/",
    "/sessions/abc",
    "/index.html",
    "/main.dart.js",
    "/manifest.json",
    "/flutter_bootstrap.js",
    "/assets/FontManifest.json",
    "/flet-cluster/resume.js",
    "/upload?f=a",
    "/oauth_callback?state=a&code=b",
    "/healthz",
    "/readyz",
    "/metrics",
    "/../flet-cluster/",
    "/%2e%2e/",
    "//",
)
PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def nobody_has_tried(nodes: Fleet) -> Iterator[None]:
    yield
    with redis.Redis.from_url(nodes.redis_url) as store:
        for key in store.scan_iter("*login*"):
            store.delete(key)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_wants_a_ticket(operator: Operator, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert operator.client.request(method, f"{operator.origin}{PATH}{path}").status_code == 401
    answer = operator.get(path, **PAGE)
    assert answer.status_code == 401
    assert '<form method="post">' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_users_app_is_as_open_as_before(operator: Operator) -> None:
    assert operator.client.get(operator.origin).status_code == 200
    assert operator.client.get(f"{operator.origin}/flet-clusters").status_code == 200


def test_the_slash_is_added(operator: Operator) -> None:
    answer = operator.client.get(f"{operator.origin}{PATH}")
    assert (answer.status_code, answer.headers["location"]) == (307, "flet-cluster/")


def test_the_right_password_opens_every_page(operator: Operator) -> None:
    answer = operator.sign_in(path="/sessions/abc")
    assert (answer.status_code, answer.headers["location"]) == (303, "./abc")
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", f"Path={PATH}", "SameSite=Strict", f"Max-Age={KEPT}"):
        assert attribute in cookie
    assert "Secure" not in cookie, "this is plain HTTP"
    page = operator.get("/sessions/abc", **PAGE)
    assert f'<base href="{PATH}/">' in page.text
    assert page.headers["x-frame-options"] == "DENY"
    script = operator.get("/flutter_bootstrap.js")
    assert script.status_code == 200
    assert "public" not in script.headers["cache-control"]


def test_a_ticket_is_good_on_all_nodes_until_one_signs_out(nodes: Fleet, operator: Operator) -> None:
    operator.sign_in()
    with operator_at(nodes.nodes[1].port) as elsewhere:
        elsewhere.client.cookies = operator.client.cookies
        assert elsewhere.get(**PAGE).status_code == 200
        assert elsewhere.get("/logout", **{"Sec-Fetch-Site": "cross-site"}).status_code == 200
        assert elsewhere.get(**PAGE).status_code == 200, "a page of another site has asked"
        answer = elsewhere.get("/logout", **{"Sec-Fetch-Site": "same-origin"})
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert elsewhere.get(**PAGE).status_code == 401


@pytest.mark.parametrize("wrong", ["", "a wet kite in march", PASSWORD[:-1], PASSWORD + " ", "x" * 9000])
def test_a_wrong_password_opens_nothing(operator: Operator, wrong: str) -> None:
    answer = operator.sign_in(wrong)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert operator.get(**PAGE).status_code == 401


def test_passwords_cannot_be_tried_one_after_the_other(nodes: Fleet) -> None:
    """They are counted by all nodes together; who knows the password has to wait as well."""
    answers = []
    for number in range(PER_ADDRESS + 2):
        with operator_at(nodes.nodes[number % 2].port) as attacker:
            answers.append(attacker.sign_in(f"guess number {number}"))
    assert [answer.status_code for answer in answers] == [401] * PER_ADDRESS + [429] * 2
    assert answers[-1].headers["retry-after"] == "60"
    with operator_at(nodes.nodes[0].port) as late:
        assert late.sign_in().status_code == 429


def test_many_addresses_get_no_further(nodes: Fleet) -> None:
    addresses = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(ALTOGETHER + 1)]
    with operator_at(nodes.nodes[0].port) as attacker:  # it stands for a proxy that is believed
        codes = [attacker.sign_in("a guess", **address).status_code for address in addresses]
    assert codes == [401] * ALTOGETHER + [429]


def test_who_guesses_does_not_keep_out_who_has_been_in(
    nodes: Fleet, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda clock=time.time: clock() - LIFETIME - 5)
    cookie, other = ticket(nodes), ticket(nodes)
    monkeypatch.undo()
    with operator_at(nodes.nodes[0].port) as attacker:
        for number in range(ALTOGETHER):
            attacker.sign_in("a guess", **{"X-Forwarded-For": f"203.0.113.{number}"})
        assert attacker.sign_in().status_code == 429
        assert attacker.sign_in(Cookie=cookie[:-2] + "xx").status_code == 429
    assert operator.get(**PAGE, Cookie=cookie).status_code == 401, "it is good for nothing else"
    for _ in range(PER_ADDRESS):
        assert operator.sign_in("a guess", Cookie=cookie).status_code == 401
    assert operator.sign_in(Cookie=cookie).status_code == 429, "its own guesses are counted, too"
    assert operator.sign_in(Cookie=other).status_code == 303


def test_right_passwords_are_not_counted(nodes: Fleet) -> None:
    for _ in range(PER_ADDRESS + 1):
        with operator_at(nodes.nodes[0].port) as one:
            assert one.sign_in().status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_form_is_refused(operator: Operator, headers: dict[str, str]) -> None:
    assert operator.sign_in(**headers).status_code == 403
    assert not operator.client.cookies


def ticket(nodes: Fleet, key: str = SECRET, password: str = PASSWORD, app: str = "") -> str:
    """A cookie as a node would give it."""
    name = f"{app or nodes.app_name}.fc-dashboard"
    cookie = TicketCookie.at(f"{nodes.app_name}.fc-dashboard", PATH)
    return f"{cookie.name}={Tickets([key], name, password).new()}"


def refused(nodes: Fleet, cookie: str, origin: str | None) -> int:
    """How a websocket is answered: the status of the handshake, or the code it is closed with."""
    node = nodes.nodes[0]
    try:
        with connect(
            f"ws://127.0.0.1:{node.port}{PATH}/ws",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Cookie": cookie} if cookie else {},
            origin=Origin(origin.format(node.port)) if origin else None,
            open_timeout=20,
        ) as socket:
            socket.recv(timeout=20)
    except InvalidStatus as error:
        return error.response.status_code
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0
    return 0


OWN = "http://127.0.0.1:{}"


def test_a_websocket_wants_a_ticket_too(nodes: Fleet) -> None:
    assert refused(nodes, "", OWN) == 403
    assert refused(nodes, "fc_dashboard_00000000=abc", OWN) == 403


def test_a_websocket_of_another_page_is_refused_whatever_it_shows(nodes: Fleet) -> None:
    good = ticket(nodes)
    for origin in (None, "https://evil.example", "http://127.0.0.1:1", "null"):
        assert refused(nodes, good, origin) == 403


def test_a_ticket_that_is_not_good_is_told_so_and_no_more(
    nodes: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page, open for long, loads anew and shows the form."""
    bad = {
        "of another key": ticket(nodes, key="another key, not that of the cluster"),
        "of an earlier password": ticket(nodes, password="the former password"),
        "of another app": ticket(nodes, app="another"),
        "changed": ticket(nodes)[:-2] + "xx",
    }
    then = time.time() - LIFETIME - 1
    monkeypatch.setattr(time, "time", lambda: then)
    bad["too old"] = ticket(nodes)
    monkeypatch.undo()
    for what, cookie in bad.items():
        assert refused(nodes, cookie, OWN) == CloseCode.REFUSED, what
        with operator_at(nodes.nodes[0].port) as one:
            assert one.get(**PAGE, Cookie=cookie).status_code == 401, what


async def test_a_socket_ends_with_its_ticket(nodes: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = nodes.nodes[0]
    monkeypatch.setattr(time, "time", lambda clock=time.time: clock() - LIFETIME + 4)
    headers = {"Cookie": ticket(nodes), "Origin": f"http://127.0.0.1:{node.port}"}
    monkeypatch.undo()
    async with open_tab(
        lambda: [f"ws://127.0.0.1:{node.port}{PATH}/ws"], headers=headers, settles=False
    ) as tab:
        assert tab.client.registered
        await closed_with(tab, CloseCode.REFUSED)


def test_nothing_secret_is_in_the_log(nodes: Fleet, operator: Operator) -> None:
    operator.sign_in("not the password at all")
    operator.sign_in()
    operator.get(**PAGE)
    log = nodes.logs()
    assert "wrong password from 127.0.0.1" in log
    assert "GET /flet-cluster/" in log, "it is that of who debugs"
    secret = operator.cookie().partition("=")[2]
    for text in (PASSWORD, "not the password at all", secret, base64.b64encode(PASSWORD.encode()).decode()):
        assert text not in log


def test_tickets_have_no_clock_of_their_own() -> None:
    made = Tickets(["k" * 20], "app", PASSWORD)
    assert 0 < made.left(made.new()) <= tickets.LIFETIME
    assert made.left("") == made.left(None) == made.left("nonsense") == 0
    rotated = Tickets(["n" * 20, "k" * 20], "app", PASSWORD)
    assert rotated.left(made.new()) > 0, "an earlier key is still good"


def test_nodes_clocks_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form is answered by one node, the page it leads to by another."""
    made = Tickets(["k" * 20], "app", PASSWORD)
    for ahead, good in ((2, True), (tickets.SKEW - 2, True), (tickets.SKEW + 10, False)):
        monkeypatch.setattr(time, "time", lambda clock=time.time, ahead=ahead: clock() + ahead)
        of_a_node_ahead = made.new()
        monkeypatch.undo()
        assert (made.left(of_a_node_ahead) > 0) is good
        assert made.left(of_a_node_ahead) <= tickets.LIFETIME
