"""What the inner layers tell of who caused what (layer 0: imports the standard library only).

The core never imports a tracing library: it calls a :class:`Tracer`. Its spans are those of an event's way:
the *event* itself, from its arrival until what it caused is shown; its *handler*; the *commit* that holds
what the handler did; the *frame* that shows it. Nodes tell each other where a trace goes on by a *header*, a
W3C ``traceparent``; "" is none. No span holds data of users: names are those of code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

Fact = str | int | float | bool


class Span(Protocol):
    """Something that takes time. As a context manager it is the parent of what happens within."""

    @property
    def header(self) -> str:
        """What another node needs to go on with this trace."""

    def link(self, header: str) -> None:
        """Say that it follows from a span of another trace; "" is ignored."""

    def note(self, **facts: Fact) -> None:
        """Add facts, under the prefix of this package."""

    def fail(self, why: str) -> None:
        """Say that it failed: by the name of an error, not by its message."""

    def end(self) -> None:
        """It is over. A second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...


class Trail(Protocol):
    """One session's traces on this node. All methods are called on the loop, but for what ``handling`` gives.

    An input arrives, its handler is entered and left, and it is *done*: the next picture of the session has
    what it caused. The picture is *captured*, put into a commit, *committed*, and *shown*.
    """

    def came(self, commit: str, taken: str = "") -> None:
        """The session came from elsewhere: headers of its last commit, and of how it was taken over."""

    def restoring(self) -> Span:
        """Its objects are rebuilt; ends as a context manager."""

    def arrived(self, kind: str, cause: str = "") -> Any:
        """An input came; returns its mark. ``cause``: header of what it follows from."""

    def handling(self, mark: Any, what: str, key: str) -> AbstractContextManager[object] | None:
        """Return what surrounds a handler, in its own context and thread; None: nothing.

        Args:
            mark: of its input.
            what: which handler, ``Button(12).on_click``.
            key: the event's idempotency key.
        """

    def failed(self) -> None:
        """The handler that runs here has raised what is being handled; from any thread."""

    def done(self, mark: Any) -> None:
        """The effects of an input are in the session's state from here on."""

    def captured(self, *, output: bool) -> None:
        """A picture was taken; ``output``: something is to be seen for it."""

    def committing(self, n: int) -> Mapping[str, Any]:
        """Commit ``n`` holds all pictures so far; returns facts that go into its record."""

    def retried(self, error: str) -> None:
        """An attempt to write the commit failed, by the name of the error."""

    def committed(self, size: int) -> None:
        """The store has the commit, with a snapshot of so many bytes."""

    def frames(self, frames: Sequence[tuple[int, bytes]]) -> Span:
        """Output goes to the socket; ends as a context manager."""

    def shown(self) -> None:
        """What the commit covers has gone out, as far as anybody is there to see it."""

    def ended(self, why: str) -> None:
        """The session leaves this node: what is open ends here. It may be called again."""


class Tracer(Protocol):
    """Makes the spans of one app in this process."""

    def at(self, node_id: str) -> None:
        """Say which node this is; before anything else."""

    def trail(self, session_id: str) -> Trail:
        """Return the traces of a session."""

    def span(self, name: str, session_id: str, *, parent: str = "", links: Iterable[str] = ()) -> Span:
        """Begin a span, from any thread.

        Args:
            name: what happens.
            session_id: to whom.
            parent: header of what asked for it; "": what surrounds the call, if anything does.
            links: headers of what it follows from.
        """


_NOTHING: Final[Mapping[str, Any]] = {}


class NullSpan:
    """Is nothing."""

    header = ""

    def link(self, header: str) -> None:
        """Ignore it."""

    def note(self, **facts: Fact) -> None:
        """Ignore them."""

    def fail(self, why: str) -> None:
        """Ignore it."""

    def end(self) -> None:
        """Ignore it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        pass


NULL_SPAN: Final = NullSpan()


class NullTrail:
    """Ignores everything."""

    def came(self, commit: str, taken: str = "") -> None:
        """Ignore it."""

    def restoring(self) -> Span:
        """Return nothing."""
        return NULL_SPAN

    def arrived(self, kind: str, cause: str = "") -> None:
        """Ignore it."""

    def handling(self, mark: Any, what: str, key: str) -> None:
        """Surround it with nothing."""

    def failed(self) -> None:
        """Ignore it."""

    def done(self, mark: Any) -> None:
        """Ignore it."""

    def captured(self, *, output: bool) -> None:
        """Ignore it."""

    def committing(self, n: int) -> Mapping[str, Any]:
        """Add nothing."""
        del n
        return _NOTHING

    def retried(self, error: str) -> None:
        """Ignore it."""

    def committed(self, size: int) -> None:
        """Ignore it."""

    def frames(self, frames: Sequence[tuple[int, bytes]]) -> Span:
        """Return nothing."""
        del frames
        return NULL_SPAN

    def shown(self) -> None:
        """Ignore it."""

    def ended(self, why: str) -> None:
        """Ignore it."""


NULL_TRAIL: Final = NullTrail()


class NullTracer:
    """Traces nothing."""

    def at(self, node_id: str) -> None:
        """Ignore it."""

    def trail(self, session_id: str) -> Trail:
        """Return what ignores everything."""
        del session_id
        return NULL_TRAIL

    def span(self, name: str, session_id: str, *, parent: str = "", links: Iterable[str] = ()) -> Span:
        """Return nothing."""
        del name, session_id, parent, links
        return NULL_SPAN
