"""Each end of the link alone: states, order, windows, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.client_link import (
    ClientLink,
    ClientState,
    PayloadReceived,
    PongReceived,
    ResetReceived,
    Welcomed,
)
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import (
    Ack,
    Data,
    Datagram,
    Frame,
    Hello,
    Ping,
    Pong,
    Reset,
    Welcome,
    decode,
    encode,
)
from flet_cluster.protocol.limits import Limits
from flet_cluster.protocol.link import (
    Acknowledged,
    DatagramReceived,
    HelloReceived,
    IllegalTransition,
    InputReceived,
    LinkState,
    PingReceived,
    ServerLink,
)

LIMITS = Limits(
    max_frame=100,
    max_unacked_frames=3,
    max_unacked_bytes=20,
    max_queue_frames=5,
    max_queue_bytes=60,
    max_tail_frames=4,
    max_tail_bytes=50,
    ack_every_frames=2,
)
HELLO = Hello(None, "instance-1", 0, 0)


def opened(hello: Hello = HELLO, **welcome: Any) -> ServerLink:
    link = ServerLink(LIMITS)
    link.receive(encode(hello))
    link.welcome("token", "node", **{"rx": 0, "resumed": False, **welcome})
    return link


def sent(link: ServerLink | ClientLink) -> list[Frame]:
    return [decode(message, Limits()) for message in link.data_to_send()]


def client(**welcome: Any) -> ClientLink:
    link = ClientLink("instance-1", limits=LIMITS)
    link.connected()
    link.data_to_send()
    link.receive(encode(a_welcome(**welcome)))
    return link


def a_welcome(**changed: Any) -> Welcome:
    fields = {
        "token": "token",
        "node": "node",
        "rx": 0,
        "resumed": False,
        "tx": 0,
        "max_frame": 100,
        "max_unacked_frames": 3,
        "max_unacked_bytes": 20,
    }
    return Welcome(**{**fields, **changed})


class TestServerLink:
    def test_hello_then_welcome_with_the_replay(self) -> None:
        link = ServerLink(LIMITS)
        hello = Hello("token", "instance-1", 4, 2)
        assert link.receive(encode(hello)) == [HelloReceived(hello)]
        link.welcome("token", "node", 3, resumed=True, replay=[(5, b"e"), (6, b"f")])
        welcome = Welcome("token", "node", 3, True, 4, 100, 3, 20)
        assert sent(link) == [welcome, Data(5, 3, b"e"), Data(6, 3, b"f")]
        assert (link.state, link.sent, link.received) == (LinkState.OPEN, 6, 3)

    def test_output_may_start_anew_at_any_number(self) -> None:
        link = opened(Hello("token", "instance-1", 4, 2), rx=2, tx=9)
        link.release([(10, b"whole page")])
        welcome, page = sent(link)
        assert isinstance(welcome, Welcome)
        assert (welcome.resumed, welcome.tx) == (False, 9)
        assert page == Data(10, 2, b"whole page")

    def test_inputs_come_once_and_in_order(self) -> None:
        link = opened(rx=5)
        assert link.receive(encode(Data(5, 0, b"old"))) == []
        assert link.receive(encode(Data(6, 0, b"a"))) == [InputReceived(6, b"a")]
        assert link.receive(encode(Data(6, 0, b"a"))) == []
        with pytest.raises(ProtocolError) as caught:
            link.receive(encode(Data(8, 0, b"c")))
        assert caught.value.code == link.close_code == CloseCode.GAP
        assert link.receive(encode(Data(7, 0, b"b"))) == []

    def test_acknowledgements_ride_on_data_or_go_alone(self) -> None:
        link = opened()
        for seq in (1, 2):
            link.receive(encode(Data(seq, 0, b"x")))
        sent(link)
        link.acknowledge(1)
        assert sent(link) == [Ack(1)]
        link.release([(1, b"out")])
        link.acknowledge(2)
        link.acknowledge(1)
        assert sent(link) == [Data(1, 2, b"out")]
        assert sent(link) == []

    def test_the_browsers_acknowledgements_are_told_once(self) -> None:
        link = opened()
        link.release([(1, b"a"), (2, b"b")])
        assert link.receive(encode(Data(1, 2, b"x"))) == [Acknowledged(2), InputReceived(1, b"x")]
        assert link.receive(encode(Ack(1))) == []
        with pytest.raises(ProtocolError):
            link.receive(encode(Ack(3)))

    def test_released_twice_is_sent_once_and_a_missing_number_is_our_bug(self) -> None:
        link = opened()
        link.release([(1, b"a")])
        link.release([(1, b"a"), (2, b"b")])
        assert [f.seq for f in sent(link) if isinstance(f, Data)] == [1, 2]
        with pytest.raises(ValueError, match="follow"):
            link.release([(4, b"d")])

    def test_ping_is_answered_once_even_before_welcome(self) -> None:
        link = ServerLink(LIMITS)
        link.receive(encode(HELLO))
        for _ in range(100):
            assert link.receive(encode(Ping())) == [PingReceived()]
        assert sent(link) == [Pong()]

    def test_datagrams_pass_and_give_way(self) -> None:
        link = opened()
        assert link.receive(encode(Datagram(b"\x01d"))) == [DatagramReceived(b"\x01d")]
        assert link.send_datagram(b"x" * 51)
        assert not link.send_datagram(b"y")
        sent(link)
        assert link.send_datagram(b"y")
        assert sent(link) == [Datagram(b"y")]
        link.close(CloseCode.MOVED)
        assert not link.send_datagram(b"z")

    @pytest.mark.parametrize(
        ("payloads", "ok"),
        [([b""] * 3, True), ([b""] * 4, False), ([b"x" * 20] * 2, False), ([b"x" * 21], True)],
    )
    def test_the_window_is_in_frames_and_bytes_with_one_frame_always_free(
        self, payloads: list[bytes], ok: bool
    ) -> None:
        link = opened()
        for seq, payload in enumerate(payloads[:-1], 1):
            link.receive(encode(Data(seq, 0, payload)))
        last = encode(Data(len(payloads), 0, payloads[-1]))
        if ok:
            assert link.receive(last)
            return
        with pytest.raises(ProtocolError) as caught:
            link.receive(last)
        assert caught.value.code == CloseCode.FLOOD

    def test_acknowledged_inputs_free_the_window(self) -> None:
        link = opened()
        for seq in range(1, 20):
            assert link.receive(encode(Data(seq, 0, b"x" * 15)))
            link.acknowledge(seq)

    @pytest.mark.parametrize(
        ("messages", "code"),
        [
            ([Ping()], CloseCode.PROTOCOL),
            ([Data(1, 0, b"")], CloseCode.PROTOCOL),
            ([HELLO, HELLO], CloseCode.PROTOCOL),
            ([HELLO, Data(1, 0, b"")], CloseCode.PROTOCOL),
            ([HELLO, Ack(0)], CloseCode.PROTOCOL),
            ([HELLO, Datagram(b"")], CloseCode.PROTOCOL),
            ([Datagram(b"x" * 100)], CloseCode.TOO_BIG),
        ],
    )
    def test_out_of_turn(self, messages: list[Frame], code: CloseCode) -> None:
        link = ServerLink(LIMITS)
        with pytest.raises(ProtocolError) as caught:  # noqa: PT012 - the last one raises
            for frame in messages:
                link.receive(encode(frame))
        assert (caught.value.code, link.close_code, link.state) == (code, code, LinkState.CLOSED)

    @pytest.mark.parametrize("frame", [a_welcome(), Reset("expired"), Pong()])
    def test_a_browser_does_not_speak_like_a_node(self, frame: Frame) -> None:
        with pytest.raises(ProtocolError, match="browser does not send"):
            opened().receive(encode(frame))

    def test_reset_is_told_and_closes(self) -> None:
        link = opened()
        link.release([(1, b"stale")])
        link.reset("expired")
        assert sent(link) == [Reset("expired")]
        assert (link.close_code, link.close_reason) == (CloseCode.EXPIRED, "expired")

    def test_the_first_close_wins_and_unsent_output_stays_with_the_outbox(self) -> None:
        link = opened()
        link.release([(1, b"a")])
        link.close(CloseCode.MOVED)
        link.close(CloseCode.DRAINING)
        assert (link.close_code, link.close_reason, link.data_to_send()) == (CloseCode.MOVED, "moved", [])

    def test_a_slow_reader_is_cut_off_but_one_big_release_is_fine(self) -> None:
        link = opened()
        sent(link)
        link.release([(1, b"x" * 500)])
        link.release([])
        with pytest.raises(ProtocolError) as caught:
            link.release([(2, b"")])
        assert caught.value.code == link.close_code == CloseCode.SLOW_READER

    def test_illegal_transitions(self) -> None:
        link = ServerLink(LIMITS)
        with pytest.raises(IllegalTransition):
            link.welcome("t", "n", 0, resumed=False)
        with pytest.raises(IllegalTransition):
            link.release([])
        with pytest.raises(IllegalTransition):
            link.acknowledge(0)
        link = opened()
        with pytest.raises(IllegalTransition):
            link.welcome("t", "n", 0, resumed=False)
        with pytest.raises(ValueError, match="received"):
            link.acknowledge(1)
        link.close(CloseCode.MOVED)
        with pytest.raises(IllegalTransition):
            link.reset("expired")
        with pytest.raises(IllegalTransition):
            link.release([])

    def test_a_welcome_that_contradicts_hello_is_our_bug(self) -> None:
        link = ServerLink(LIMITS)
        link.receive(encode(Hello("token", "instance-1", 4, 2)))
        with pytest.raises(ValueError, match="not 7"):
            link.welcome("t", "n", 2, resumed=True, tx=7)
        with pytest.raises(ValueError, match="follow"):
            link.welcome("t", "n", 2, resumed=True, replay=[(6, b"")])


class TestClientLink:
    def test_hello_says_what_it_knows(self) -> None:
        link = client()
        for _ in range(3):
            link.send(b"x")
        link.data_to_send()
        link.receive(encode(Data(1, 2, b"out")))
        link.disconnected()
        link.connected()
        assert sent(link) == [Hello("token", "instance-1", rx=1, durable=2, sent=3)]

    def test_what_is_not_committed_is_sent_again(self) -> None:
        link = client()
        for payload in (b"a", b"b", b"c"):
            link.send(payload)
        assert [f.seq for f in sent(link) if isinstance(f, Data)] == [1, 2, 3]
        link.disconnected()
        link.send(b"d")
        link.connected()
        link.data_to_send()
        assert link.receive(encode(a_welcome(rx=2, resumed=True))) == [Welcomed(True, "node")]
        assert sent(link) == [Data(3, 0, b"c"), Data(4, 0, b"d")]
        assert (link.pending, link.durable) == (2, 2)

    def test_the_window_holds_frames_and_bytes_back(self) -> None:
        link = client()
        for _ in range(4):
            link.send(b"")
        assert len(sent(link)) == 3
        link.receive(encode(Ack(1)))
        assert sent(link) == [Data(4, 0, b"")]
        link.receive(encode(Ack(4)))
        link.send(b"x" * 15)
        link.send(b"x" * 15)
        assert len(sent(link)) == 1
        link.receive(encode(Ack(5)))
        assert len(sent(link)) == 1

    def test_the_queue_is_bounded_and_the_refusal_is_loud(self) -> None:
        link = client()
        with pytest.raises(ProtocolError) as caught:
            link.send(b"x" * 92)
        assert caught.value.code == CloseCode.TOO_BIG
        for _ in range(5):
            link.send(b"x")
        with pytest.raises(ProtocolError) as caught:
            link.send(b"x")
        assert caught.value.code == CloseCode.FLOOD
        assert link.pending == 5

    def test_outputs_come_once_and_in_order(self) -> None:
        link = client(tx=7)
        assert link.receive(encode(Data(7, 0, b"old"))) == []
        assert link.receive(encode(Data(8, 0, b"a"))) == [PayloadReceived(b"a")]
        assert link.receive(encode(Data(8, 0, b"a"))) == []
        with pytest.raises(ProtocolError) as caught:
            link.receive(encode(Data(10, 0, b"c")))
        assert caught.value.code == CloseCode.GAP

    def test_acknowledges_with_data_after_some_frames_or_by_the_timer(self) -> None:
        link = client()
        link.receive(encode(Data(1, 0, b"")))
        assert link.ack_due()
        assert link.data_to_send() == []
        assert link.data_to_send(ack=True) == [encode(Ack(1))]
        assert not link.ack_due()
        link.receive(encode(Data(2, 0, b"")))
        link.send(b"x")
        assert sent(link) == [Data(1, 2, b"x")]
        for seq in (3, 4):
            link.receive(encode(Data(seq, 0, b"")))
        assert sent(link) == [Ack(4)]

    @pytest.mark.parametrize(
        ("welcome", "code"),
        [
            ({"rx": 1, "resumed": True, "tx": 1}, CloseCode.ROLLBACK),
            ({"rx": 4, "resumed": True, "tx": 1}, CloseCode.ROLLBACK),
            ({"rx": 2, "resumed": True, "tx": 0}, CloseCode.GAP),
        ],
    )
    def test_a_node_that_forgot_is_caught(self, welcome: dict[str, Any], code: CloseCode) -> None:
        link = client()
        for _ in range(3):
            link.send(b"x")
        link.data_to_send()
        link.receive(encode(Data(1, 2, b"")))
        link.disconnected()
        link.connected()
        with pytest.raises(ProtocolError) as caught:
            link.receive(encode(a_welcome(**welcome)))
        assert caught.value.code == code

    def test_a_node_may_not_acknowledge_what_was_not_sent(self) -> None:
        with pytest.raises(ProtocolError):
            client().receive(encode(Ack(1)))

    @pytest.mark.parametrize("frame", [HELLO, Ping(), a_welcome()])
    def test_a_node_does_not_speak_like_a_browser(self, frame: Frame) -> None:
        with pytest.raises(ProtocolError, match="node does not send"):
            client().receive(encode(frame))

    def test_nothing_comes_before_welcome(self) -> None:
        link = ClientLink("instance-1")
        link.connected()
        with pytest.raises(ProtocolError, match="welcome"):
            link.receive(encode(Data(1, 0, b"")))

    def test_reset_ends_it_and_drops_the_token(self) -> None:
        link = client()
        link.send(b"x")
        assert link.receive(encode(Reset("expired"))) == [ResetReceived("expired")]
        assert (link.state, link.token, link.data_to_send()) == (ClientState.ENDED, None, [])
        link.disconnected()
        with pytest.raises(IllegalTransition):
            link.connected()
        with pytest.raises(IllegalTransition):
            link.send(b"y")
        with pytest.raises(IllegalTransition):
            link.receive(encode(Pong()))

    def test_pings_and_datagrams_only_with_a_socket(self) -> None:
        link = ClientLink("instance-1")
        link.ping()
        assert not link.send_datagram(b"d")
        assert link.data_to_send() == []
        link = client()
        link.ping()
        assert link.send_datagram(b"\x01d")
        assert sent(link) == [Ping(), Datagram(b"\x01d")]
        assert link.receive(encode(Pong())) == [PongReceived()]
        assert link.receive(encode(Datagram(b"\x01e"))) == [DatagramReceived(b"\x01e")]

    def test_output_may_be_larger_than_input(self) -> None:
        page = b"x" * 1000
        assert client().receive(encode(Data(1, 0, page))) == [PayloadReceived(page)]
