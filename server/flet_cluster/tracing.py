"""Traces with OpenTelemetry (layer 4: may import layers 0 to 3 and opentelemetry).

Imported only when traces are asked for. What goes where is said by OpenTelemetry's own variables. An app, or
``opentelemetry-instrument``, that has set a tracer provider keeps it; else one is made here, and set for the
whole process, so that spans of the app's own go the same way.
"""

from __future__ import annotations

import os
import re
import sys
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Self

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flet_cluster.errors import SettingsError
from flet_cluster.node.vault import TRACE
from flet_cluster.spans import NULL_SPAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextvars import Token

    from flet_cluster.spans import Fact, Span, Trail

PREFIX: Final = "flet_cluster."
"""Of all attributes."""
EXPORTERS: Final = "opentelemetry_traces_exporter"
"""The entry points by which packages offer exporters."""
MOST_LINKS: Final = 32
"""A commit names so many events that it covers besides the first."""
NAMES: Final = {
    "deliver": "message",
    "entry": "inbox entry",
    "hook": "notice",
    "own": "event",
    "props": "property change",
}
"""Kind of input → what its span is called, if that is another word."""
KINDS: Final = {"publish": SpanKind.PRODUCER, "deliver": SpanKind.CONSUMER}

_W3C = TraceContextTextMapPropagator()
_NUMBER = re.compile(r"\(\d+\)")
_EMPTY: Final = Context()


def open_telemetry(app_name: str) -> OpenTelemetryTracer:
    """Return the tracer of an app in this process; the first one may make the process's provider.

    Raises:
        SettingsError: an exporter is named in the environment that is not installed.
    """
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(_provider(app_name))
    return OpenTelemetryTracer(trace.get_tracer("flet_cluster"), app_name)


def _provider(app_name: str) -> TracerProvider:
    """Make a provider from OpenTelemetry's variables; sampler and limits it reads itself."""
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    resource = Resource.create({} if named else {SERVICE_NAME: app_name})
    provider = TracerProvider(resource=resource)
    for name in _exporter_names():
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    return provider


def _exporter_names() -> list[str]:
    """Return which exporters the environment asks for."""
    asked = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    names = [name.strip() for name in asked.split(",") if name.strip()]
    protocol = (
        os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    )
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return [otlp if name == "otlp" else name for name in names if name != "none"]


def _exporter(name: str) -> Any:
    """Make an exporter. Raises SettingsError."""
    found = next(iter(entry_points(group=EXPORTERS, name=name)), None)
    if found is None:
        package = f"opentelemetry-exporter-{name.replace('_', '-')}"
        raise SettingsError(
            f"The environment asks for the OpenTelemetry exporter {name!r} (OTEL_TRACES_EXPORTER, "
            f"OTEL_EXPORTER_OTLP_PROTOCOL), which is not installed: pip install {package}"
        )
    return found.load()()


def _context_of(header: str) -> Context:
    """Return a context whose span is a remote one; an empty one if the header is none."""
    return _W3C.extract({"traceparent": header}, _EMPTY) if header else _EMPTY


def _link(header: str) -> Link | None:
    remote = trace.get_current_span(_context_of(header)).get_span_context()
    return Link(remote) if remote.is_valid else None


def _links(headers: Iterable[str]) -> list[Link]:
    return [link for header in headers if (link := _link(header)) is not None]


def _header(span: trace.Span) -> str:
    here = span.get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else ""


