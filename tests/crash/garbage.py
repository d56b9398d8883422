"""Takes chance out of one thing that Flet leaves to Python's collector. Imports stock Flet only.

Flet takes a service off the page when an event ends and nothing but the page refers to the service. A handler
that awaited a service leaves it in a cycle (an exception's traceback, a finished task): it then stays until
the collector has run, which depends on what else the process has allocated. Both reference and nodes collect
right before Flet looks, so that the patch which removes the service comes with the same event.
"""

from __future__ import annotations

import gc

from flet.controls.page import ServiceRegistry


def collect_garbage_in_time() -> None:
    """Collect before each look at the references of services. Call once."""
    unregister = ServiceRegistry.unregister_services

    def collected(self: ServiceRegistry) -> None:
        gc.collect()
        unregister(self)  # type: ignore[no-untyped-call]  # Flet is untyped here

    ServiceRegistry.unregister_services = collected  # type: ignore[method-assign]
