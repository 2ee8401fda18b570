"""Who did what, and when; never what was said."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.people import Audit

#: For how long it is kept, in days.
KEPT_DAYS = 400


def note(session: Session, actor: str, action: str, subject: str = "", detail: str = "") -> None:
    """Take down what somebody did, in the unit of work that does it."""
    session.add(Audit(actor=actor[:200], action=action, subject=subject[:200], detail=detail[:500]))


def latest(session: Session, *, before: int | None = None, most: int = 100) -> list[Audit]:
    """List what was done, the latest first; ``before`` is an id to go on from."""
    found = select(Audit).order_by(Audit.id.desc()).limit(most)
    return list(session.scalars(found.where(Audit.id < before) if before else found))


def sweep(session: Session) -> None:
    """Forget what is older than it is kept."""
    session.execute(delete(Audit).where(Audit.at < now() - timedelta(days=KEPT_DAYS)))
