"""The researcher's password, kept as a scrypt hash (RFC 7914)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from mvsd.errors import UserError

N, R, P = 2**15, 8, 1  # 32 MiB and some 0.1 s a guess
LEAST = 10  # characters


def hashed(password: str) -> str:
    """What to put in MVSD_RESEARCHER_HASH."""
    if len(password) < LEAST:
        raise UserError(f"The password has {len(password)} characters; {LEAST} are the least. Take a longer one.")
    salt = secrets.token_bytes(16)
    return f"scrypt:{N}:{R}:{P}:{b64encode(salt).decode()}:{b64encode(_scrypt(password, salt, N, R, P)).decode()}"


def matches(password: str, stored: str) -> bool:
    try:
        kind, n, r, p, salt, key = stored.split(":")
        made = _scrypt(password, b64decode(salt), int(n), int(r), int(p))
        return kind == "scrypt" and hmac.compare_digest(made, b64decode(key))
    except ValueError as error:
        raise UserError("MVSD_RESEARCHER_HASH is no hash. Make one with `python -m mvsd study password`.") from error


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
