"""Seals what leaves the process: compressed when it pays, then encrypted and authenticated (layer 1).

AES-GCM with a key derived by HKDF-SHA256 (RFC 5869) for each secret and purpose. What the payload belongs
to (app, session, commit number) is the associated data: a seal moved to another place does not open.
Imports the standard library, cryptography, zstandard and layer 0.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flet_cluster.errors import SealBroken, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

Context = tuple[str | int, ...]

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_KEY_BYTES = 32
_PLAIN, _ZSTD = b"\x00", b"\x01"
_WORTH_COMPRESSING = 512
_MAX_PAYLOAD = 256 * 1024 * 1024
_SALT = b"flet-cluster seal 1"


class KeyRing:
    """Seals with the newest secret, opens with any.

    Layout: version, key id (4 bytes: which key, so that a wrong one is not even tried), nonce, AES-GCM of
    (compression kind, payload). 96-bit random nonces: safe for 2^32 seals under one key (NIST SP 800-38D).

    Args:
        secrets: newest first; the others are kept to open what they sealed.
        max_payload: the largest payload that is sealed or opened, uncompressed.

    Raises:
        SettingsError: there is no secret.
    """

    def __init__(self, secrets: Sequence[str], *, max_payload: int = _MAX_PAYLOAD) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets if secret)
        if not self._secrets:
            raise SettingsError("no secret to seal sessions with: set FLET_SECRET_KEY to a long random text")
        self._max_payload = max_payload
        self._keys = lru_cache(maxsize=64)(self._derive)

    def seal(self, payload: bytes, *, purpose: str, context: Context) -> bytes:
        """Return the sealed payload, to be opened for the same purpose and context only.

        Raises:
            ValueError: the payload is larger than allowed.
        """
        if len(payload) > self._max_payload:
            raise ValueError(f"{len(payload)} bytes to seal, at most {self._max_payload} are allowed")
        key_id, cipher = self._keys(purpose)[0]
        nonce = os.urandom(_NONCE_BYTES)
        head = _VERSION + key_id
        return head + nonce + cipher.encrypt(nonce, _pack(payload), head + encode(context))

    def open(self, sealed: bytes, *, purpose: str, context: Context) -> bytes:
        """Return the payload.

        Raises:
            SealBroken: no key fits, the bytes were changed, or they belong to another purpose or context.
        """
        head, nonce = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES : 1 + _ID_BYTES + _NONCE_BYTES]
        if len(nonce) < _NONCE_BYTES or head[:1] != _VERSION:
            raise SealBroken("this is not a sealed payload")
        secret = sealed[1 + _ID_BYTES + _NONCE_BYTES :]
        for key_id, cipher in self._keys(purpose):
            if key_id == head[1:]:
                try:
                    return self._unpack(cipher.decrypt(nonce, secret, head + encode(context)))
                except InvalidTag:
                    continue
        raise SealBroken(f"a sealed {purpose} does not verify: another key, another place, or changed bytes")

    def _derive(self, purpose: str) -> list[tuple[bytes, AESGCM]]:
        keys = []
        for secret in self._secrets:
            size = _ID_BYTES + _KEY_BYTES
            material = HKDF(SHA256(), size, salt=_SALT, info=purpose.encode()).derive(secret)
            keys.append((material[:_ID_BYTES], AESGCM(material[_ID_BYTES:])))
        return keys

    def _unpack(self, packed: bytes) -> bytes:
        kind, body = packed[:1], packed[1:]
        if kind == _PLAIN:
            return body
        try:
            size = zstandard.frame_content_size(body)
            if kind != _ZSTD or not 0 <= size <= self._max_payload:
                raise SealBroken(
                    f"a sealed payload claims {size} bytes, at most {self._max_payload} are allowed"
                )
            return zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
        except zstandard.ZstdError as error:
            raise SealBroken("a sealed payload cannot be decompressed") from error


_thread = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: making one costs more than compressing a session with it."""
    try:
        found: zstandard.ZstdCompressor = _thread.compressor
    except AttributeError:
        found = _thread.compressor = zstandard.ZstdCompressor(level=-1)
    return found


def _pack(payload: bytes) -> bytes:
    """Compress when that saves an eighth or more."""
    if len(payload) >= _WORTH_COMPRESSING:
        smaller = _compressor().compress(payload)
        if len(smaller) < len(payload) - len(payload) // 8:
            return _ZSTD + smaller
    return _PLAIN + payload


def encode(context: Context) -> bytes:
    """Encode a context: type and length before each item, so that no two contexts give the same bytes."""
    return b"".join([_encode_text(item) if type(item) is str else _encode(item) for item in context])


def _encode(item: str | int) -> bytes:
    raw = str(item).encode("utf-8", "surrogatepass")
    return (b"i" if isinstance(item, int) else b"s") + len(raw).to_bytes(4, "little") + raw


_encode_text = lru_cache(maxsize=4096)(_encode)
"""Names, ids of sessions: each comes again with the next commit."""
