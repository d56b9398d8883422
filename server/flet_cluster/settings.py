"""Every option of flet-cluster in one frozen object (layer 0: imports pydantic and layer 0 only).

``Settings(...)`` holds exactly what it is given, so tests and embedding code are not influenced by the
environment. ``Settings.load(...)`` is what the command line uses: :mod:`flet_cluster.setting_sources` says
what it reads, and which of it counts; :mod:`flet_cluster.setting_checks`, what does not go together.

Secrets (the keys, passwords, and the Redis URL, which may hold one) are ``SecretStr``: they never appear in a
repr or a log line.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from flet_cluster import passwords, spellings
from flet_cluster.backend import Backend
from flet_cluster.errors import SettingsError
from flet_cluster.passwords import MAKE_A_KEY
from flet_cluster.setting_checks import check
from flet_cluster.setting_sources import FLET_VARIABLES, PREFIX, SCRIPT, Chosen, collect, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_KEY_LENGTH = 16


def _split(value: object) -> object:
    """Turn ``"a, b"`` into ``("a", "b")``: the form of lists in the environment."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


_Seconds = Annotated[float, Field(gt=0, le=366 * 86400, allow_inf_nan=False)]
_Color = Annotated[str, Field(pattern=r"^(#([0-9A-Fa-f]{3,4}){1,2}|[A-Za-z]*)$")]
_Endpoint = Annotated[str, BeforeValidator(spellings.url_path), Field(pattern=r"^[A-Za-z0-9._~/-]+$")]
_UrlPath = Annotated[str, BeforeValidator(spellings.url_path), Field(pattern=r"^[A-Za-z0-9._~/-]*$")]
_Level = Annotated[
    Literal["critical", "error", "warning", "info", "debug"], BeforeValidator(spellings.log_level)
]
_File = Annotated[Path, AfterValidator(Path.absolute)]


