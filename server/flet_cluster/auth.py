"""What apps import to let users sign in (layer 5: public names only)."""

from __future__ import annotations

from flet_cluster.errors import SignInFailed
from flet_cluster.host.openid import OpenIDProvider

__all__ = ["OpenIDProvider", "SignInFailed"]
