"""Which bucket, and how to reach it (layer 2: imports the standard library only)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class S3Options:
    """What the operator says. Credentials are not among it: boto3 finds them, where AWS' tools do.

    Attributes:
        bucket: its name.
        endpoint_url: where the server answers, for browsers as well; None for Amazon's.
        region: None for what boto3 is configured with, else that of the endpoint.
        listed: what names begin with that may be listed, where the app's role may not list others.
        addressing_style: ``path``, ``virtual`` or ``auto``; None for ``path`` at an endpoint of one's own.
    """

    bucket: str
    endpoint_url: str | None = None
    region: str | None = None
    addressing_style: str | None = None
    listed: str = ""

    @property
    def style(self) -> str:
        """The style that is used: ``path`` or ``virtual``.

        What boto3 takes for ``auto`` signs URLs for Amazon's common address, which redirects browsers to that
        of the region; the question about CORS does not survive that.
        """
        style = self.addressing_style or ("path" if self.endpoint_url else "auto")
        if style != "auto":
            return style
        return "path" if "." in self.bucket else "virtual"  # no certificate is for a.b.s3.amazonaws.com

    @property
    def place(self) -> str:
        """For messages to the operator."""
        return f"the bucket {self.bucket!r} at {self.endpoint_url or 'Amazon S3'}"
