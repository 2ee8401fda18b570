"""What calls to Claude used and cost in a month: one person's, or everybody's."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from app.adapters.models import Conversation, User
from app.adapters.money import Spending
from app.core.amounts import Spent
from app.core.month import Month

#: Conversations that are listed, the dearest first; the others are added up.
LISTED = 20

_INPUT = Spending.input_tokens + Spending.cache_read_tokens + Spending.cache_write_tokens
_SUMS = (func.sum(Spending.requests), func.sum(_INPUT), func.sum(Spending.output_tokens), func.sum(Spending.micros))


@dataclass(frozen=True, slots=True)
class Share:
    """What one day, model, conversation or person accounts for; ``id`` is None where there is no such thing."""

    id: str | None
    name: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Usage:
    """A month: ``days`` has only those with calls, ``unsettled`` counts the calls whose cost is not known yet."""

    total: Spent
    unsettled: int
    days: Sequence[Share]
    models: Sequence[Share]
    conversations: Sequence[Share] = ()
    people: Sequence[Share] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What was spent on a day by a person with a model in a conversation."""

    day: str
    person: str | None
    model: str
    conversation_id: str | None
    spent: Spent


def of(session: Session, owner: str, month: Month) -> Usage:
    """Add up what a person spent in a month."""
    mine = and_(_within(month), Spending.user_id == owner)
    return replace(_added_up(session, mine), conversations=_by_conversation(session, owner, mine))


def of_all(session: Session, month: Month) -> Usage:
    """Add up what everybody spent in a month, without what it was spent on."""
    return replace(_added_up(session, _within(month)), people=_by_person(session, month))


def lines(session: Session, owner: str, day: str) -> list[Line]:
    """List what a person spent on a day."""
    mine = _by_line(Spending.model, Spending.conversation_id).where(Spending.day == day, Spending.user_id == owner)
    return [Line(day, None, model, id, _spent(sums)) for model, id, *sums in session.execute(mine)]


def lines_of_all(session: Session, day: str) -> list[Line]:
    """List what everybody spent on a day; who is deleted has no name."""
    found = _by_line(User.name, Spending.user_id, Spending.model, Spending.conversation_id).where(Spending.day == day)
    found = found.select_from(Spending).outerjoin(User, User.id == Spending.user_id)
    return [Line(day, name, model, id, _spent(sums)) for name, _user, model, id, *sums in session.execute(found)]


def _within(month: Month) -> ColumnElement[bool]:
    return Spending.day.between(month.days[0], month.days[-1])


def _added_up(session: Session, which: ColumnElement[bool]) -> Usage:
    days = [Share(None, day, _spent(sums)) for day, *sums in _sums(session, Spending.day, which)]
    models = [Share(model, model, _spent(sums)) for model, *sums in _sums(session, Spending.model, which)]
    unsettled = select(func.count()).select_from(Spending).where(which, ~Spending.is_settled)
    return Usage(
        total=sum((day.spent for day in days), Spent()),
        unsettled=session.scalar(unsettled) or 0,
        days=sorted(days, key=lambda day: day.name),
        models=_dearest_first(models),
    )


def _by_conversation(session: Session, owner: str, which: ColumnElement[bool]) -> list[Share]:
    """Add up by conversation: the dearest by title, then together the others, the deleted, and calls without one."""
    sums = {id: _spent(found) for id, *found in _sums(session, Spending.conversation_id, which)}
    titles = select(Conversation.id, Conversation.title).where(
        Conversation.owner_id == owner, Conversation.id.in_(select(Spending.conversation_id).where(which))
    )
    programs = [sums.pop(None)] if None in sums else []
    kept = _named(session, titles, sums)
    return [
        *kept[:LISTED],
        *_together("Other conversations", [share.spent for share in kept[LISTED:]]),
        *_together("Deleted conversations", sums.values()),
        *_together("Other programs", programs),
    ]


def _by_person(session: Session, month: Month) -> list[Share]:
    sums = {id: _spent(found) for id, *found in _sums(session, Spending.user_id, _within(month))}
    names = select(User.id, User.name).where(User.id.in_(select(Spending.user_id).where(_within(month))))
    return [*_named(session, names, sums), *_together("Deleted people", sums.values())]


def _named(session: Session, names: Select[str, str], sums: dict[str | None, Spent]) -> list[Share]:
    """Take out of ``sums`` what has a name; on Postgres either may have changed meanwhile."""
    return _dearest_first([Share(id, name, sums.pop(id)) for id, name in session.execute(names) if id in sums])


def _together(name: str, spent: Collection[Spent]) -> Iterator[Share]:
    if spent:
        yield Share(None, name, sum(spent, Spent()))


def _dearest_first(shares: list[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: (-share.spent.micros, -share.spent.calls, share.name))


def _sums(session: Session, by: Any, which: ColumnElement[bool]) -> Iterator[Any]:
    yield from session.execute(select(by, *_SUMS).where(which).group_by(by))


def _by_line(*by: Any) -> Select[Any]:
    return select(*by, *_SUMS).group_by(*by).order_by(*by)


def _spent(sums: Sequence[Any]) -> Spent:
    """Take sums as whole numbers, for Postgres gives decimals."""
    return Spent(*(int(value) for value in sums))
