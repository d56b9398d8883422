"""Whatever the network and the nodes do, each input counts once and each output is seen once."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.protocol.world import LIMITS, Socket, World
from tests.soak import EXAMPLES

from flet_cluster.protocol import ClientState, LinkState


def is_data(message: str | bytes) -> bool:
    return isinstance(message, bytes)


class LinkMachine(RuleBasedStateMachine):
    """Drives a World: traffic, commits, cuts, crashes, reloads, rollbacks and a wire that misbehaves."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.typed = 0

    # -- the browser

    @precondition(lambda self: self.world.client.pending < LIMITS.max_queue_frames)
    @rule(kind=st.integers(0, 2))
    def type_in(self, kind: int) -> None:
        self.typed += 1
        self.world.type_in(f"{self.world.instance}/{self.typed}/{kind}".encode())
        self.world.push()

    @rule()
    def ack_timer_fires(self) -> None:
        self.world.push(ack=True)

    @precondition(lambda self: self.world.socket is None)
    @rule()
    def connect(self) -> None:
        self.world.connect()

    @precondition(lambda self: self.world.socket is not None)
    @rule()
    def notice_loss(self) -> None:
        self.world.notice_loss()

    @rule()
    def reload(self) -> None:
        if self.world.socket is not None:
            self.world.notice_loss()
        self.world.load_page()

    # -- the node

    @precondition(lambda self: self.world.node.inbox)
    @rule()
    def work(self) -> None:
        self.world.node.work()

    @precondition(lambda self: self.world.node.instance)
    @rule()
    def background_output(self) -> None:
        self.world.node.add_item("background")

    @precondition(lambda self: self.world.node.instance)
    @rule()
    def commit(self) -> None:
        self.world.node.commit()

    @rule()
    def crash(self) -> None:
        self.world.crash()

    @rule(steps=st.integers(1, 3))
    def store_loses_commits(self, steps: int) -> None:
        self.world.roll_back(steps)
        if self.world.socket is not None:
            self.world.notice_loss()

    # -- the wire

    @rule(many=st.integers(1, 6))
    def deliver_up(self, many: int) -> None:
        self._deliver_up(self.world.socket, many)

    @rule(many=st.integers(1, 6))
    def deliver_late(self, many: int) -> None:
        self._deliver_up(self.world.abandoned, many)

    def _deliver_up(self, socket: Socket | None, many: int) -> None:
        for _ in range(many):
            if socket is not None and socket.up:
                self.world.deliver_up(socket)

    @rule(many=st.integers(1, 6))
    def deliver_down(self, many: int) -> None:
        for _ in range(many):
            socket = self.world.socket
            if socket is not None:
                socket.flush()
                if socket.down:
                    self.world.deliver_down()

    @rule(up=st.booleans(), at=st.integers(0, 5), how=st.sampled_from(["lose", "repeat", "swap"]))
    def tamper(self, up: bool, at: int, how: str) -> None:
        socket = self.world.socket
        if socket is None:
            return
        socket.flush()
        channel = socket.up if up else socket.down
        if at >= len(channel) or not is_data(channel[at]):
            return
        self.world.tampered = True
        if how == "lose":
            del channel[at]
        elif how == "repeat":
            channel.insert(at, channel[at])
        elif at + 1 < len(channel) and is_data(channel[at + 1]):
            channel[at], channel[at + 1] = channel[at + 1], channel[at]

    @rule()
    def all_goes_well(self) -> None:
        """Make progress: single steps alone would rarely get far."""
        if self.world.socket is None:
            self.world.connect()
        self._settle(rounds=2)

    # -- what holds at any moment

    @invariant()
    def each_input_counts_once_and_in_order(self) -> None:
        world = self.world
        for state in (world.record, world.node):
            if state.instance == world.instance:
                mine = [payload for instance, payload in state.handled if instance == world.instance]
                assert mine == world.inputs[: state.rx]

    @invariant()
    def nothing_is_seen_before_its_commit(self) -> None:
        view = self.world.view
        if view is not None and self.world.client.state is ClientState.OPEN:
            assert view == list(self.world.record.items[: len(view)])

    @invariant()
    def no_input_is_forgotten(self) -> None:
        client = self.world.client
        assert client.durable + client.pending == client.tx == len(self.world.inputs)

    @invariant()
    def everything_is_bounded(self) -> None:
        world = self.world
        assert len(world.node.outbox) <= LIMITS.max_tail_frames
        assert world.node.outbox.size <= LIMITS.max_tail_bytes
        assert world.client.pending <= LIMITS.max_queue_frames
        link = world.socket.link if world.socket else None
        if link is not None and link.state is LinkState.OPEN:
            assert link.received - link.acknowledged <= LIMITS.max_unacked_frames

    # -- and in the end, on a quiet network, everybody agrees

    def teardown(self) -> None:
        world = self.world
        for _ in range(3):  # a reset on the way costs one more connection
            if world.socket is not None:
                world.notice_loss()
            world.connect()
            self._settle(rounds=60)
        assert world.client.pending == 0
        assert world.record.rx == len(world.inputs)
        assert world.view == list(world.record.items)

    def _settle(self, rounds: int) -> None:
        world = self.world
        for _ in range(rounds):
            self.deliver_up(6)
            while world.node.inbox:
                world.node.work()
            if world.node.instance:
                world.node.commit()
            self.deliver_down(6)


def test_exactly_once() -> None:
    run_state_machine_as_test(
        LinkMachine,
        settings=settings(max_examples=2 * EXAMPLES, stateful_step_count=50, deadline=None),
    )


def opened() -> World:
    """A world whose page is registered and committed."""
    world = World()
    world.connect()
    settle(world)
    return world


def settle(world: World, *, commit: bool = True) -> None:
    socket = world.socket
    assert socket is not None
    for _ in range(5):
        while socket.up:
            world.deliver_up(socket)
        while world.node.inbox:
            world.node.work()
        if commit:
            world.node.commit()
        socket.flush()
        while socket.down:
            world.deliver_down()


def test_a_reconnect_to_the_same_node_shows_only_what_is_committed() -> None:
    world = opened()
    world.node.add_item("background")
    world.notice_loss()
    world.connect()
    settle(world, commit=False)
    assert world.view == []
    settle(world)
    assert world.view == list(world.record.items) != []


def test_a_crash_takes_back_only_what_nobody_saw() -> None:
    world = opened()
    world.type_in(b"x1")
    world.push()
    settle(world, commit=False)
    lost = list(world.node.items)
    world.crash()
    world.notice_loss()
    world.connect()
    settle(world)
    assert world.view == list(world.record.items) != lost
    assert world.client.pending == 0


def test_repeated_frames_are_shown_once() -> None:
    world = opened()
    socket = world.socket
    assert socket is not None
    world.node.add_item("background")
    world.node.commit()
    socket.flush()
    socket.down.extend(list(socket.down))
    settle(world)
    assert world.view == list(world.record.items)


def test_a_trimmed_tail_costs_a_whole_page_and_loses_nothing() -> None:
    world = opened()
    world.notice_loss()
    for _ in range(LIMITS.max_tail_frames + 1):
        world.node.add_item("background")
    world.node.commit()
    world.connect()
    settle(world)
    assert world.view == list(world.record.items)
    assert len(world.record.items) == LIMITS.max_tail_frames + 1
