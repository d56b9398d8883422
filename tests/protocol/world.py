"""A tiny cluster for the link's state machine test: one record, one node at a time, sockets that misbehave.

The node here is the least that keeps the rules: it starts inputs, appends output, commits both at once and
only then releases and acknowledges. The app's state is a list of items. Every run of a handler makes new
items (their text holds a number that never repeats), so output of a run that a crash undid can be told from
that of the run that counts.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol import ClientLink, ClientState, CloseCode, Limits, LinkState, Outbox, ServerLink
from flet_cluster.protocol.client_link import PayloadReceived, Welcomed
from flet_cluster.protocol.instance import is_earlier
from flet_cluster.protocol.link import Acknowledged, HelloReceived, InputReceived

if TYPE_CHECKING:
    from flet_cluster.protocol.frames import Hello

LIMITS = Limits(
    max_unacked_frames=4,
    max_queue_frames=30,
    max_tail_frames=5,
    max_tail_bytes=400,
    ack_every_frames=3,
)
REGISTER = b"REGISTER"


@dataclass(frozen=True)
class Record:
    """What a commit writes."""

    instance: str = ""
    rx: int = 0
    tail: bytes = b""
    items: tuple[str, ...] = ()
    handled: tuple[tuple[str, bytes], ...] = ()

    @property
    def tx(self) -> int:
        return Outbox.load(self.tail).tx


@dataclass
class Socket:
    """Two one-way channels. ``link`` is None when the node's end is dead."""

    link: ServerLink | None
    up: deque[str | bytes] = field(default_factory=deque)
    down: deque[str | bytes] = field(default_factory=deque)

    def flush(self) -> None:
        """Put what the node wants to send on the wire."""
        if self.link is not None:
            self.down.extend(self.link.data_to_send())


class Node:
    """Holds the session: live state ahead of the record by what is not committed."""

    def __init__(self, world: World) -> None:
        record = world.record
        self.world = world
        self.instance = record.instance
        self.rx = record.rx
        self.items = list(record.items)
        self.handled = list(record.handled)
        self.outbox = Outbox.load(record.tail, LIMITS)
        self.socket: Socket | None = None
        self.inbox: deque[tuple[int, bytes]] = deque()
        self.unreleased: list[tuple[int, bytes]] = []

    def accept(self, socket: Socket, hello: Hello) -> None:
        link = socket.link
        assert link is not None
        if is_earlier(hello.instance, self.instance):
            link.close(CloseCode.REPLACED)
            return
        if self.socket is not None and self.socket.link is not None:
            self.socket.link.close(CloseCode.SUPERSEDED)
        self.socket = socket
        self.inbox.clear()  # the browser sends what is not committed again
        if hello.instance != self.instance:
            self.start_afresh(hello.instance)
            link.welcome("token", "node", 0, resumed=False)
            return
        if self.world.record.rx < hello.durable or self.world.record.tx < hello.rx:
            link.reset("rollback")
            return
        replay = self.outbox.replay(hello.rx, self.world.record.tx)
        if replay is not None:
            link.welcome("token", "node", self.world.record.rx, resumed=True, replay=replay)
            return
        self.outbox.restart()
        self.unreleased.clear()
        link.welcome("token", "node", self.world.record.rx, resumed=False, tx=self.outbox.tx)
        self.output(b"PAGE" + json.dumps(self.items).encode())  # leaves with the next commit, if there is one

    def start_afresh(self, instance: str) -> None:
        self.instance, self.rx, self.outbox = instance, 0, Outbox(LIMITS)
        self.unreleased.clear()
        self.write()

    def on_input(self, seq: int, payload: bytes) -> None:
        if seq > self.rx:  # started, but not committed when the link was welcomed
            self.inbox.append((seq, payload))

    def work(self) -> None:
        seq, payload = self.inbox.popleft()
        assert seq == self.rx + 1
        self.rx = seq
        self.handled.append((self.instance, payload))
        if payload == REGISTER:
            self.output(b"PAGE" + json.dumps(self.items).encode())
            return
        for _ in range(payload[-1] % 3):
            self.add_item(payload.decode())

    def add_item(self, cause: str) -> None:
        self.items.append(f"{cause} #{next(self.world.numbers)}")
        self.output(self.items[-1].encode())

    def output(self, payload: bytes) -> None:
        self.unreleased.append((self.outbox.append(payload), payload))

    def write(self) -> None:
        self.world.write(
            Record(self.instance, self.rx, self.outbox.dump(), tuple(self.items), tuple(self.handled))
        )

    def commit(self) -> None:
        self.write()
        frames, self.unreleased = self.unreleased, []
        link = self.socket.link if self.socket else None
        if link is None or link.state is not LinkState.OPEN:
            return
        try:
            link.release(frames)
            link.acknowledge(min(self.rx, link.received))
        except ProtocolError as error:
            if error.code != CloseCode.SLOW_READER:
                raise


