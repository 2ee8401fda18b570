"""Budgets hold: reserved before, settled after, whatever happens between."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import gevent
import pytest
from gevent.event import Event as Flag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app.adapters.db import Database
from app.adapters.models import LOCAL_OWNER, Message, User
from app.adapters.money import Spending
from app.chat import allowance, budgets, conversations, keeping, people
from app.chat.allowance import Rules
from app.chat.budgets import Call
from app.chat.people import Identity
from app.core.errors import TooMany, Upstream
from app.core.limits import Limits, parse
from app.core.pricing import Tokens
from app.core.tally import Bill
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until, until_idle

CALL = Call(LOCAL_OWNER, "claude-sonnet-5-5", Tokens(output=100_000))  # a dollar
DAY = Rules(Limits(day=2_500_000))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock by which days are counted."""
    clock = Clock()
    monkeypatch.setattr(budgets, "now", clock)
    return clock


@pytest.fixture
def db(services: Services) -> Database:
    """Give the database."""
    return services.db


def rows(db: Database) -> list[Spending]:
    """List all that was spent."""
    return db.read(lambda session: list(session.scalars(select(Spending).order_by(Spending.at, Spending.id))))


def with_limits(services: Services, **limits: int) -> None:
    """Set budgets, as an administrator does."""
    given = {name: str(value if "tokens" in name else value / 1e6) for name, value in limits.items()}
    services.db.write(allowance.change, "root", given)


def ask(services: Services, text: str = "Hi") -> Message:
    """Ask something, and wait for how it ends."""
    reply = services.db.write(conversations.start, LOCAL_OWNER, text=text, nonce=text, model="claude-sonnet-5-5").reply
    services.runner.start(reply)
    until_idle(services)
    return services.db.read(conversations.get_reply, LOCAL_OWNER, reply.id)


def test_refuses_what_is_more_than_is_left(db: Database, clock: Clock) -> None:
    for _ in range(2):
        db.write(budgets.reserve, DAY, CALL)
    with pytest.raises(TooMany, match=r"This server's budget of \$2.50 a day is used up: \$0.50 is left") as refused:
        db.write(budgets.reserve, DAY, CALL)

    assert refused.value.retry_after_s == 61
    assert "at 0:00 UTC" in str(refused.value)
    assert len(rows(db)) == 2


def test_gives_back_what_was_not_needed(db: Database, clock: Clock) -> None:
    for _ in range(50):
        id = db.write(budgets.reserve, DAY, CALL)
        db.write(budgets.settle, id, CALL.model, Bill(1, (Tokens(output=1_000),)))
    assert sum(row.micros for row in rows(db)) == 500_000

    db.write(budgets.settle, rows(db)[0].id, CALL.model, Bill(1, (Tokens(output=1_000_000),)))
    assert sum(row.micros for row in rows(db)) == 500_000


@pytest.mark.parametrize(
    ("limits", "later", "is_free"),
    [
        (Limits(day=1_000_000), timedelta(minutes=1), True),
        (Limits(day=1_000_000), timedelta(seconds=59), False),
        (Limits(month=1_000_000), timedelta(minutes=1), True),
        (Limits(tokens_day=100_000), timedelta(minutes=1), True),
        (Limits(person_month=1_000_000), timedelta(seconds=1), False),
        (Limits(person_tokens_day=100_000), timedelta(seconds=1), False),
    ],
)
def test_begins_anew_with_the_day_and_the_month(
    db: Database, clock: Clock, limits: Limits, later: timedelta, is_free: bool
) -> None:
    db.write(budgets.reserve, Rules(limits), CALL)
    clock.now += later
    if is_free:
        db.write(budgets.reserve, Rules(limits), CALL)
    else:
        with pytest.raises(TooMany):
            db.write(budgets.reserve, Rules(limits), CALL)


