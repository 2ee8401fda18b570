"""Budgets: what a call may cost is reserved before it, what it did cost is settled after it."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, SQLColumnExpression, Table, case, func, select, true, update
from sqlalchemy.orm import Session

from app.adapters.clock import now
from app.adapters.db import Turn, take_turn
from app.adapters.models import Message, User
from app.adapters.money import Spending
from app.chat.allowance import Rules, current
from app.core import limits as core_limits
from app.core.amounts import dollars
from app.core.errors import TooMany
from app.core.events import LIVE
from app.core.limits import day_of, resets_at
from app.core.pricing import Tokens, cost
from app.core.tally import Bill

_SPENDING = cast(Table, Spending.__table__)
#: From this share of a budget on, people are warned.
_SOON = 0.8
#: A reservation that nobody settled counts in full after this time: whoever made it is gone.
_LOST = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is about to be made, for whom, and what it takes at most."""

    user_id: str
    model: str
    most: Tokens
    reply_id: str | None = None
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a budget is used; ``is_month`` and ``is_mine`` say of which."""

    spent: int
    limit: int
    is_money: bool
    is_month: bool
    is_mine: bool


def check(session: Session, rules: Rules, user_id: str) -> None:
    """Raise TooMany where nothing more may be asked: before anything is stored that could not be answered."""
    moment = now()
    _check_rate(session, rules, user_id, moment)
    for used in _used(session, rules, user_id, moment):
        if used.spent >= used.limit:
            raise _refusal(used, moment)


def reserve(session: Session, rules: Rules, call: Call) -> str:
    """Set aside what a call may cost, and give the reservation's id; raises TooMany where it is more than is left.

    For a reply that has an open one, that is given: whether its beginning was committed may be unknown.
    """
    moment = now()
    take_turn(session, Turn.SPENDING)
    if call.reply_id is not None:
        open_ones = select(Spending.id).where(Spending.reply_id == call.reply_id, ~Spending.is_settled)
        if (earlier := session.scalar(open_ones)) is not None:
            return earlier
    micros = cost(call.model, call.most)
    _check_rate(session, rules, call.user_id, moment)
    for used in _used(session, rules, call.user_id, moment):
        if used.spent + (micros if used.is_money else call.most.all) > used.limit:
            raise _refusal(used, moment)
    row = Spending(
        user_id=call.user_id,
        subject=_mark(session, rules, call.user_id),
        reply_id=call.reply_id,
        conversation_id=call.conversation_id,
        model=call.model,
        day=day_of(moment),
        at=moment,
        micros=micros,
        **_counts(call.most),
    )
    session.add(row)
    session.flush()
    return row.id


def settle(session: Session, id: str, model: str, bill: Bill) -> None:
    """Put what a call did cost in the place of its reservation: the sum of the requests that are billed."""
    _settle(session, _SPENDING.c.id == id, _billed(model, bill))


def settle_reply(session: Session, reply_id: str, bill: Bill | None, model: str | None = None) -> None:
    """Settle what was reserved for a reply this time; in full, where it is not known what became of it."""
    its = _SPENDING.c.reply_id == reply_id
    if bill is None:
        _settle(session, its, {})
    elif model is not None:
        _settle(session, its, _billed(model, bill))
    else:
        for id, asked in session.execute(select(Spending.id, Spending.model).where(its)).all():
            settle(session, id, asked, bill)


def _settle(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> None:
    open_ones = update(_SPENDING).where(which, ~_SPENDING.c.is_settled)
    session.connection().execute(open_ones.values(is_settled=True, **values))


def _billed(model: str, bill: Bill) -> dict[str, Any]:
    micros = sum(cost(model, tokens) for tokens in bill.taken)
    return {"model": model, "requests": bill.requests, "micros": micros, **_counts(sum(bill.taken, Tokens()))}


def sweep(session: Session) -> None:
    """Close reservations that nobody can settle any more, in full: it is not known what they cost.

    After a month's end nothing stands any more for the people who spent in it: so many rows at a time.
    """
    over = Spending.day < f"{day_of(now())[:8]}01"
    named = select(Spending.id).where(over, Spending.subject > "").limit(_MOST_AT_ONCE)
    session.execute(update(Spending).where(Spending.id.in_(named)).values(subject=None))
    is_live = select(Message.id).where(Message.id == Spending.reply_id, Message.status.in_(LIVE)).exists()
    lost = select(Spending).where(~Spending.is_settled, Spending.at < now() - _LOST, ~is_live)
    for row in session.scalars(lost):
        row.is_settled = True


def warning(session: Session, rules: Rules, user_id: str) -> str:
    """Say that a budget is nearly used up, or nothing."""
    moment = now()
    near = [used for used in _used(session, rules, user_id, moment) if used.spent >= _SOON * used.limit]
    if not near:
        return ""
    used = max(near, key=lambda each: each.spent / each.limit if each.limit else 1)
    share = min(100, int(100 * used.spent / used.limit)) if used.limit else 100
    return f"{share} % of {_named(used)} is used. It begins anew {_when(used, moment)}."


def used(session: Session, rules: Rules, user_id: str) -> list[str]:
    """Say of each budget how much of it is used, reservations included; of those of persons, by this one."""
    said = []
    for each in _used(session, rules, user_id, now()):
        spent = dollars(each.spent) if each.is_money else f"{each.spent:,} tokens"
        said.append(f"{spent} of {_named(each)}")
    return said


def _used(session: Session, rules: Rules, user_id: str, moment: datetime) -> list[Used]:
    """Give the budgets there are, and what is used of each, reservations included."""
    limits, today = current(session, rules), day_of(moment)
    wanted = [name for name in core_limits.names() if getattr(limits, name) is not None]
    spent: dict[str, int] = {}
    for whose in ("", "person_"):
        names = [name for name in wanted if name.startswith("person_") == bool(whose)]
        since = f"{today[:8]}01" if any(map(_is_month, names)) else today
        sums = _spent(session, _of(session, rules, user_id) if whose else true(), today, since) if names else {}
        spent |= {f"{whose}{name}": amount for name, amount in sums.items()}
    return [
        Used(spent[name], getattr(limits, name), "tokens" not in name, _is_month(name), name.startswith("person_"))
        for name in wanted
    ]


def _is_month(name: str) -> bool:
    return name.endswith("month")


def _spent(session: Session, which: ColumnElement[bool], today: str, since: str) -> dict[str, int]:
    """Add up by the names of limits what counts, in one walk through an index; a month only if ``since`` begins it."""
    tokens = Spending.input_tokens + Spending.output_tokens + Spending.cache_read_tokens + Spending.cache_write_tokens
    sums: dict[str, SQLColumnExpression[int]] = {"month": Spending.micros, "tokens_month": tokens}
    sums |= {name.replace("month", "day"): case((Spending.day == today, each)) for name, each in sums.items()}
    columns = [func.coalesce(func.sum(each), 0) for each in sums.values()]
    row = session.execute(select(*columns).where(Spending.day >= since, which)).one()
    return {name: int(amount) for name, amount in zip(sums, row, strict=True)}


def _of(session: Session, rules: Rules, user_id: str) -> ColumnElement[bool]:
    """Say what counts as a person's: also what they spent before they were deleted and came back."""
    mine, mark = Spending.user_id == user_id, _mark(session, rules, user_id)
    return mine | (Spending.subject == mark) if mark else mine


