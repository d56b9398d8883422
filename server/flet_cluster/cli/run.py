"""``flet-cluster run`` (layer 5)."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer


def run(  # noqa: PLR0913  one parameter for each option
    target: Annotated[str, typer.Argument(help="app.py, folder, pkg.mod, app.py:main or pkg.mod:main")],
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
