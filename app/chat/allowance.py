"""What may be spent: the environment is the bound, and administrators set budgets within it."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.adapters.db import Turn, take_turn
from app.adapters.people import Option
from app.chat import audit
from app.core import limits as core_limits
from app.core.errors import Invalid
from app.core.limits import Limits
from app.core.settings import Settings

_OPTION = "budgets"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the environment allows: budgets, and calls of one person in a minute (0 is any number).

    ``key`` makes of whoever a proxy or an identity provider names what stands for them in the ledger.
    """

    limits: Limits = Limits()
    per_minute: int = 0
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Read them from the settings; whoever sits at this machine alone may send as fast as they like."""
        return cls(settings.budgets, settings.per_minute if settings.ways else 0, settings.secret_key)


def current(session: Session, rules: Rules) -> Limits:
    """Give the budgets in force: of an administrator's and the environment's the lower, each."""
    return chosen(session).within(rules.limits)


def chosen(session: Session) -> Limits:
    """Give the budgets that administrators set."""
    option = session.get(Option, _OPTION)
    return core_limits.read(option.value) if option is not None else Limits()


def change(session: Session, actor: str, given: dict[str, str]) -> None:
    """Set the budgets; raises Invalid with the one that is no amount."""
    try:
        limits = core_limits.read(given)
    except ValueError as error:
        name = str(error).replace("_", " ")
        how = "2,000,000" if "tokens" in name else "0.50 or 1,000"
        raise Invalid(f"The budget “{name}” is no amount. Write it as {how}. Nothing was changed.") from None
    take_turn(session, Turn.OPTIONS)
    session.merge(Option(name=_OPTION, value=limits.written()))
    said = ", ".join(f"{name} {value}" for name, value in limits.written().items() if value)
    audit.note(session, actor, "budgets.changed", "", said or "none")
