"""Where the sessions of a deployment live (layer 0: imports the standard library only)."""

from __future__ import annotations

import enum


class Backend(enum.StrEnum):
    """Where the sessions of this deployment live."""

    MEMORY = "memory"
    """In this process; sessions end with it."""
    EMBEDDED = "embedded"
    """In a Valkey server that the supervisor starts; sessions survive workers, not the supervisor."""
    REDIS = "redis"
    """In the Redis that the operator names."""
