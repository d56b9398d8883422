"""Stock Flet's server, by default with the counter page: ``python -m tests.bench.stock PORT [MODULE]``."""

from __future__ import annotations

import importlib
import sys

import flet_web.fastapi  # type: ignore[import-untyped]
import uvicorn

if __name__ == "__main__":
    module = importlib.import_module(sys.argv[2] if len(sys.argv) > 2 else "tests.bench.app")
    application = flet_web.fastapi.app(module.main)
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
