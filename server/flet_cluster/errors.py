"""Every error of flet-cluster, in one tree (layer 0: imports the standard library only).

ClusterError
├── SettingsError              a setting is missing or wrong; names the setting and the next step
├── ProgramError               the app cannot be loaded; says what to do
├── StartFailed                the app is there, but no node of it comes up
├── StartRefused               nor will it, until somebody changes a setting
├── NotThere                   what an operator names is not there
│   ├── NoSuchNode             no node of that id gives signs of life
│   ├── NoSuchSession          nothing is known of it
│   ├── AmbiguousSession       several ids begin so
│   └── AmbiguousNode          several ids begin so
├── NoAnswer                   a node lives, and does not do what an operator wants
├── CheckFailed                ``flet-cluster check`` could not open a session and resume it
├── FletNotSupported           the installed Flet lacks something the host needs
├── SnapshotError
│   ├── NotPortable            an object of the session cannot travel; carries its path
│   ├── GraphChanged           a thread changed the session while it was captured (retry)
│   └── SnapshotOutdated       the app's code is not the code the snapshot was taken from
├── SealBroken                 a sealed payload does not verify
├── ProtocolError              the peer broke the link's rules; carries a close code
├── StoreError
│   ├── StoreUnavailable       the store does not answer (retry later)
│   │   └── StoreRefuses       it answers, and refuses until somebody changes a setting
│   ├── StoreRecovering        the store lost data and is being refilled (retry later)
│   ├── SessionMissing         no such record
│   ├── SessionExpired         the record's deadline has passed
│   ├── SessionDeleted         the session was closed for good (tombstone)
│   ├── SessionExists          create() of an id that has a record
│   ├── InboxFull              nobody takes what waits for this session
│   ├── SessionBusy            its holder cannot let go of it yet (retry: it may be the next node)
│   │   └── SessionElsewhere   ... and would serve it over another node's socket
│   └── Fenced                 somebody else owns the session now
├── BlobError
│   ├── BadBlobName            the name leads out of the store, or nowhere (a ValueError too)
│   ├── BlobMissing            there is none of that name (a LookupError too)
│   ├── BlobTooLarge           more bytes than are allowed
│   ├── BlobIncomplete         fewer bytes came than were announced
│   ├── BlobStoreFull          no room for it
│   └── BlobStoreUnusable      the store cannot be written at all
│       └── BlobStoreUnavailable   it is elsewhere, and does not answer or refuses
├── UploadsDisabled            the app keeps no uploads (a RuntimeError too, as in Flet)
├── UploadRefused              an upload's URL was not signed for it
├── UploadExpired              it was, but not for so long
├── SignInFailed               a sign-in could not be completed; the message is for its user
├── MessageRefused             page.pubsub cannot send this (a ValueError too)
├── BusUnavailable             the bus does not answer (costs latency only)
└── TokenRefused               a session token does not verify
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flet_cluster.model import Lease


class ClusterError(Exception):
    """Root of all errors this package raises on purpose."""


class SettingsError(ClusterError):
    """A setting is missing or wrong. The message names the setting, its value and what to do."""


class ProgramError(ClusterError):
    """The app to be hosted is not there, or failed while it was loaded. The message says what to do."""


class StartFailed(ClusterError):
    """A node did not come up, or no worker did. The message is what it had to say itself."""


class StartRefused(ClusterError):
    """A node cannot come up until somebody changes something. The message says what."""


class NotThere(ClusterError):
    """What an operator names is not there."""


class NoSuchNode(NotThere):
    """No node of that id gives signs of life."""


class NoSuchSession(NotThere):
    """Nothing is known of a session."""


class AmbiguousSession(NotThere):
    """Several sessions' ids begin so."""


class AmbiguousNode(NotThere):
    """Several nodes' ids begin so."""


class NoAnswer(ClusterError):
    """A node lives, and does not do what an operator wants."""


class CheckFailed(ClusterError):
    """An app that was visited from outside did not serve, or did not go on elsewhere. Says what was seen."""


class FletNotSupported(ClusterError):
    """The installed Flet release lacks an internal name that the host depends on."""


class SnapshotError(ClusterError):
    """A session could not be captured or rebuilt."""


