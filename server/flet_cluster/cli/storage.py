"""``flet-cluster storage`` (layer 5)."""

from __future__ import annotations

from typing import Annotated

import typer

group = typer.Typer(
    name="storage", help="Look whether uploads work; set up a bucket for them.", no_args_is_help=True
)

_Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin", help="Where the app's pages come from, https://app.example.com; may be repeated."
    ),
]
_AppName = Annotated[str | None, typer.Option(help="The app's name, as the nodes have it.")]


@group.command("check")
def check_(origin: _Origins = None, app_name: _AppName = None) -> None:
    """Write, read, list and remove a file as apps and browsers do, and say what to fix."""
    from flet_cluster.settings import Settings  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.storage import check  # noqa: PLC0415  the same

    if not check(Settings.read({"app_name": app_name}), origin or (), typer.echo):
        raise typer.Exit(1)


@group.command("init")
def init_(
    origin: _Origins = None,
    app_name: _AppName = None,
    expire_days: Annotated[
        int | None, typer.Option(help="Remove files after so many days; 0: never.", min=0, max=36500)
    ] = None,
) -> None:
    """Make the bucket, its CORS rules and its lifecycle rules; others' rules stay. May be repeated."""
    from flet_cluster.settings import Settings  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.storage import init  # noqa: PLC0415  the same

    if not init(Settings.read({"app_name": app_name}), origin or (), expire_days, typer.echo):
        raise typer.Exit(1)
