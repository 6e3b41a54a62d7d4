"""The shared endpoint with pydantic instead of msgspec, for the layers whose names end in `-pydantic`."""

from pydantic import BaseModel, TypeAdapter, ValidationError

REFUSED: tuple[type[Exception], ...] = (ValidationError,)
"""What `endpoint` raises for a body that is not a User."""


class User(BaseModel):
    """share's User, as a pydantic model."""

    id: int
    name: str
    email: str


_users = TypeAdapter(User)


def endpoint(data: bytes) -> bytes:
    """Decode a User from a JSON body, make a new User from it, and encode that as JSON."""
    user = _users.validate_json(data)
    return _users.dump_json(User(id=user.id, name=user.name, email=user.email))
