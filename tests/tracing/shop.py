"""An app that traces by itself what its handlers do."""

import asyncio
import os
from typing import Any

import flet as ft
from opentelemetry import trace

if os.environ.get("OWN_PROVIDER"):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "the app's own"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

tracer = trace.get_tracer("shop")


def main(page: ft.Page) -> None:
    count = ft.Text("0", key="count")
    heard = ft.Text("", key="heard")
    enough = asyncio.Event()

    def add(_: Any) -> None:
        with tracer.start_as_current_span("price lookup"):
            count.value = str(int(count.value) + 1)

    async def book(_: Any) -> None:
        async def pay() -> None:
            with tracer.start_as_current_span("payment"):
                await asyncio.sleep(0.01)

        with tracer.start_as_current_span("booking"):
            await asyncio.create_task(pay())
        count.value = "booked"

    def fail(_: Any) -> None:
        raise ValueError("card number 4111")

    async def work(_: Any) -> None:
        count.value = "working"
        page.update()
        await enough.wait()
        count.value = "worked"
        page.update()

    async def hear(message: str) -> None:
        heard.value = message
        heard.update()

    page.pubsub.subscribe(hear)
    page.add(
        count,
        heard,
        ft.Button("add", on_click=add),
        ft.Button("book", on_click=book),
        ft.Button("fail", on_click=fail),
        ft.Button("work", on_click=work),
        ft.Button("enough", on_click=lambda _: enough.set()),
        ft.Button("say", on_click=lambda _: page.pubsub.send_all("a secret word")),
    )


if __name__ == "__main__":
    ft.run(main)
