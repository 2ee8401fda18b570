"""The errors Rill raises: each knows its HTTP status and the sentence for the person reading."""

from dataclasses import dataclass, field
from typing import Literal

#: What a failure means to who asked: it may pass, the key or the account is refused, the request itself is, what
#: answers is not Claude, or the reply broke off.
Kind = Literal["busy", "account", "request", "foreign", "cut"]


class RillError(Exception):
    """Base of every error that may reach a person; ``str(error)`` is a full sentence."""

    status = 500


class ConfigurationError(RillError):
    """The environment does not make sense; the sentence names the variable."""


class NotFound(RillError):
    """There is no such thing, or it belongs to somebody else."""

    status = 404


class Malformed(RillError):
    """What was sent is not of the form that is documented; the sentence names the field."""

    status = 400


class UnsupportedType(RillError):
    """What was sent is of a media type that is not taken here."""

    status = 415


class SignInNeeded(RillError):
    """Nobody is signed in who could be asking."""

    status = 401


class Invalid(RillError):
    """What was sent cannot be accepted as it is."""

    status = 422


class Forbidden(RillError):
    """The request may not be made from there."""

    status = 403


class Conflict(RillError):
    """The thing is in a state that does not allow this now."""

    status = 409


class TooMany(RillError):
    """A person asks for more at once than one may; ``retry_after_s`` says when to try again."""

    status = 429

    def __init__(self, sentence: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Unavailable(RillError):
    """Rill cannot take this on at the moment."""

    status = 503


@dataclass(eq=False)
class Upstream(RillError):
    """Claude could not be reached, refused the request, or broke off.

    ``code`` is what is stored and logged (an Anthropic ``error.type`` or ``error_code``, or one of
    ``connect``, ``truncated``, ``timeout``, ``too_large``, ``bad_upstream``); ``sentence`` is for the
    person; ``retryable`` says whether the same request may succeed soon. ``said`` is what Claude said of the
    request, for who sent it alone: it may hold what they wrote.
    """

    code: str
    sentence: str
    retryable: bool = False
    retry_after_s: float | None = None
    request_id: str | None = None
    kind: Kind = "busy"
    said: str = field(default="", repr=False)

    status = 502

    def __str__(self) -> str:
        return self.sentence
