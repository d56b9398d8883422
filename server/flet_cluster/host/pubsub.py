"""``page.pubsub`` of hosted sessions (layer 3; duck-types Flet's ``PubSubHub``).

Subscriptions belong to the session and travel with it. A published message leaves with the commit that covers
it (I1), through the app's stream, from which every subscribed session takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flet_cluster.errors import MessageRefused

Handler = Callable[..., Any]
Pack = Callable[[object, object], bytes]

EVERYBODY = "*"
"""What messages to all are known by; those to a topic by ``t`` and its name."""
MISSED = "!"
"""What the news of messages that are gone is known by."""


def key_of(topic: object, audience: str = "") -> str:
    """Return what the messages to a topic are known by outside of sessions.

    Args:
        topic: None for messages to all.
        audience: see :class:`Subscriptions`.
    """
    key = EVERYBODY if topic is None else f"t{topic}"
    return f"@{audience}/{key}" if audience else key


def checked(topic: object) -> object:
    """Return a topic that is the same on every node.

    Raises:
        MessageRefused: it is None, which stands for messages to all, or nothing but an object's address.
    """
    kind = type(topic)
    if topic is None or (kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__):
        raise MessageRefused(
            f"page.pubsub: {topic!r} is no topic that other nodes could know; use a text, or subscribe() and "
            "send_all() for messages to all"
        )
    return topic


@dataclass(frozen=True, slots=True)
class Publication:
    """A message on its way.

    Attributes:
        key: who hears it, see :func:`key_of`.
        body: the topic and the message, see :mod:`flet_cluster.host.message_codec`.
        except_session: one that does not hear it.
        trace: header of the span that published it, see :mod:`flet_cluster.spans`; "" if there is none.
    """

    key: str
    body: bytes
    except_session: str = ""
    trace: str = ""


@dataclass(slots=True)
class Subscriptions:
    """The portable half: which handlers of this session hear what. Order is kept, repeats are not.

    Attributes:
        missed: handlers that hear of messages that are gone, see :mod:`flet_cluster.host.missed`.
        audience: only sessions of the same audience hear each other. Sessions with the program's own ``main``
            are one; those that began with a ``main`` of their own, with all those whose ``main`` holds the
            same: Flet has a hub for each ``main``, so what is made for one tenant never reaches another.
    """

    general: list[Handler] = field(default_factory=list)
    topics: dict[str, list[Handler]] = field(default_factory=dict)
    missed: list[Handler] = field(default_factory=list)
    audience: str = ""

    def handlers(self, topic: Any, message: Any) -> list[tuple[Handler, tuple[Any, ...]]]:
        """Return which handlers to call for a message, each with its arguments."""
        if topic is None:
            return [(handler, (message,)) for handler in self.general]
        return [(handler, (topic, message)) for handler in self.topics.get(topic, ())]

    @property
    def keys(self) -> frozenset[str]:
        """What the session hears, see :func:`key_of`."""
        heard = [topic for topic, handlers in self.topics.items() if handlers]
        keys = {key_of(topic, self.audience) for topic in heard}
        if self.general:
            keys.add(key_of(None, self.audience))
        if self.missed and keys:
            keys.add(MISSED)
        return frozenset(keys)


class SessionPubSub:
    """What Flet's ``PubSubClient`` of one session talks to; callable from any thread.

    Args:
        session_id: whose it is.
        publish: takes what is to leave with the next commit.
        pack: turns (topic, message) into bytes. Raises MessageRefused.
    """

    def __init__(self, session_id: str, publish: Callable[[Publication], None], pack: Pack) -> None:
        self.session_id = session_id
        self.subscriptions = Subscriptions()
        self._publish = publish
        self._pack = pack

    def send_all(self, message: Any) -> None:
        """Publish to all sessions that called ``subscribe``. Raises MessageRefused."""
        self._send(None, message)

    def send_all_on_topic(self, topic: str, message: Any) -> None:
        """Publish to a topic. Raises MessageRefused."""
        self._send(checked(topic), message)

    def send_others(self, except_session_id: str, message: Any) -> None:
        """Publish to all but this session. Raises MessageRefused."""
        del except_session_id  # always this session, by the id all nodes know it by
        self._send(None, message, others=True)

    def send_others_on_topic(self, except_session_id: str, topic: str, message: Any) -> None:
        """Publish to a topic, except to this session. Raises MessageRefused."""
        del except_session_id
        self._send(checked(topic), message, others=True)

    def _send(self, topic: Any, message: Any, *, others: bool = False) -> None:
        # As in Flet, who subscribes only after it has sent something does not hear that.
        key = key_of(topic, self.subscriptions.audience)
        here = not others and key in self.subscriptions.keys
        self._publish(Publication(key, self._pack(topic, message), "" if here else self.session_id))

    def subscribe(self, session_id: str, handler: Handler) -> None:
        """Hear what is sent to all."""
        del session_id  # always this session
        if handler not in self.subscriptions.general:
            self.subscriptions.general.append(handler)

    def subscribe_topic(self, session_id: str, topic: str, handler: Handler) -> None:
        """Hear a topic. Raises MessageRefused."""
        del session_id
        checked(topic)
        heard = self.subscriptions.topics.setdefault(topic, [])
        if handler not in heard:
            heard.append(handler)

    def unsubscribe(self, session_id: str) -> None:
        """Hear no more of what is sent to all."""
        del session_id
        self.subscriptions.general.clear()

    def unsubscribe_topic(self, session_id: str, topic: str) -> None:
        """Hear a topic no more."""
        del session_id
        self.subscriptions.topics.pop(topic, None)

    def unsubscribe_all(self, session_id: str) -> None:
        """Hear nothing any more."""
        self.unsubscribe(session_id)
        self.subscriptions.topics.clear()
