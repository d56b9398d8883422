"""``flet-cluster check`` (layer 5)."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    url: Annotated[str, typer.Argument(help="The app's address, http://app.example/")],
    *,
    timeout: Annotated[float, typer.Option(help="Seconds for all of it.", min=1)] = 60.0,
    other_node: Annotated[
        bool,
        typer.Option("--other-node/--any-node", help="It must be resumed on another node, or may not be."),
    ] = True,
) -> None:
    """Open a session of an app and resume it on another node, as a browser would."""
    from flet_cluster.checking import check as visit  # noqa: PLC0415  only this command needs it
    from flet_cluster.settings import Settings  # noqa: PLC0415  Flet takes a while to import

    visit(url, Settings.read().websocket_endpoint, timeout, typer.echo, other_node=other_node)