class World:
    """The record, the node that holds it, the browser, and the wire between them."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.pages = itertools.count()
        self.record = Record()
        self.history = [self.record]
        self.node = Node(self)
        self.socket: Socket | None = None
        self.abandoned: Socket | None = None
        self.tampered = False
        self.load_page()

    # -- the store

    def write(self, record: Record) -> None:
        self.record = record
        self.history.append(record)

    def roll_back(self, steps: int) -> None:
        """Lose the last commits of this page instance and the node with them."""
        last = max(0, len(self.history) - 1 - steps)
        older = self.history[last]
        del self.history[last + 1 :]
        if older.instance == self.record.instance:
            self.record = replace(older)
        self.crash()

    def crash(self) -> None:
        """Kill the node; what it put on the wire may still arrive."""
        for socket in (self.socket, self.abandoned):
            if socket is not None:
                socket.link = None
        self.node = Node(self)

    # -- the browser

    def load_page(self) -> None:
        self.socket = None
        self.instance = f"{next(self.pages):06x}-instance"
        self.client = ClientLink(self.instance, token="token", limits=LIMITS)
        self.view: list[str] | None = None
        self.inputs: list[bytes] = []
        self.type_in(REGISTER)

    def type_in(self, payload: bytes) -> None:
        self.client.send(payload)
        self.inputs.append(payload)

    def connect(self) -> None:
        self.socket = Socket(ServerLink(LIMITS))
        self.client.connected()
        self.push()

    def notice_loss(self) -> None:
        """End the socket for the browser; its last messages may still reach the node."""
        self.abandoned, self.socket = self.socket, None
        self.client.disconnected()

    def push(self, *, ack: bool = False) -> None:
        if self.socket is not None:
            self.socket.up.extend(self.client.data_to_send(ack=ack))

    # -- the wire

    def deliver_up(self, socket: Socket) -> None:
        message = socket.up.popleft()
        link = socket.link
        if link is None:
            return
        try:
            events = link.receive(message)
        except ProtocolError as error:
            if not self.tampered or error.code != CloseCode.GAP:
                raise
            return
        for event in events:
            if isinstance(event, HelloReceived):
                self.node.accept(socket, event.hello)
            elif self.node.socket is not socket:
                continue
            elif isinstance(event, InputReceived):
                self.node.on_input(event.seq, event.payload)
            elif isinstance(event, Acknowledged):
                self.node.outbox.acknowledge(event.seq)

    def deliver_down(self) -> None:
        assert self.socket is not None
        message = self.socket.down.popleft()
        try:
            events = self.client.receive(message)
        except ProtocolError as error:
            if not self.tampered or error.code != CloseCode.GAP:
                raise
            self.notice_loss()
            return
        for event in events:
            if isinstance(event, PayloadReceived):
                self.show(event.payload)
            elif isinstance(event, Welcomed) and not event.resumed:
                self.view = None
        if self.client.state is ClientState.ENDED:
            self.load_page()
        self.push()

    def show(self, payload: bytes) -> None:
        if payload.startswith(b"PAGE"):
            self.view = json.loads(payload[4:])
        elif self.view is not None:
            self.view.append(payload.decode())
