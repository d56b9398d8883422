"""The command line (layer 5): turns options into settings and errors into messages."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from flet_cluster.errors import ClusterError, SettingsError

_USAGE = 2

_cli = typer.Typer(
    name="flet-cluster",
    help="Host unmodified Flet web apps on any number of interchangeable nodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flet-cluster {version('flet-cluster')}, flet {version('flet')}")
        raise typer.Exit


@_cli.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show versions and exit.")
    ] = False,
) -> None:
    pass


@_cli.command()
def run(  # noqa: PLR0913  one parameter for each option
    target: Annotated[str, typer.Argument(help="app.py, pkg.mod, app.py:main or pkg.mod:main")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments for the script, after --")] = None,
    *,
    open_browser: Annotated[
        bool | None,
        typer.Option(
            "--web/--no-browser", "-w", help="Open a browser, as is done by itself on a desktop; or not."
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="Port to listen on; 0 for any free one.")
    ] = None,
    uds_path: Annotated[
        Path | None, typer.Option("--uds", help="Unix domain socket to listen on, in place of a port.")
    ] = None,
    proxy_path: Annotated[
        str | None, typer.Option(help="URL path that a proxy in front takes away, /tools for example.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine.")] = None,
    reload: Annotated[
        bool | None,
        typer.Option(
            "--reload", help="For development: bring in changed code, sessions stay where they can."
        ),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="The cluster's Redis, redis://… or rediss://…")
    ] = None,
    app_name: Annotated[str | None, typer.Option(help="Prefix in Redis; default: the script's name.")] = None,
    assets_dir: Annotated[
        Path | None, typer.Option("--assets", "-a", help="Folder of files to serve.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="critical, error, warning, info or debug.")] = None,
    ssl_certfile: Annotated[Path | None, typer.Option(help="Serve HTTPS: certificate chain, PEM.")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    ssl_keyfile_password: Annotated[
        str | None, typer.Option(help="Password of the key; others can read it here, not in the variable.")
    ] = None,
    ssl_ca_certs: Annotated[Path | None, typer.Option(help="Certificates to check clients by, PEM.")] = None,
    ssl_cert_reqs: Annotated[
        str | None, typer.Option(help="Certificates of clients: none, optional or required.")
    ] = None,
    ssl_ciphers: Annotated[str | None, typer.Option(help="OpenSSL's list of ciphers.")] = None,
) -> None:
    """Serve a Flet app. Every option is also a variable: FLET_CLUSTER_PORT for --port, and so on."""
    command_line = {name: value for name, value in locals().items() if name not in {"target", "arguments"}}
    from flet_cluster.running import run_target  # noqa: PLC0415  Flet takes a while to import

    run_target(target, arguments or (), command_line)


@_cli.command()
def precompress(
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder to fill; default: FLET_CLUSTER_CACHE_DIR, or this user's.")
    ] = None,
    assets: Annotated[Path | None, typer.Option(help="Folder of files to serve.")] = None,
) -> None:
    """Compress the web client and an app's assets ahead, so that nodes need not: for image builds."""
    from flet_cluster.http.cache import VariantCache  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.http.precompress import build  # noqa: PLC0415  the same
    from flet_cluster.http.static import client_files, default_cache_dir  # noqa: PLC0415  the same
    from flet_cluster.settings import Settings  # noqa: PLC0415  the same

    settings = Settings.load({"cache_dir": cache_dir, "assets_dir": assets.resolve() if assets else None})
    folder = settings.cache_dir or default_cache_dir()
    try:
        added = build(client_files(settings.assets_dir), VariantCache(folder))
    except OSError as error:
        typer.echo(f"Error: {folder} cannot be filled: {error}. Name another with --cache-dir.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{added} compressed files were added to {folder}")


@_cli.command()
def rebalance(
    redis_url: Annotated[
        str | None, typer.Option(help="The cluster's Redis, redis://… or rediss://…")
    ] = None,
    app_name: Annotated[str | None, typer.Option(help="The app's name, as the nodes have it.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until the load is level.", min=0)] = 60.0,
) -> None:
    """Have users of crowded nodes moved to those with room, now; they do not notice."""
    from flet_cluster.levelling import level  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.settings import Settings  # noqa: PLC0415  the same

    settings = Settings.load({"redis_url": redis_url, "app_name": app_name})
    if not level(settings, timeout, typer.echo):
        raise typer.Exit(1)


_storage = typer.Typer(
    name="storage", help="Look whether uploads work; set up a bucket for them.", no_args_is_help=True
)
_cli.add_typer(_storage)

_Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin", help="Where the app's pages come from, https://app.example.com; may be repeated."
    ),
]
_AppName = Annotated[str | None, typer.Option(help="The app's name, as the nodes have it.")]


@_storage.command("check")
def storage_check(origin: _Origins = None, app_name: _AppName = None) -> None:
    """Write, read, list and remove a file as apps and browsers do, and say what to fix."""
    from flet_cluster.settings import Settings  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.storage import check  # noqa: PLC0415  the same

    if not check(Settings.read({"app_name": app_name}), origin or (), typer.echo):
        raise typer.Exit(1)


@_storage.command("init")
def storage_init(
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


@_cli.command()
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


@_cli.command()
def demo(
    target: Annotated[
        str | None, typer.Argument(help="app.py, pkg.mod, app.py:main; default: an app that comes along.")
    ] = None,
    *,
    nodes: Annotated[int, typer.Option(help="How many nodes to start.", min=1, max=9)] = 3,
    port: Annotated[int, typer.Option("--port", "-p", help="Port of the app; 0 for any free one.")] = 0,
    plain: Annotated[bool, typer.Option("--plain", help="Lines in place of a view.")] = False,
    storage: Annotated[bool, typer.Option("--storage/--no-storage", help="Run an S3 server, too.")] = True,
) -> None:
    """Run a whole cluster on this machine, to watch, and kill, drain and add nodes while you click."""
    from flet_cluster.demo.program import demo as run_demo  # noqa: PLC0415  only this command needs it

    run_demo(target, nodes=nodes, port=port, plain=plain, storage=storage)


def main() -> None:
    """Run the command line; known errors are one message on stderr."""
    try:
        _cli()
    except SettingsError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(_USAGE)
    except ClusterError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
