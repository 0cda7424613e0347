"""Server-sent events as they go over the wire (the HTML standard, section 9.2)."""

import json
from collections.abc import Mapping
from typing import Any, Final

MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

HEARTBEAT: Final = ": still here\n\n"
"""A comment, so that no proxy cuts a stream that has nothing to say."""

COME_AGAIN: Final = "retry: 2000\n\n"
"""The whole of a stream that cannot begin now: the client connects again by itself, as after no error number."""


def event(name: str, data: Mapping[str, Any], id: str) -> str:
    return f"id: {id}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