def _mark(session: Session, rules: Rules, user_id: str) -> str | None:
    """Give what stands for whom a proxy or an identity provider names; people with passwords do not come back."""
    user = session.get(User, user_id) if rules.key else None
    if rules.key is None or user is None or user.subject is None:
        return None
    return hmac.digest(rules.key.encode(), f"spending:{user.subject}".encode(), "sha256").hex()


def _check_rate(session: Session, rules: Rules, user_id: str, moment: datetime) -> None:
    if not rules.per_minute:
        return
    days = {day_of(moment), day_of(moment - _MINUTE)}
    mine = select(Spending.at, Spending.requests).where(
        _of(session, rules, user_id), Spending.day.in_(days), Spending.at > moment - _MINUTE
    )
    left = rules.per_minute
    for at, requests in session.execute(mine.order_by(Spending.at.desc()).limit(rules.per_minute)):
        left -= max(1, requests)
        if left <= 0:
            wait_s = max(1, int((at + _MINUTE - moment).total_seconds()) + 1)
            raise TooMany(
                f"That were {rules.per_minute} messages in a minute, as many as one may send. Wait {wait_s} seconds; "
                "your text is kept.",
                retry_after_s=wait_s,
            )


def _counts(tokens: Tokens) -> dict[str, int]:
    written = tokens.write_5m + tokens.write_1h
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return dict(zip(names, (tokens.input, tokens.output, tokens.read, written), strict=True))


def _refusal(used: Used, moment: datetime) -> TooMany:
    wait_s = int((resets_at(moment, is_month=used.is_month) - moment).total_seconds()) + 1
    left = max(0, used.limit - used.spent)
    amount = dollars(left) if used.is_money else f"{left:,} tokens"
    sentence = f"{_named(used)[0].upper()}{_named(used)[1:]} is used up: {amount} is left, less than this may take."
    return TooMany(f"{sentence} It begins anew {_when(used, moment)}; your text is kept.", retry_after_s=wait_s)


def _named(used: Used) -> str:
    amount = dollars(used.limit) if used.is_money else f"{used.limit:,} tokens"
    whose, period = ("your" if used.is_mine else "this server's"), ("month" if used.is_month else "day")
    return f"{whose} budget of {amount} a {period}"


def _when(used: Used, moment: datetime) -> str:
    at = resets_at(moment, is_month=used.is_month)
    return f"on {at:%-d %B} at 0:00 UTC" if used.is_month else "at 0:00 UTC"
