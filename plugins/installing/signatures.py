"""Signatures of archives: Ed25519 over the archive's bytes, by keys that the operator trusts."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from django.core.exceptions import ValidationError

from plugins.conf import plugin_settings


def signer_of(archive: Path, signature: bytes) -> str:
    """Return the name of the trusted key that made this signature of the archive's bytes.

    The signature is the 64 bytes themselves, or those in base64 or hexadecimal.

    Raises:
        ValidationError: `signature`; no trusted key fits.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _bytes_of(signature, 64)
    if raw is None:
        raise ValidationError({"signature": "This is not an Ed25519 signature: 64 bytes, or those in base64."})
    keys = plugin_settings().TRUSTED_KEYS
    content = archive.read_bytes()
    for name, key in keys.items():
        public = _bytes_of(key.encode(), 32)
        if public is None:
            continue  # plugins.E001 names it at start
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw, content)
        except InvalidSignature:
            continue
        return name
    known = f"of the trusted keys ({', '.join(keys)})" if keys else "key, because PLUGIN_TRUSTED_KEYS names none"
    raise ValidationError({"signature": f"The signature fits none {known}. The archive may have been changed."})


def is_public_key(text: str) -> bool:
    """Tell whether a setting's value is an Ed25519 public key in base64 or hexadecimal."""
    return _bytes_of(text.encode(), 32) is not None


def check_sum(given: str, actual: str) -> None:
    """Compare a checksum as people paste it (`sha256:…`, capitals, a file name behind it) with the archive's.

    Raises:
        ValidationError: `checksum`.
    """
    words = given.strip().lower().removeprefix("sha256:").split()
    wanted = words[0] if words else ""
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise ValidationError({"checksum": "A SHA-256 has 64 hexadecimal digits."})
    if wanted != actual:
        raise ValidationError({"checksum": f"The archive's SHA-256 is {actual}. It is not the one you were given."})


def _bytes_of(text: bytes, length: int) -> bytes | None:
    if len(text) == length:
        return text
    compact = b"".join(text.split())
    if re.fullmatch(rb"[0-9a-fA-F]{%d}" % (2 * length), compact):
        return bytes.fromhex(compact.decode())
    try:
        found = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == length else None
