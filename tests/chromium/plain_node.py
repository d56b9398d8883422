"""A node whose pages come without resume.js; run it with ``-m tests.chromium.plain_node``."""

from __future__ import annotations

import functools

from flet_cluster import application
from flet_cluster.cli import main
from flet_cluster.http.static import WebClient

if __name__ == "__main__":
    vars(application)["WebClient"] = functools.partial(WebClient, resume_js=b"")
    main()