class NotPortable(SnapshotError):
    """An object reachable from the session cannot travel to another process.

    Args:
        path: how to get from the page to the object, for example
            ``page.views[0].controls[2].on_click → closure 'db' → sqlite3.Connection``.
        reason: one sentence that says why, and what to do about it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class GraphChanged(SnapshotError):
    """Another thread changed the session while it was being captured. Capture it again in a moment."""


class SnapshotOutdated(SnapshotError):
    """The snapshot refers to code that this process does not have in that form.

    Args:
        reference: the module and qualified name that changed or is gone, ``app:main.<locals>.add``.
        reason: what is different.
    """

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"{reference}: {reason}")
        self.reference = reference
        self.reason = reason


class SealBroken(ClusterError):
    """A sealed payload does not verify: wrong key, wrong place, or changed bytes."""


class ProtocolError(ClusterError):
    """The peer broke a rule of the link.

    Args:
        code: websocket close code, one of :mod:`flet_cluster.protocol.close`.
        reason: short text for the close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} (close code {code})")
        self.code = code
        self.reason = reason


class StoreError(ClusterError):
    """Something about the session store."""


class StoreUnavailable(StoreError):
    """The store does not answer. Whether the last write was applied is unknown: repeat it."""


class StoreRefuses(StoreUnavailable):
    """The store answers, and refuses: the password, a permission. Repeating does not help."""


class StoreRecovering(StoreError):
    """The store came back without its data and nodes are refilling it. Retry later."""


class SessionMissing(StoreError):
    """There is no record of the session."""


class SessionExpired(StoreError):
    """The record is there, but its deadline has passed."""


class SessionDeleted(StoreError):
    """The session was closed for good; a tombstone forbids to write it again."""


class SessionExists(StoreError):
    """A record of that id is already there."""


class Fenced(StoreError):
    """The write came from a lease that is no longer the current one.

    Args:
        session_id: the session.
        owner: who owns it now ("" for nobody).
        epoch: the current epoch.
    """

    def __init__(self, session_id: str, owner: str, epoch: int) -> None:
        super().__init__(f"session {session_id} is owned by {owner or 'nobody'} at epoch {epoch}")
        self.session_id = session_id
        self.owner = owner
        self.epoch = epoch


class SignInFailed(ClusterError):
    """A sign-in, or the renewal of its token, could not be completed.

    Args:
        message: for the user; says what to do.
        detail: for the operator's log: what exactly happened, without secrets.
        error: the OAuth error code that the provider gave, if any.
    """

    def __init__(self, message: str, detail: str = "", error: str = "") -> None:
        super().__init__(message)
        self.detail = detail
        self.error = error


class MessageRefused(ClusterError, ValueError):
    """``page.pubsub`` cannot send a message: something in it cannot travel, or it is too big. Names what."""


class BusUnavailable(ClusterError):
    """The bus does not answer. Nothing depends on it but latency (I4)."""


class TokenRefused(ClusterError):
    """A session token does not verify, or comes from another browser than the one it was given to."""


class SessionBusy(StoreError):
    """Another node has the session and cannot let go of it yet. Retry later."""


class SessionElsewhere(SessionBusy):
    """Another node has the session, keeps it for now, and serves it over a socket that is here.

    Args:
        lease: that node's; a :class:`flet_cluster.model.Lease`.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"session {lease.session_id} stays on node {lease.owner} for now")
        self.lease = lease


class InboxFull(StoreError):
    """As much waits in the session's inbox as may."""


class BlobError(ClusterError):
    """Something about uploaded files. The message may be shown to whoever uploads."""


class BadBlobName(BlobError, ValueError):
    """A name that no blob can have: it leads out of the store, or nowhere."""


class BlobMissing(BlobError, LookupError):
    """There is no blob of that name."""


class BlobTooLarge(BlobError):
    """A blob has more bytes than are allowed."""


class BlobIncomplete(BlobError):
    """Fewer or more bytes came than were announced."""


class BlobStoreFull(BlobError):
    """There is no room for a blob."""


class BlobStoreUnusable(BlobError):
    """The blob store cannot be written: a permission, a file where a folder should be."""


class BlobStoreUnavailable(BlobStoreUnusable):
    """The blob store is another server, which does not answer, or refuses."""


class UploadsDisabled(ClusterError, RuntimeError):
    """The app asks for an upload's URL, or for its uploads, but has nowhere to put them."""


class UploadRefused(ClusterError):
    """The URL of an upload was not signed here for this file."""


class UploadExpired(ClusterError):
    """The URL of an upload is older than it may be."""
