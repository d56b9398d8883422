"""A drop-in for ``flet.fastapi`` and ``flet_web.fastapi`` whose sessions outlive their process (layer 5).

    import flet_cluster.fastapi as flet_fastapi

    app = flet_fastapi.FastAPI()
    app.mount("/sub-app", flet_fastapi.app(sub_main))
    app.mount("/", flet_fastapi.app(root_main))

Names and parameters are Flet's, those of its documentation and those of today. In a script that
``flet-cluster run`` hosts, ``import flet.fastapi`` is this package.
"""

from __future__ import annotations

from flet_cluster.fastapi.endpoints import FletApp, FletOAuth, FletStaticFiles, FletUpload
from flet_cluster.fastapi.manager import app_manager
from flet_cluster.fastapi.server import FastAPI
from flet_cluster.fastapi.whole import app

__all__ = [
    "FastAPI",
    "FletApp",
    "FletOAuth",
    "FletStaticFiles",
    "FletUpload",
    "app",
    "app_manager",
]
