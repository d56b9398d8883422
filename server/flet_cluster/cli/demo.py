"""``flet-cluster demo`` (layer 5)."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    target: Annotated[
        str | None, typer.Argument(help="app.py, pkg.mod, app.py:main; default: an app that comes along.")
    ] = None,
    *,
    nodes: Annotated[int, typer.Option(help="How many nodes to start.", min=1, max=9)] = 3,
    port: Annotated[
        int, typer.Option("--port", "-p", help="Port of the app; 0 for any free one.", min=0, max=65535)
    ] = 0,
    plain: Annotated[bool, typer.Option("--plain", help="Lines in place of a view.")] = False,
    storage: Annotated[bool, typer.Option("--storage/--no-storage", help="Run an S3 server, too.")] = True,
) -> None:
    """Run a whole cluster on this machine, to watch, and kill, drain and add nodes while you click."""
    from flet_cluster.demo.program import demo as run_demo  # noqa: PLC0415  only this command needs it

    run_demo(target, nodes=nodes, port=port, plain=plain, storage=storage)
