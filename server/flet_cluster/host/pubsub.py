"""``page.pubsub`` of hosted sessions (layer 3; duck-types Flet's ``PubSubHub``).

Subscriptions belong to the session and travel with it. A published message leaves with the commit that covers
it (I1); every node then gives it to the subscribed sessions it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Publication:
    """A message on its way: to everybody (topic None) or to a topic, maybe except to one session.

    Attributes:
        audience: only sessions of the same audience hear it. Sessions with the program's own ``main`` are
            one; those that began with a ``main`` of their own, with all those whose ``main`` holds the same:
            Flet has a hub for each ``main``, so what is made for one tenant never reaches another.
    """

    message: Any
    topic: str | None = None
    except_session: str = ""
    audience: str = ""


@dataclass(slots=True)
class Subscriptions:
    """The portable half: which handlers of this session hear what. Order is kept, repeats are not."""

    general: list[Handler] = field(default_factory=list)
    topics: dict[str, list[Handler]] = field(default_factory=dict)

    def handlers(self, publication: Publication) -> list[tuple[Handler, tuple[Any, ...]]]:
        """Return which handlers to call for a publication, each with its arguments."""
        if publication.topic is None:
            return [(handler, (publication.message,)) for handler in self.general]
        heard = self.topics.get(publication.topic, ())
        return [(handler, (publication.topic, publication.message)) for handler in heard]

    def __bool__(self) -> bool:
        """Whether there is any subscription."""
        return bool(self.general or self.topics)


class SessionPubSub:
    """What Flet's ``PubSubClient`` of one session talks to."""

    def __init__(self, session_id: str, publish: Callable[[Publication], None]) -> None:
        self.session_id = session_id
        self.subscriptions = Subscriptions()
        self._publish = publish

    def send_all(self, message: Any) -> None:
        """Publish to all sessions that called ``subscribe``."""
        self._publish(Publication(message))

    def send_all_on_topic(self, topic: str, message: Any) -> None:
        """Publish to a topic."""
        self._publish(Publication(message, topic))

    def send_others(self, except_session_id: str, message: Any) -> None:
        """Publish to all but this session."""
        del except_session_id  # always this session, by the id all nodes know it by
        self._publish(Publication(message, None, self.session_id))

    def send_others_on_topic(self, except_session_id: str, topic: str, message: Any) -> None:
        """Publish to a topic, except to this session."""
        del except_session_id
        self._publish(Publication(message, topic, self.session_id))

    def subscribe(self, session_id: str, handler: Handler) -> None:
        """Hear what is sent to all."""
        del session_id  # always this session
        if handler not in self.subscriptions.general:
            self.subscriptions.general.append(handler)

    def subscribe_topic(self, session_id: str, topic: str, handler: Handler) -> None:
        """Hear a topic."""
        del session_id
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
