"""Stock Flet's server with the counter page, for comparison: ``python -m tests.bench.stock PORT``."""

from __future__ import annotations

import sys

import flet_web.fastapi  # type: ignore[import-untyped]
import uvicorn
from tests.bench.app import main

if __name__ == "__main__":
    application = flet_web.fastapi.app(main)
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