class Settings(BaseSettings):
    """All options, checked. Each field is also the variable ``FLET_CLUSTER_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    redis_url: SecretStr | None = None
    """Where the cluster's Redis is; None means memory or the embedded Valkey."""
    app_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    """Prefix of everything in Redis; the same on all nodes of one app. Empty: the script's name."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes on this machine."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all. Served by a command, an open one depends on the machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 for any free one. Served by a command, an open one depends on the machine."""
    uds_path: _File | None = None
    """Unix domain socket to listen on, in place of host and port."""
    force_web_server: bool = False
    """Behave as on a machine without a screen, whatever this one has."""
    open_browser: bool = True
    """Open the app in a browser where there is a screen."""
    display_url_prefix: str = ""
    """For tools that start an app: print this, the URL and the view, and leave the browser to them."""
    reload: bool = False
    """For development: when the app's code changes, a new worker takes over from the old one."""
    log_level: _Level = "info"
    """How much this package logs."""
    flet_log_level: _Level = "warning"
    """How much Flet, the app and the libraries log."""
    proxy_path: _UrlPath = ""
    """URL path that a proxy in front strips, without slashes around it."""
    ssl_certfile: _File | None = None
    """Certificate chain, PEM: serve HTTPS from here."""
    ssl_keyfile: _File | None = None
    """Its private key, PEM; None if the certificate's file holds it."""
    ssl_keyfile_password: SecretStr | None = None
    """Password of the key."""
    ssl_ca_certs: _File | None = None
    """Certificates, PEM, by which those of clients are checked."""
    ssl_cert_reqs: Annotated[
        Literal["none", "optional", "required"], BeforeValidator(spellings.cert_reqs)
    ] = "none"
    """Whether clients need a certificate."""
    ssl_ciphers: str | None = None
    """OpenSSL's list of ciphers; None for Python's choice."""
    drain_timeout: _Seconds = 30.0
    """Seconds a node may take to hand its sessions over when it is asked to stop."""
    rebalance_rate: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.0
    """Users a second that a crowded node lets go to nodes with room; 0 for none."""
    commit_interval: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    """0: no output before its state is committed. More: output at once, commits coalesced (seconds)."""
    store_patience: _Seconds = 10.0
    """Seconds that output waits for an unreachable store before the socket is closed with "retry later"."""
    store_warnings: bool = True
    """Say at start what makes this Redis risky for sessions: eviction, no persistence, no replica."""
    heartbeat_interval: _Seconds = 1.0
    """Seconds between a node's signs of life."""
    heartbeat_timeout: _Seconds = 5.0
    """Seconds without a sign of life after which a node counts as dead."""
    handshake_timeout: _Seconds = 10.0
    """Seconds a new socket may take to say hello."""
    disconnect_grace: _Seconds = 15.0
    """Seconds a browser that was cut off may take to come back before the app's ``on_disconnect`` runs."""
    on_upgrade: Literal["resume", "restart"] = "resume"
    """When no node has a session's version of the app any more: go on where that works, or always anew."""
    max_relays: Annotated[int, Field(ge=0, le=100_000)] = 5000
    """Sockets a node serves for others, or through others, at the same time; 0: none."""
    hibernate_after: Annotated[float, Field(ge=0, le=366 * 86400, allow_inf_nan=False)] = 60.0
    """Seconds of quiet after which a connected session's objects leave memory; 0: never."""
    lane_threads: Annotated[int, Field(ge=1, le=4096)] = 64
    """Worker threads for sync handlers; each session uses one at a time."""
    sync_handlers: Literal["thread", "loop"] = "thread"
    """Where sync handlers run: ``loop`` is for apps with objects that are bound to a thread."""
    max_frame_size: Annotated[int, Field(ge=65536, le=1 << 30)] = 16 * 1024 * 1024
    """Largest message a browser may send, bytes."""
    allowed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Origins besides the app's own that may open its socket; ``*`` for any."""
    cookie_samesite: Annotated[Literal["lax", "none"], BeforeValidator(spellings.lower)] = "lax"
    """Who may show the app: ``lax``: its own site; ``none``: other sites too, in a frame."""
    metrics: bool = False
    """Whether ``/metrics`` answers, to anybody who can reach the app's port."""
    traces: bool = False
    """Whether events are traced with OpenTelemetry, which is configured by its own variables."""
    cloudwatch_namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/#:-]{0,255}$")] = ""
    """Namespace in Amazon CloudWatch that gets the number of sessions every minute; empty: none does."""
    management_port: Annotated[int | None, BeforeValidator(spellings.port_or_off)] = 9700
    """Port of health checks and metrics, one for all workers of a machine; 0 for any free one; None: none."""
    management_host: str = "127.0.0.1"
    """Address of that port; 0.0.0.0 for all."""
    log_format: Annotated[Literal["console", "json"], BeforeValidator(spellings.lower)] = "console"
    """How log lines look: for people, or an object of JSON each."""
    dashboard_password: SecretStr | None = None
    """Lets operators see the dashboard: a password, or its hash (:mod:`flet_cluster.passwords`). None: there
    is no dashboard."""
    dashboard_path: Annotated[_UrlPath, Field(min_length=1)] = "flet-cluster"
    """Where the dashboard is, from the root of the host, without slashes around it."""
    forwarded_allow_ips: str = "127.0.0.1,::1"
    """Proxies (addresses, networks or ``*``) whose X-Forwarded-* headers are believed."""

    secret_key: SecretStr | None = None
    """Seals sessions, signs upload URLs and OAuth states. The same on all nodes."""
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)] = ()
    """Earlier keys that may still open what they sealed."""
    session_timeout: _Seconds = 3600.0
    """Seconds a session is kept after its user has gone."""
    pubsub_retention: _Seconds = 3600.0
    """Seconds that messages of ``page.pubsub`` are kept for sessions whose users are away."""
    pubsub_length: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Messages of ``page.pubsub`` that are kept at most."""
    pubsub_bytes: Annotated[int, Field(ge=1 << 22)] = 1 << 28
    """Bytes of memory that they may take in the store, about."""
    oauth_state_timeout: _Seconds = 600.0
    """Seconds a user may take to sign in elsewhere."""
    oauth_timeout: Annotated[float, Field(ge=0.1, le=60)] = 10.0
    """Seconds an identity provider may take to answer a node."""
    no_cdn: bool = True
    """Serve CanvasKit, Pyodide and fonts from here; the browser needs no other server."""
    use_color_emoji: bool = False
    """With ``no_cdn``: let the browser get the font of coloured emojis from Google all the same."""
    web_renderer: Annotated[Literal["auto", "canvaskit", "skwasm"], BeforeValidator(spellings.renderer)] = (
        "auto"
    )
    """Flutter's renderer."""
    route_url_strategy: Annotated[Literal["path", "hash"], BeforeValidator(spellings.lower)] = "path"
    """Whether routes are paths or fragments."""
    app_path: _UrlPath = ""
    """URL path under which the app is served, without slashes around it; empty for the root."""
    assets_dir: _File | None = None
    """Folder of files to serve beside Flet's own."""
    cache_dir: _File | None = None
    """Folder for compressed files of the web client; None for one of this user's own."""
    pwa_name: str = ""
    """Name of the app in the browser's tab and when installed; empty keeps Flet's."""
    pwa_short_name: str = ""
    """Name below the icon of the installed app; empty for :attr:`pwa_name`."""
    pwa_description: str = ""
    """What the app does, for who installs it; empty keeps Flet's."""
    pwa_theme_color: _Color = ""
    """Colour of the installed app's title bar; empty keeps Flet's."""
    pwa_background_color: _Color = ""
    """Colour of the installed app's window until it is painted; empty keeps Flet's."""
    upload_dir: _File | None = None
    """Folder for uploads; None if the app takes none (or keeps them in a blob store)."""
    max_upload_size: Annotated[int, BeforeValidator(spellings.size), Field(ge=1)] | None = None
    """Largest upload, bytes or text such as ``10MB``; None for no limit."""
    s3_bucket: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9])?$")] = ""
    """Bucket for uploads, in place of a folder; empty for none. Credentials are found by boto3 itself."""
    s3_endpoint_url: Annotated[str, BeforeValidator(spellings.endpoint)] | None = None
    """Where its server answers, for browsers as well; None for Amazon's."""
    s3_region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Its region; None for what boto3 is configured with."""
    s3_addressing_style: (
        Annotated[Literal["auto", "path", "virtual"], BeforeValidator(spellings.lower)] | None
    ) = None
    """Whether the bucket is in the URL's path or host; None: the path at an endpoint of one's own."""
    upload_prefix: Annotated[str, AfterValidator(spellings.upload_prefix)] | None = None
    """What names of uploads begin with: may hold ``{app}`` and ``{session}``; ``/`` for nothing. None: each
    session has a folder in a bucket, and none on a disk, as in Flet."""
    websocket_endpoint: _Endpoint = "ws"
    """Path of the socket below the app's path."""
    upload_endpoint: _Endpoint = "upload"
    """Path of uploads below the app's path."""
    oauth_callback_endpoint: _Endpoint = "oauth_callback"
    """Path where identity providers send users back to, below the app's path."""

    _remarks: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the base class passes it
        init_settings: PydanticBaseSettingsSource,
        *_args: PydanticBaseSettingsSource,
        **_kwargs: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed: the environment is read by :meth:`load`, where its precedence is decided."""
        return (init_settings,)

    @field_validator("secret_key", "secret_key_fallbacks")
    @classmethod
    def _long_enough(cls, value: Any) -> Any:
        keys = value if isinstance(value, tuple) else (value,)
        if any(key is not None and len(key.get_secret_value()) < MIN_KEY_LENGTH for key in keys):
            raise ValueError(f"a key has at least {MIN_KEY_LENGTH} characters; make one: {MAKE_A_KEY}")
        return value

    @field_validator("dashboard_password")
    @classmethod
    def _not_weak(cls, value: SecretStr | None) -> SecretStr | None:
        trouble = passwords.weakness(value.get_secret_value()) if value is not None else ""
        if trouble:
            raise ValueError(f"{trouble}; make a good one: {MAKE_A_KEY}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"a Redis URL starts with one of {', '.join(schemes)}")
        if value is not None and not _has_an_address(value.get_secret_value()):
            raise ValueError(
                "no address can be read from this Redis URL; is the port a number, and are characters such "
                "as # / ? @ [ ] in the password percent-encoded?"
            )
        return value

    @field_validator("heartbeat_timeout")
    @classmethod
    def _longer_than_interval(cls, value: float, info: Any) -> float:
        interval = info.data.get("heartbeat_interval", 0.0)
        if value < 2 * interval:
            raise ValueError(f"must be at least twice the heartbeat interval ({interval:g} s)")
        return value

    @classmethod
    def load(
        cls, command_line: Mapping[str, Any] | None = None, script: Mapping[str, Any] | None = None
    ) -> Self:
        """Read everything there is, in the documented order, and see whether it fits together.

        Args:
            command_line: field → value, for options given on the command line. None values count as absent.
            script: field → value, from the script's own ``ft.run`` arguments. None values count as absent.

        Raises:
            SettingsError: a value is not allowed, or the combination cannot work.
        """
        settings = cls.read(command_line, script)
        check(settings)
        return settings

    @classmethod
    def read(
        cls, command_line: Mapping[str, Any] | None = None, script: Mapping[str, Any] | None = None
    ) -> Self:
        """Do the same without looking at combinations: as long as the script is not known, they may be right.

        Raises:
            SettingsError: a value is not allowed.
        """
        chosen = collect(cls, command_line, script)
        try:
            settings = cls(**{name: value for name, (value, _) in chosen.items()})
        except ValidationError as error:
            raise SettingsError(explain(error, chosen)) from None
        remarks = spellings.remarks({origin: (name, value) for name, (value, origin) in chosen.items()})
        return settings._with_assets(chosen, remarks)

    def _with_assets(self, chosen: Mapping[str, Chosen], remarks: list[str]) -> Self:
        """Do without a folder of assets that is not there, if nobody says on purpose that it is.

        A script may run elsewhere than it was written, as in Flet; and Flet's own tools, which announce
        themselves by a prefix, name the folder in the environment without looking.
        """
        if self.assets_dir is None or self.assets_dir.is_dir():
            update = {}
        else:
            origin = chosen["assets_dir"][1]
            trouble = f"{origin} = {str(self.assets_dir)!r}: there is no such folder"
            by_a_tool = bool(self.display_url_prefix) and origin == FLET_VARIABLES["assets_dir"]
            if not by_a_tool and not origin.startswith(SCRIPT):
                raise SettingsError(trouble)
            update, remarks = {"assets_dir": None}, remarks + ([] if by_a_tool else [trouble])
        settings = self.model_copy(update=update)
        settings._remarks = tuple(remarks)  # noqa: SLF001  its own
        return settings

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the operator should know about what was asked for: one sentence each, for the log."""
        return self._remarks

    @property
    def framed(self) -> bool:
        """Whether pages of other sites may show the app in a frame, with its sessions."""
        return self.cookie_samesite == "none"

    @property
    def backend(self) -> Backend:
        """Where sessions live under these settings."""
        if self.redis_url is not None:
            return Backend.REDIS
        return Backend.EMBEDDED if self.supervised else Backend.MEMORY

    @property
    def supervised(self) -> bool:
        """Whether worker processes serve, or the process that was started does so itself."""
        return self.workers > 1 or self.reload

    def is_set(self, name: str) -> bool:
        """Whether somebody gave a value to this field, even its default."""
        return name in self.model_fields_set

    def with_secret_key(self) -> Self:
        """Return these settings, with a random key for the life of this process if there is none."""
        if self.secret_key is not None:
            return self
        return self.model_copy(update={"secret_key": SecretStr(secrets.token_urlsafe(32))})

    def with_values(self, **values: Any) -> Self:
        """Return these settings with some fields replaced, and checked like any others."""
        changed = type(self)(**{**self.plain(), **values})
        changed._remarks = self._remarks  # noqa: SLF001  of the same class
        return changed

    def key_ring(self) -> tuple[str, ...]:
        """Return the secret keys, newest first. Not for logs.

        Raises:
            SettingsError: there is no key (:meth:`with_secret_key` makes one).
        """
        if self.secret_key is None:
            raise SettingsError(f"No secret key: set FLET_SECRET_KEY. Make one with {MAKE_A_KEY}")
        return tuple(key.get_secret_value() for key in (self.secret_key, *self.secret_key_fallbacks))

    def plain(self) -> dict[str, Any]:
        """Everything that was set, with secrets in clear, to hand to a worker over a pipe. Not for logs."""
        return {
            name: _uncover(getattr(self, name))
            for name in self.model_fields_set | {"secret_key", "redis_url"}
        }


def _has_an_address(url: str) -> bool:
    """Whether a URL can be taken apart. Who tries it later says in its error what it took for a port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return port != 0 and not parts.fragment


def _uncover(value: Any) -> Any:
    """Reduce a field's value to JSON types."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_uncover(item) for item in value]
    return value
