"""Certificates, tried before anything serves (layer 5: imports settings and errors; serves nothing)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SettingsError

if TYPE_CHECKING:
    from flet_cluster.settings import Settings

_REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def options(settings: Settings) -> dict[str, Any]:
    """Return uvicorn's arguments for TLS, checked; none if it is not wanted.

    Raises:
        SettingsError: a file is missing or is not what it should be; names the setting.
    """
    if settings.ssl_certfile is None:
        _refuse_rest(settings)
        return {}
    _check_files(settings)
    password = settings.ssl_keyfile_password.get_secret_value() if settings.ssl_keyfile_password else None
    found = {
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
        "ssl_keyfile_password": password,
        "ssl_ca_certs": settings.ssl_ca_certs,
        "ssl_cert_reqs": _REQUIREMENTS[settings.ssl_cert_reqs],
        "ssl_ciphers": settings.ssl_ciphers,
    }
    _try_out(settings, password)
    return found


def _refuse_rest(settings: Settings) -> None:
    """Refuse settings of TLS without a certificate: a typing error would otherwise serve plain HTTP."""
    rest = ("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers")
    given = [name for name in rest if getattr(settings, name) is not None]
    if given or settings.ssl_cert_reqs != "none":
        named = f"--{(given or ['ssl_cert_reqs'])[0].replace('_', '-')}"
        raise SettingsError(f"{named} needs a certificate: add --ssl-certfile or FLET_CLUSTER_SSL_CERTFILE.")


def _check_files(settings: Settings) -> None:
    for name in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        path = getattr(settings, name)
        if path is None:
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            raise SettingsError(
                f"--{name.replace('_', '-')} (FLET_CLUSTER_{name.upper()}) = {str(path)!r}: "
                f"{error.strerror or error}"
            ) from error


def _try_out(settings: Settings, password: str | None) -> None:
    """Load everything once; without a password OpenSSL would ask for one on the terminal."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(str(settings.ssl_certfile), settings.ssl_keyfile, lambda: password or "")
    except (ssl.SSLError, ValueError) as error:
        key = settings.ssl_keyfile or settings.ssl_certfile
        raise SettingsError(
            f"The certificate {settings.ssl_certfile} with the key {key} cannot be used: {error}. Both are "
            "PEM files and belong together. Does the key have another password "
            "(FLET_CLUSTER_SSL_KEYFILE_PASSWORD)?"
        ) from error
    try:
        if settings.ssl_ca_certs is not None:
            context.load_verify_locations(settings.ssl_ca_certs)
    except ssl.SSLError as error:
        raise SettingsError(f"--ssl-ca-certs = {str(settings.ssl_ca_certs)!r}: {error}") from error
    try:
        if settings.ssl_ciphers is not None:
            context.set_ciphers(settings.ssl_ciphers)
    except ssl.SSLError as error:
        raise SettingsError(
            f"--ssl-ciphers = {settings.ssl_ciphers!r}: OpenSSL knows none of them"
        ) from error
