"""Credentials that answer at once (layer 2: imports botocore).

boto3 finds credentials in many places, some of which are servers: it asks when somebody wants to sign, and
again shortly before they expire. A URL is signed in the middle of a handler, where nothing may be waited
for. So they are found before, in a thread, and renewed there; who signs takes what was found last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, RefreshableCredentials

from flet_cluster.errors import BlobStoreUnusable

if TYPE_CHECKING:
    from botocore.session import Session


class KeptCredentials(Credentials):  # type: ignore[misc]  # it is not typed
    """What was found last.

    Args:
        source: what boto3 has found; asked here, which may take a while.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._last = source.get_frozen_credentials()
        super().__init__(self._last.access_key, self._last.secret_key, self._last.token, source.method)

    @property
    def temporary(self) -> bool:
        """Whether they expire."""
        return isinstance(self._source, RefreshableCredentials)

    def renew(self) -> None:
        """Ask again if it is time; blocks. Raises what boto3 raises; the last ones stay."""
        self._last = self._source.get_frozen_credentials()

    def get_frozen_credentials(self) -> Any:
        """Return key, secret and token, which belong together."""
        return self._last


class _Found(CredentialProvider):  # type: ignore[misc]
    """Gives a session what was found already."""

    METHOD = "flet-cluster"

    def __init__(self, credentials: KeptCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> KeptCredentials:
        """Return it."""
        return self._credentials


def keep_credentials(session: Session) -> KeptCredentials:
    """Find the credentials of a session, and let it use them as they were last renewed; blocks.

    Raises:
        BlobStoreUnusable: there are none; says where they are looked for.
    """
    source = session.get_component("credential_provider").load_credentials()
    if source is None:
        raise BlobStoreUnusable(
            "no credentials for the bucket of uploads (FLET_CLUSTER_S3_BUCKET) were found. Set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine, the container "
            "or the pod a role; boto3's documentation has the whole list"
        )
    kept = KeptCredentials(source)
    session.register_component("credential_provider", CredentialResolver([_Found(kept)]))
    return kept
