"""Asks this container's node whether it lives: exit status 0 if so. Imports no more than it must."""

import http.client
import os
import sys

MANAGEMENT = os.environ.get("FLET_CLUSTER_MANAGEMENT_PORT") or "9700"
# Where there is none (off), or one that nobody knows (0), the app's own port answers as well.
PORT = int(MANAGEMENT if MANAGEMENT.strip("0").isdigit() else os.environ.get("FLET_CLUSTER_PORT") or 8000)
OK = 200

try:
    node = http.client.HTTPConnection("127.0.0.1", PORT, timeout=4)
    node.request("GET", "/healthz")
    answer = node.getresponse()
    said = answer.read(1000).decode(errors="replace")
except OSError as error:
    sys.exit(f"no answer on port {PORT}: {error}")
if answer.status != OK:
    sys.exit(f"{answer.status}: {said}")
