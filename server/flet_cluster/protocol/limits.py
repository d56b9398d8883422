"""The bounds of one link (I7: everything is bounded). Layer 1: imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that both ends of a link keep. The node tells the browser its share in ``welcome``.

    Attributes:
        max_frame: bytes of one binary frame from the browser.
        max_control: characters of one text frame, either way.
        max_unacked_frames: frames from the browser that no commit has acknowledged yet (its send window).
        max_unacked_bytes: the same in bytes; one frame is always allowed.
        max_queue_frames: what a browser keeps in all, sent or not, before it stops taking input and says so.
        max_queue_bytes: the same in bytes.
        max_tail_frames: output frames kept for replay; with more the tail is trimmed and a late page is sent
            whole.
        max_tail_bytes: the same in bytes; also what may wait for a slow reader before its socket is closed.
        max_inbox_frames: inputs of clients a session may have waiting on the node, over all page loads.
        max_inbox_bytes: the same in bytes of memory; one input is always allowed.
        max_message: bytes of a message of ``page.pubsub``.
        max_outbox_bytes: what a session may have waiting to be published, in bytes.
        max_state: bytes of a session's snapshot; one with more keeps to its node. No more can be sealed.
        ack_every_frames: the browser acknowledges at the latest after so many output frames.
        idle_seconds: silence after which the node gives a socket up. Browsers ping every 12 s, but may
            throttle a hidden page's timers to one a minute, hence not less than two minutes.
    """

    max_frame: int = 16 * MIB
    max_control: int = 4096
    max_unacked_frames: int = 256
    max_unacked_bytes: int = 32 * MIB
    max_queue_frames: int = 4096
    max_queue_bytes: int = 64 * MIB
    max_tail_frames: int = 512
    max_tail_bytes: int = MIB
    max_inbox_frames: int = 1024
    max_inbox_bytes: int = 64 * MIB
    max_message: int = MIB
    max_outbox_bytes: int = 16 * MIB
    max_state: int = 256 * MIB
    ack_every_frames: int = 16
    idle_seconds: float = 150.0

    def __post_init__(self) -> None:
        """Refuse limits that would stop every link.

        Raises:
            ValueError: a limit is not positive; the message names it.
        """
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"Limits.{field.name} must be positive")
