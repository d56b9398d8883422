"""What all pages of the dashboard have in common (layer 4: imports Flet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flet as ft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.inspection import Inspector

REFRESH = 2.0
"""Seconds between two looks at the cluster."""


@ft.control
class View(ft.Column):
    """A page. It keeps its controls and changes what they show, so only that is sent to the browser.

    ``again`` is what the shell has the page call to be read at once.
    """

    def init(self) -> None:
        """Fill the window, and scroll."""
        self.expand = True
        self.spacing = 16
        self.scroll = ft.ScrollMode.AUTO
        self.again: Callable[[], Awaitable[None]] | None = None

    async def look_again(self, _event: object = None) -> None:
        """Look at the cluster now: the user wants to see something else of it."""
        if self.again is not None:
            await self.again()

    async def read(self, cluster: Inspector) -> None:
        """Show the cluster as it is.

        Args:
            cluster: reads it.

        Raises:
            ClusterError: the store does not answer; what was shown stays.
        """
        raise NotImplementedError