def test_does_not_begin_the_month_anew_with_a_day(db: Database, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    db.write(budgets.reserve, Rules(Limits(month=1_000_000)), CALL)
    clock.now = datetime(2026, 11, 30, tzinfo=UTC)
    with pytest.raises(TooMany, match="on 1 December at 0:00 UTC"):
        db.write(budgets.reserve, Rules(Limits(month=1_000_000)), CALL)


def test_counts_each_person_apart(db: Database, clock: Clock) -> None:
    db.write(lambda session: session.add(User(id="eve", name="eve")))
    rules = Rules(Limits(person_day=1_000_000))
    db.write(budgets.reserve, rules, CALL)
    db.write(budgets.reserve, rules, Call("eve", CALL.model, CALL.most))
    with pytest.raises(TooMany, match=r"Your budget of \$1.00 a day"):
        db.write(budgets.reserve, rules, CALL)


def test_counts_what_a_person_spent_before_they_were_deleted_and_came_back(db: Database, clock: Clock) -> None:
    rules = Rules(Limits(person_month=1_500_000), per_minute=2, key="k" * 32)

    def come(subject: str) -> str:
        return db.write(people.recognise, Identity(subject, "ann")).id

    db.write(budgets.reserve, rules, Call(come("proxy:ann"), CALL.model, CALL.most))
    db.write(keeping.forget, come("proxy:ann"))
    db.read(budgets.check, rules, come("proxy:ben"))
    with pytest.raises(TooMany, match="Your budget of"):
        db.write(budgets.reserve, rules, Call(come("proxy:ann"), CALL.model, CALL.most))
    db.write(budgets.reserve, rules, Call(come("proxy:ann"), CALL.model, Tokens(output=1)))
    with pytest.raises(TooMany, match="2 messages in a minute"):
        db.read(budgets.check, rules, come("proxy:ann"))

    assert all("ann" not in (row.subject or "") for row in rows(db))


def test_keeps_nothing_of_who_spent_in_a_month_that_is_over(db: Database, clock: Clock) -> None:
    user = db.write(people.recognise, Identity("proxy:ann", "ann"))
    db.write(budgets.reserve, Rules(key="k" * 32), Call(user.id, CALL.model, CALL.most))
    db.write(budgets.sweep)
    assert rows(db)[0].subject
    clock.now += timedelta(minutes=1)
    db.write(budgets.sweep)

    assert rows(db)[0].subject is None


def test_adds_up_each_budget_by_itself(db: Database, clock: Clock) -> None:
    db.write(lambda session: session.add(User(id="eve", name="eve")))
    spent = [("eve", 29, 1_000), ("eve", 30, 200), (LOCAL_OWNER, 29, 30), (LOCAL_OWNER, 30, 4)]
    for owner, day, tokens in spent:
        clock.now = datetime(2026, 11, day, 12, tzinfo=UTC)
        db.write(budgets.reserve, Rules(), Call(owner, CALL.model, Tokens(output=tokens)))
    names = ("day", "month", "person_day", "person_month")
    limits = {name.replace("day", "tokens_day").replace("month", "tokens_month"): 10**6 for name in names}
    limits |= dict.fromkeys(names, 10**9)

    def sums(*wanted: str) -> list[str]:
        rules = Rules(Limits(**{name: limits[name] for name in wanted}))
        return [said.split(" of ")[0] for said in db.read(budgets.used, rules, LOCAL_OWNER)]

    tokens = ("tokens_day", "tokens_month", "person_tokens_day", "person_tokens_month")
    assert sums(*tokens) == ["204 tokens", "1,234 tokens", "4 tokens", "34 tokens"]
    assert [sums(name)[0] for name in tokens] == sums(*tokens)
    assert sums(*names) == ["$0.00204", "$0.01234", "$0.00004", "$0.00034"]


def test_lets_one_of_fifty_through_at_once(services: Services, claude: ScriptedClaude, clock: Clock) -> None:
    with_limits(services, day=150_000)
    release = Flag()
    claude.scripts += [[release, *saying("One.")] for _ in range(50)]
    replies = [
        services.db.write(conversations.start, owner, text="Hi", nonce=str(n), model="claude-sonnet-5-5").reply
        for n, owner in enumerate(people_with_one_reply_each(services, 50))
    ]
    for reply in replies:
        services.runner.start(reply)
    until(lambda: services.runner.running == 1)
    release.set()
    until_idle(services)

    assert len(claude.requests) == 1
    ended = services.db.read(lambda session: list(session.scalars(select(Message).where(Message.role == "assistant"))))
    assert sorted(reply.status for reply in ended) == ["done"] + ["failed"] * 49
    assert {reply.error_code for reply in ended if reply.status == "failed"} == {"budget"}


def people_with_one_reply_each(services: Services, count: int) -> list[str]:
    """Make people, because nobody may have many replies at once."""
    ids = [f"p{n}" for n in range(count)]
    services.db.write(lambda session: session.add_all([User(id=id, name=id) for id in ids]))
    return ids


def test_settles_with_what_claude_counted(services: Services, claude: ScriptedClaude) -> None:
    reply = ask(services)
    (row,) = rows(services.db)

    assert (row.reply_id, row.conversation_id, row.user_id) == (reply.id, reply.conversation_id, LOCAL_OWNER)
    assert (row.input_tokens, row.output_tokens, row.requests, row.is_settled) == (7, 11, 1, True)


def test_counts_what_broke_off(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([*saying("x" * 300)[:3], Upstream("truncated", "It broke off.")])
    ask(services)
    (row,) = rows(services.db)

    assert (row.input_tokens, row.output_tokens, row.is_settled) == (7, 120, True)


def test_costs_nothing_where_claude_said_nothing(services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Upstream("overloaded_error", "Busy.")])
    ask(services)

    assert [(row.micros, row.is_settled) for row in rows(services.db)] == [(0, True)]


def test_makes_no_call_where_the_ledger_cannot_be_written(
    services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "day_of", lambda _moment: 1 / 0)
    reply = ask(services)

    assert claude.requests == []
    assert reply.status == "failed"


def test_keeps_a_reservation_that_nobody_settled(db: Database, clock: Clock) -> None:
    id = db.write(budgets.reserve, DAY, CALL)
    clock.now += timedelta(minutes=59)
    db.write(budgets.sweep)
    assert not rows(db)[0].is_settled
    clock.now += timedelta(minutes=2)
    db.write(budgets.sweep)

    (row,) = rows(db)
    assert (row.id, row.micros, row.is_settled) == (id, 1_000_000, True)


def test_counts_in_full_what_nobody_knows_the_end_of(db: Database, clock: Clock) -> None:
    call = Call(LOCAL_OWNER, CALL.model, CALL.most, reply_id="r1")
    db.write(budgets.reserve, DAY, call)
    db.write(budgets.settle_reply, "r1", None)
    db.write(budgets.reserve, DAY, call)
    db.write(budgets.settle_reply, "r1", Bill(1, (Tokens(output=1_000),)))

    assert sorted((row.micros, row.is_settled) for row in rows(db)) == [(10_000, True), (1_000_000, True)]


def test_settles_each_request_of_a_call(db: Database, clock: Clock) -> None:
    id = db.write(budgets.reserve, DAY, CALL)
    db.write(budgets.settle, id, "claude-haiku-5-5", Bill(3, (Tokens(input=60_000), Tokens(input=60_000, output=10))))

    (row,) = rows(db)
    assert (row.requests, row.input_tokens, row.output_tokens) == (3, 120_000, 10)
    assert row.micros == 12_005  # each is too short for the price of long ones


def test_lets_a_person_send_so_many_a_minute(db: Database, clock: Clock) -> None:
    rules = Rules(per_minute=3)
    for _ in range(3):
        db.write(budgets.reserve, rules, CALL)
        clock.now += timedelta(seconds=10)
    with pytest.raises(TooMany, match="3 messages in a minute") as refused:
        db.read(budgets.check, rules, LOCAL_OWNER)
    assert refused.value.retry_after_s == 31

    clock.now += timedelta(seconds=31)
    db.read(budgets.check, rules, LOCAL_OWNER)


def test_lets_no_more_through_at_once_than_in_a_minute(db: Database, clock: Clock) -> None:
    def ask_once() -> bool:
        with suppress(TooMany):
            return bool(db.write(budgets.reserve, Rules(per_minute=3), CALL))
        return False

    asked = [gevent.spawn(ask_once) for _ in range(20)]
    gevent.joinall(asked, timeout=20)

    assert sum(bool(each.value) for each in asked) == len(rows(db)) == 3


def test_counts_each_request_toward_the_rate(db: Database, clock: Clock) -> None:
    rules = Rules(per_minute=3)
    id = db.write(budgets.reserve, rules, CALL)
    db.write(budgets.settle, id, CALL.model, Bill(requests=2))
    db.read(budgets.check, rules, LOCAL_OWNER)
    id = db.write(budgets.reserve, rules, CALL)
    db.write(budgets.settle, id, CALL.model, Bill(requests=0))

    with pytest.raises(TooMany, match="3 messages in a minute"):
        db.read(budgets.check, rules, LOCAL_OWNER)


@pytest.mark.parametrize(
    ("spent", "said"), [(7, ""), (8, "80 % of your budget of $10.00 a day is used."), (10, "100 %")]
)
def test_warns_soon(db: Database, clock: Clock, spent: int, said: str) -> None:
    rules = Rules(parse("X", "person_day=10"))
    db.write(budgets.reserve, rules, Call(LOCAL_OWNER, CALL.model, Tokens(output=100_000 * spent)))

    assert db.read(budgets.warning, rules, LOCAL_OWNER).startswith(said)
    assert bool(db.read(budgets.warning, rules, LOCAL_OWNER)) is bool(said)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 120_000), st.booleans()), max_size=20))
def test_never_spends_more_than_there_is(db: Database, clock: Clock, calls: list[tuple[int, bool]]) -> None:
    db.write(lambda session: session.execute(update(Spending).values(day="2000-01-01")))
    for tokens, is_settled in calls:
        try:
            id = db.write(budgets.reserve, DAY, CALL)
        except TooMany:
            continue
        if is_settled:
            db.write(budgets.settle, id, CALL.model, Bill(1, (Tokens(output=min(tokens, 100_000)),)))
        today = [row for row in rows(db) if row.day != "2000-01-01"]
        assert 0 <= sum(row.micros for row in today) <= 2_500_000
