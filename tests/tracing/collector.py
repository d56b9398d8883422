"""An OpenTelemetry collector in miniature: takes real OTLP over HTTP, and keeps the spans."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 15.0


@dataclass(frozen=True)
class Received:
    """One span as it came."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    status: str
    began: int
    ended: int
    links: tuple[tuple[str, str], ...]
    facts: dict[str, Any]
    service: str
    events: tuple[str, ...]

    @property
    def node(self) -> str:
        return str(self.facts.get("flet_cluster.node", ""))

    def links_to(self, other: Received) -> bool:
        return (other.trace, other.id) in self.links


@dataclass
class Collector:
    """What was received."""

    port: int
    spans: list[Received] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self.changed:
            self.raw.append(body)
            for resource in request.resource_spans:
                service = next(
                    a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
                )
                for scope in resource.scope_spans:
                    self.spans += [_received(span, service) for span in scope.spans]
            self.changed.notify_all()

    def named(self, name: str, **facts: str) -> list[Received]:
        wanted = {f"flet_cluster.{key}": value for key, value in facts.items()}
        with self.changed:
            return [s for s in self.spans if s.name == name and wanted.items() <= s.facts.items()]

    def wait(self, name: str, count: int = 1, **facts: str) -> list[Received]:
        """Wait for spans of a name; in the order in which they began."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self.named(name, **facts)) < count:
            with self.changed:
                names = sorted(span.name for span in self.spans)
                assert self.changed.wait(deadline - time.monotonic()), (
                    f"no {count} spans {name!r} {facts}: {names}"
                )
        return sorted(found, key=lambda span: span.began)

    def child(self, parent: Received, name: str) -> Received:
        """Wait for a child of a span."""
        return self._one(lambda s: s.name == name and s.parent == parent.id and s.trace == parent.trace, name)

    def _one(self, matches: Callable[[Received], bool], name: str) -> Received:
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not (found := [span for span in self.spans if matches(span)]):
                assert self.changed.wait(deadline - time.monotonic()), f"no {name}: {self.spans}"
            return found[0]


def _received(span: Any, service: str) -> Received:
    return Received(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        span.status.code == 2,
        span.status.message,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
        service,
        tuple(event.name for event in span.events),
    )


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
