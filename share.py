"""The one `User` and the one endpoint that every layer serves.

Layers that get the raw body call `endpoint`, so that only the layers differ, never the work. The others do the same
work with a library of their own, such as pydantic.
"""

import msgspec


class User(msgspec.Struct):
    """What a client sends, and what it gets back."""

    id: int
    name: str
    email: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(User)

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `endpoint` raises for a body that is not a `User`: malformed, wrongly typed, not UTF-8, or nested too deeply."""

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
"""The largest head and body, in bytes, that a layer accepts: memory stays bounded whatever a client sends."""
LINGER = 1.0
"""Seconds that a refused client gets to read the reason before the connection is closed."""


def endpoint(data: bytes) -> bytes:
    """Decode a `User` from a JSON body, make a new `User` from it, and encode that as JSON.

    Raises one of `REFUSED` when the body is not a `User`.
    """
    user = _decoder.decode(data)
    return _encoder.encode(User(id=user.id, name=user.name, email=user.email))


def refusal(why: object) -> bytes:
    """The JSON body that says why a request was refused, in the shape of FastAPI's own: `{"detail": "..."}`."""
    return _encoder.encode({"detail": str(why)})
