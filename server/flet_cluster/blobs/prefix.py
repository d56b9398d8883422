"""Where among all blobs those of one session are (layer 2: imports the standard library and layers 0 to 2).

A prefix is a template: ``{app}`` and ``{session}`` in it become the app's name and a name for the session.
That name leads to no secret: it is a hash, while the session's own id is half of what its token is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from flet_cluster.blobs.names import checked

SHARED_STORE: Final = "{app}/{session}/"
"""The default in a bucket, which other apps and users share."""
ONE_FOLDER: Final = ""
"""The default on a disk: Flet says that files are at the folder's path and the given name."""


@dataclass(frozen=True, slots=True)
class UploadPrefix:
    """What the names of an app's blobs begin with.

    Args:
        template: ends in a slash, or is empty; see :meth:`of`.
        app_name: the app.
    """

    template: str
    app_name: str

    def of(self, session_id: str) -> str:
        """Return what the names of a session's blobs begin with: "", or what ends in a slash."""
        return self.template.replace("{app}", self.app_name).replace(
            "{session}", session_name(self.app_name, session_id)
        )

    def key(self, session_id: str, name: str) -> str:
        """Return the whole name of a blob that the app calls ``name``.

        Raises:
            BadBlobName: no blob can be called that (it is a ValueError).
        """
        return checked(self.of(session_id) + checked(name))


def session_name(app_name: str, session_id: str) -> str:
    """Return a name for a session that does not tell its id: 32 characters of 0-9a-f, always the same."""
    return hashlib.sha256(f"flet-cluster.uploads\0{app_name}\0{session_id}".encode()).hexdigest()[:32]
