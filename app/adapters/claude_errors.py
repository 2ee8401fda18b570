"""From whatever the SDK, the network or a watchdog raises to what it means: one row of the policy each."""

import json
import random
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import anthropic
import httpx2

from app.core.errors import Kind, Upstream

#: Longest wait the API may ask for that a person is made to sit through, in seconds.
PATIENCE_S = 20.0
#: How long requests are refused after the key or the account was, in seconds.
REFUSED_S = 60.0
#: How long they are refused at most after a model had no room for more; then one asks again.
LIMITED_S = 900.0
#: Attempts a passing fault is worth.
TRIES = 3

_PASSING_TYPES = {"overloaded_error", "api_error", "timeout_error", "rate_limit_error"}
_PASSING_STATUS = {408, 409}
_ACCOUNT_TYPES = {"authentication_error", "permission_error", "billing_error"}
_ACCOUNT_STATUS = {401, 402, 403}
#: Errors of which is passed on what Claude says: other servers in between may say anything.
_REQUEST_TYPES = ("invalid_request_error", "not_found_error", "request_too_large")
#: Codes of ``anthropic.types.shared``, and beginnings of what a 400 says, that are about the account all the same.
_ACCOUNT_CODES = {
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "organization_on_hold",
    "organization_type_not_supported",
    "parent_organization_required",
    "linked_organization_billing_unavailable",
}
_ACCOUNT_SAYS = ("Your credit balance is too low", "You have reached your specified API usage limits")

_CODE = re.compile("[a-z][a-z_]{0,63}")
_ID = re.compile(r"(?!sk-)[A-Za-z0-9_-]{1,80}")

#: Characters of what Claude says of a request that are passed on.
_MOST_SAID = 300
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SECRET = re.compile(r"\b(?:sk|rill)[-_][\w-]{4,}|(?<=Bearer )\S+|[\w+/=-]{32,}", re.I)

_BUSY = "Claude is busy or out of reach, and trying again did not help. Your message is kept: press Retry in a while."
_CUT_OFF = "The reply was cut off. What had arrived is kept; press Retry to ask again."
_ACCOUNT = "This server cannot reach Claude; tell the administrator. Your message is kept."
_REJECTED = "Claude could not accept this message. Change it, or start a new chat."
_TOO_LONG = "This conversation is too long for the model. Start a new chat to go on."
_TOO_LARGE = "The message and its attachments are too large for Claude. Send less at once."
_GARBAGE = "What came back was not a reply from Claude. Your message is kept: press Retry, or tell the administrator."


class Truncated(Exception):
    """The stream ended without ``message_stop``."""


class TimedOut(Exception):
    """A watchdog ran out."""


class TooLarge(Exception):
    """The reply went past a limit of ours."""


class NotAReply(Exception):
    """A 200 of another type than was asked for; the message is that type, for the log."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed attempt means: how often it is worth trying, and what else follows from it."""

    code: str
    sentence: str
    tries: int = 1
    wait_s: float | None = None
    circuit_s: float = 0.0
    is_alert: bool = False
    request_id: str | None = None
    detail: str = ""
    kind: Kind = "busy"
    said: str = field(default="", repr=False)

    def pause_s(self, attempt: int) -> float:
        """Wait as long as the API asked, and a little more; else 1, 3 … seconds, give or take 30 %."""
        if self.wait_s is not None:
            return self.wait_s + random.uniform(0, 1)
        return float(3 ** (attempt - 1)) * random.uniform(0.7, 1.3)

    def in_mid_stream(self) -> "Failure":
        """What the same failure means once text has been shown: no retry, the text is kept."""
        sentence = f"{self.sentence} What had arrived is kept." if self.is_alert else _CUT_OFF
        return replace(self, sentence=sentence, tries=1, kind=self.kind if self.is_alert else "cut")

    def to_error(self) -> Upstream:
        """Turn it into the error that is raised."""
        return Upstream(self.code, self.sentence, self.tries > 1, self.wait_s, self.request_id, self.kind, self.said)


def an_id(value: str | None) -> str | None:
    """Give the id of a request if it looks like one: it is logged and stored, and a server may send anything."""
    return value if value and _ID.fullmatch(value) else None


