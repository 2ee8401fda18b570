"""Who is asking: until people can sign in there is one local owner, and only loopback is served."""

from dataclasses import dataclass
from typing import Literal

from app.adapters.models import LOCAL_OWNER
from app.core.errors import NotFound

Role = Literal["administrator", "member"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who a request is made for."""

    id: str
    name: str
    role: Role

    @property
    def is_administrator(self) -> bool:
        """Say whether they may see and change what is everybody's."""
        return self.role == "administrator"


def person() -> Person:
    """Give the person the request is made for."""
    return Person(LOCAL_OWNER, "You", "administrator")


def owner() -> str:
    """Give the id of the person the request is made for."""
    return person().id


def require_administrator() -> Person:
    """Give the administrator who asks; to anyone else the place is not there (NotFound)."""
    asking = person()
    if not asking.is_administrator:
        raise NotFound("There is nothing here.")
    return asking
