"""Links that let a person choose a password: signed, for a few days, and good for once."""

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from app.adapters.models import User
from app.core.errors import Invalid

#: For how long a link is good, in seconds.
GOOD_S = 3 * 24 * 3600
_OVER = "This link is no longer good. Ask an administrator for another."


def make(secret_key: str, user: User) -> str:
    """Make the link's token; it is over as soon as ``user.stamp`` changes."""
    return _signer(secret_key).dumps([user.id, user.stamp])


def read(session: Session, secret_key: str, token: str) -> User:
    """Find whom a link is for; raises Invalid where it is not, or no longer, good."""
    try:
        id, stamp = _signer(secret_key).loads(token, max_age=GOOD_S)
    except (BadData, ValueError, TypeError):
        raise Invalid(_OVER) from None
    user = session.get(User, id)
    if user is None or user.stamp != stamp or user.is_disabled:
        raise Invalid(_OVER)
    return user


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="rill.password-link")