def classify(error: BaseException, *, model: str, at: datetime) -> Failure:
    """Say what an error of one attempt means; ``at`` is the present instant in UTC, for “busy until”."""
    if isinstance(error, anthropic.APIStatusError):
        failure = _by_status(error, model=model, at=at)
        said = _said(error.body) if failure.kind == "request" else ""
        return replace(failure, request_id=an_id(error.request_id), said=said)
    if isinstance(error.__cause__, TooLarge | NotAReply):  # raised while the SDK was reading
        error = error.__cause__
    if isinstance(error, TooLarge):
        return Failure("too_large", _CUT_OFF, kind="cut")
    for kinds, code in _PASSING_ERRORS:
        if isinstance(error, kinds):
            return Failure(code, _BUSY, tries=TRIES)
    detail = str(error) if isinstance(error, NotAReply) else type(error).__name__
    return Failure("bad_upstream", _GARBAGE, tries=2, detail=detail, kind="foreign")


def is_unbilled(error: Exception) -> bool:
    """Say whether an attempt costs nothing: it was refused by its status, or there was nobody to send it to.

    What was sent and then broke off, or failed inside Claude, may have been billed.
    """
    if isinstance(error, anthropic.APIStatusError):
        return 300 <= error.status_code < 500 or error.status_code == 529
    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


_PASSING_ERRORS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TimedOut, httpx2.TimeoutException, anthropic.APITimeoutError), "timeout"),
    ((httpx2.ConnectError, anthropic.APIConnectionError), "connect"),
    ((Truncated, httpx2.TransportError), "truncated"),
)


def _by_status(error: anthropic.APIStatusError, *, model: str, at: datetime) -> Failure:
    status, kind = error.status_code, str(error.type or "")
    code = next((name for name in (_error_code(error), kind) if name and _CODE.fullmatch(name)), f"http_{status}")
    is_account = code in _ACCOUNT_CODES or kind in _ACCOUNT_TYPES or status in _ACCOUNT_STATUS
    if is_account or _message(error.body).startswith(_ACCOUNT_SAYS):
        return Failure(code, _ACCOUNT, circuit_s=REFUSED_S, is_alert=True, kind="account")
    if status == 429:
        return _limited(error, code, at)
    if status >= 500 or status in _PASSING_STATUS or kind in _PASSING_TYPES:
        return Failure(code, _BUSY, tries=TRIES)
    if status < 400 and kind not in _REQUEST_TYPES:  # in a stream, an error of Claude's has a status of 200
        return Failure(code, _GARBAGE, tries=2, kind="foreign")
    if status == 404 or kind == "not_found_error":
        sentence = f"The model {model} is not available. Choose another one."
        return Failure(code, sentence, is_alert=True, kind="request")
    if status == 413 or kind == "request_too_large":
        return Failure(code, _TOO_LARGE, kind="request")
    is_too_long = "too long" in error.message or "context window" in error.message
    code, sentence = ("context_too_long", _TOO_LONG) if is_too_long else (code, _REJECTED)
    return Failure(code, sentence, kind="request")


def _limited(error: anthropic.APIStatusError, code: str, at: datetime) -> Failure:
    wait_s = _retry_after(error.response)
    if wait_s is None:
        return Failure(code, _BUSY, tries=TRIES)
    if wait_s <= PATIENCE_S:
        return Failure(code, _BUSY, tries=2, wait_s=wait_s)
    until = at + timedelta(seconds=wait_s + 59)
    when = f"{until:%H:%M} UTC" if until.date() == at.date() else f"{until.day} {until:%B, %H:%M} UTC"
    sentence = f"This model is busy until {when}. Your message is kept: press Retry after that, or choose another one."
    return Failure(code, sentence, wait_s=wait_s, circuit_s=min(wait_s, LIMITED_S))


def _retry_after(response: httpx2.Response) -> float | None:
    """Read Retry-After in seconds; the date form, which the API does not use, counts as absent."""
    for header, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wait_s = float(response.headers[header]) / unit
        except (KeyError, ValueError):
            continue
        if 0 <= wait_s < 1e7:
            return wait_s
    return None


def _said(body: object) -> str:
    """Give what Claude says of a request in an error of its own form, without what could be a key."""
    said = _SECRET.sub("…", " ".join(_UNSEEN.sub(" ", _message(body)[:2_000]).split()))
    return f"{said[:_MOST_SAID]}…" if len(said) > _MOST_SAID else said


def _message(body: object) -> str:
    inner = body.get("error") if isinstance(body, dict) and body.get("type") == "error" else None
    message = inner.get("message") if isinstance(inner, dict) and inner.get("type") in _REQUEST_TYPES else None
    return message if isinstance(message, str) else ""


def _error_code(error: anthropic.APIStatusError) -> str | None:
    body = error.body
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except json.JSONDecodeError:
            return None
    inner = body.get("error") if isinstance(body, dict) else None
    details = inner.get("details") if isinstance(inner, dict) else None
    code = details.get("error_code") if isinstance(details, dict) else None
    return code if isinstance(code, str) else None
