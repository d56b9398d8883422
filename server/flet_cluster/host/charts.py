"""``MatplotlibChart`` goes on where its session does (layer 3: knows that control of ``flet-charts``).

Such a chart is served by an endless task of its own, which takes images from the figure and hands each to the
client, over a data channel, when the client has acknowledged the one before. All that is of this process and
is begun anew in the next: the figure travels as matplotlib writes it down, without canvas and manager.
The package is not imported here: whoever has a chart has imported it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.snapshot import Portables

_CHART = "flet_charts.matplotlib_chart.MatplotlibChart"
_CANVAS = "flet_charts.matplotlib_chart_canvas.MatplotlibChartCanvas"
_LOOP = "MatplotlibChart._receive_loop"
_RATIO = "_MatplotlibChart__dpr"


def chart_of(coro: Any) -> Any:
    """Return the chart that a coroutine is about to serve; None for any other coroutine."""
    if getattr(coro, "__qualname__", "") != _LOOP or inspect.getcoroutinestate(coro) != inspect.CORO_CREATED:
        return None
    chart = coro.cr_frame.f_locals.get("self")
    return chart if _is_chart(type(chart)) else None


def _is_chart(cls: type) -> bool:
    return any(f"{base.__module__}.{base.__qualname__}" == _CHART for base in cls.__mro__)


async def go_on(chart: Any) -> None:
    """Serve a chart that is on a page already: what it does itself when the client first shows it."""
    manager = chart.figure.canvas.manager
    if manager is not None:
        manager.add_web_socket(chart)
        chart.send_message({"type": "send_image_mode"})
        ratio = getattr(chart, _RATIO)
        chart.send_message({"type": "set_device_pixel_ratio", "device_pixel_ratio": ratio})
        chart.send_message({"type": "resize", "width": chart._width, "height": chart._height})  # noqa: SLF001
        chart.send_message({"type": "refresh"})
    await chart._receive_loop()  # noqa: SLF001 - see the module's description


def register(portables: Portables) -> None:
    """Let charts travel without what is under way between figure and client."""
    portables.register_named(_CHART, _reduce_chart)
    portables.register_named(_CANVAS, _reduce_canvas)


def _reduce_chart(chart: Any) -> Any:
    fresh = {"_receive_queue": asyncio.Queue(), "_waiting": False} if "_receive_queue" in vars(chart) else {}
    return _bare, (type(chart),), {**vars(chart), **fresh}


def _reduce_canvas(canvas: Any) -> Any:
    return _bare, (type(canvas),), {**vars(canvas), "_pending_acks": deque()}


def _bare(cls: Any) -> Any:
    """Make an object without its constructor: its state has it all."""
    return cls.__new__(cls)
