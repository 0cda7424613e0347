"""Random names."""

import secrets
import uuid


def new_uuid() -> str:
    """A random UUID in the usual dashed spelling."""
    return str(uuid.uuid4())


def new_token(bits: int = 256) -> str:
    """URL-safe text that nobody guesses."""
    return secrets.token_urlsafe(bits // 8)