class OpenTelemetrySpan:
    """A :class:`flet_cluster.spans.Span`."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[Context] | None = None

    @property
    def header(self) -> str:
        """Its ``traceparent``."""
        return _header(self._span)

    def link(self, header: str) -> None:
        """Add a link."""
        link = _link(header)
        if link is not None:
            self._span.add_link(link.context)

    def note(self, **facts: Fact) -> None:
        """Add attributes."""
        for name, value in facts.items():
            self._span.set_attribute(PREFIX + name, value)

    def fail(self, why: str) -> None:
        """Set its status."""
        self._span.set_status(Status(StatusCode.ERROR, why))

    def end(self) -> None:
        """End it."""
        if self._span.is_recording():
            self._span.end()

    def __enter__(self) -> Self:
        self._token = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._token is not None:
            detach(self._token)
        if kind is not None:
            self.fail(kind.__name__)
        self.end()


class OpenTelemetryTracer:
    """A :class:`flet_cluster.spans.Tracer`.

    Args:
        tracer: makes the spans.
        app_name: the app's name in the cluster.
    """

    def __init__(self, tracer: trace.Tracer, app_name: str) -> None:
        self.tracer = tracer
        self._facts: dict[str, Fact] = {f"{PREFIX}app": app_name}

    def at(self, node_id: str) -> None:
        """Name the node."""
        self._facts[f"{PREFIX}node"] = node_id

    def facts(self, session_id: str) -> dict[str, Fact]:
        """Return what all spans of a session say."""
        return {**self._facts, f"{PREFIX}session": session_id}

    def trail(self, session_id: str) -> Trail:
        """Return the traces of a session."""
        return OpenTelemetryTrail(self, session_id)

    def span(self, name: str, session_id: str, *, parent: str = "", links: Iterable[str] = ()) -> Span:
        """Begin a span."""
        span = self.tracer.start_span(
            name,
            _context_of(parent) if parent else None,
            KINDS.get(name, SpanKind.INTERNAL),
            self.facts(session_id),
            _links(links),
        )
        return OpenTelemetrySpan(span)


class _Mark:
    """One input on its way: its span, and that of its handler once there is one."""

    __slots__ = ("event", "handler")

    def __init__(self, event: trace.Span) -> None:
        self.event = event
        self.handler: trace.Span | None = None

    @property
    def cause(self) -> trace.Span:
        """What its commit follows from."""
        return self.handler or self.event


class _Handling:
    """Surrounds a handler.

    The context that it sets is the handler's own, and ends with it: it is not set back, so tasks that the
    handler leaves behind, and what is rendered for it, are its children too.
    """

    __slots__ = ("_facts", "_key", "_mark", "_tracer", "_what")

    def __init__(
        self, tracer: trace.Tracer, mark: _Mark, what: str, key: str, facts: dict[str, Fact]
    ) -> None:
        self._tracer = tracer
        self._mark = mark
        self._what = what
        self._key = key
        self._facts = facts

    def __enter__(self) -> None:
        mark = self._mark
        mark.handler = mark.event
        around = trace.set_span_in_context(mark.event)
        if mark.event.is_recording():
            name = _NUMBER.sub("", self._what)
            mark.event.update_name(f"event {name}")
            facts = {**self._facts, f"{PREFIX}handler": self._what, f"{PREFIX}event": self._key}
            mark.handler = self._tracer.start_span(f"handler {name}", around, attributes=facts)
            around = trace.set_span_in_context(mark.handler, around)
        attach(around)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        handler = self._mark.handler
        if handler is not None and handler is not self._mark.event:
            if kind is not None:
                handler.set_status(Status(StatusCode.ERROR, kind.__name__))
            handler.end()


class OpenTelemetryTrail:
    """A :class:`flet_cluster.spans.Trail`."""

    __slots__ = (
        "_captured",
        "_captured_at",
        "_commit",
        "_done",
        "_facts",
        "_last",
        "_links",
        "_open",
        "_output",
        "_session",
        "_taken",
        "_tracer",
    )

    def __init__(self, tracer: OpenTelemetryTracer, session_id: str) -> None:
        self._tracer = tracer
        self._session = session_id
        self._facts = tracer.facts(session_id)
        self._open: dict[_Mark, None] = {}
        self._done: list[_Mark] = []
        self._captured: list[_Mark] = []
        self._captured_at = 0
        self._output = False
        self._commit: tuple[trace.Span, list[_Mark]] | None = None
        self._last = ""
        self._taken = ""
        self._links: list[str] = []

    def _start(self, name: str, parent: trace.Span | None, links: Iterable[Link] = (), at: int = 0) -> Any:
        context = trace.set_span_in_context(parent, _EMPTY) if parent is not None else _EMPTY
        kind = SpanKind.INTERNAL if parent is not None else SpanKind.SERVER
        return self._tracer.tracer.start_span(name, context, kind, self._facts, tuple(links), at or None)

    def came(self, commit: str, taken: str = "") -> None:
        """The first event here is linked to the last commit there."""
        self._last = commit or self._last
        self._taken = taken or self._taken
        self._links = [header for header in (self._last, self._taken) if header]

    def restoring(self) -> Span:
        """A part of the takeover if there was one, linked to the commit that it reads."""
        taken, self._taken = self._taken, ""
        span = self._tracer.span("restore", self._session, parent=taken, links=[self._last])
        if taken:
            self._links.append(span.header)
        return span

    def arrived(self, kind: str, cause: str = "") -> _Mark:
        """Begin an event's span: a trace of its own."""
        links, self._links = self._links, []
        name = NAMES.get(kind, kind)
        span = self._tracer.tracer.start_span(
            name,
            _EMPTY,
            KINDS.get(kind, SpanKind.SERVER),
            self._facts,
            _links([*links, cause]) if links or cause else None,
        )
        mark = _Mark(span)
        self._open[mark] = None
        return mark

    def handling(self, mark: _Mark | None, what: str, key: str) -> _Handling | None:
        """Return what makes the handler's span."""
        if mark is None:
            return None
        return _Handling(self._tracer.tracer, mark, what, key, self._facts)

    def failed(self) -> None:
        """Say so in the span that surrounds the caller; only the error's name, not what it says."""
        error = sys.exc_info()[0]
        span = trace.get_current_span()
        span.set_status(Status(StatusCode.ERROR, error.__name__ if error is not None else None))

    def done(self, mark: _Mark | None) -> None:
        """The next commit is caused by it."""
        if mark is not None and mark in self._open:
            del self._open[mark]
            self._done.append(mark)

    def captured(self, *, output: bool) -> None:
        """What is done is in the next commit."""
        self._captured_at = self._captured_at or time.time_ns()
        self._output = self._output or output
        self._captured += self._done
        self._done = []

    def committing(self, n: int) -> Mapping[str, Any]:
        """Begin the commit's span, when its picture was taken; its record says where the trace goes on.

        A commit of which nobody sees anything (it is later than the last event) has none.
        """
        marks, self._captured = self._captured, []
        at, self._captured_at = self._captured_at, 0
        output, self._output = self._output, False
        self._end_commit("replaced")
        sampled = [mark for mark in marks if mark.event.is_recording()]
        first = next(iter(sampled or marks), None) or self._running()
        if (first is None and not output) or (first is not None and not first.event.is_recording()):
            return {TRACE: self._last} if self._last else {}
        others = [Link(mark.cause.get_span_context()) for mark in sampled[1 : 1 + MOST_LINKS]]
        span = self._start("commit", first.cause if first is not None else None, others, at)
        span.set_attribute(f"{PREFIX}commit", n)
        self._commit = span, sampled
        header = _header(span)
        return {TRACE: header} if header else {}

    def _running(self) -> _Mark | None:
        """Return what a picture in the middle of something is of."""
        return next((mark for mark in self._open if mark.handler is not None), None)

    def retried(self, error: str) -> None:
        """Note it in the commit's span."""
        if self._commit is not None:
            self._commit[0].add_event("retry", {"error.type": error})

    def committed(self, size: int) -> None:
        """End the commit's span."""
        if self._commit is not None:
            span = self._commit[0]
            span.set_attribute(f"{PREFIX}snapshot_bytes", size)
            span.end()
            self._last = _header(span)

    def frames(self, frames: Sequence[tuple[int, bytes]]) -> Span:
        """Begin the span of output: of the commit, or, ahead of it, of the handler."""
        parent = self._cause_of_frames() if frames else None
        if parent is None or not parent.get_span_context().trace_flags.sampled:
            return NULL_SPAN
        span = OpenTelemetrySpan(self._start("frame", parent))
        span.note(frames=len(frames), bytes=sum(len(packet) for _, packet in frames))
        return span

    def _cause_of_frames(self) -> trace.Span | None:
        if self._commit is not None:
            return self._commit[0]
        mark = next(iter((*self._done, *self._captured)), None) or self._running()
        return mark.cause if mark is not None else None

    def shown(self) -> None:
        """End the events of the commit."""
        if self._commit is not None:
            for mark in self._commit[1]:
                mark.event.end()
            self._commit = None

    def ended(self, why: str) -> None:
        """End all that is open."""
        self._end_commit(why)
        for mark in (*self._open, *self._done, *self._captured):
            mark.event.set_status(Status(StatusCode.ERROR, why))
            mark.event.end()
        self._open.clear()
        self._done, self._captured = [], []

    def _end_commit(self, why: str) -> None:
        """End a commit that came to nothing."""
        if self._commit is None:
            return
        span, marks = self._commit
        self._commit = None
        for each in (span, *(mark.event for mark in marks)):
            if each.is_recording():
                each.set_status(Status(StatusCode.ERROR, why))
                each.end()
