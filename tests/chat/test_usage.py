"""What calls cost in a month, added up on either database."""

from sqlalchemy.orm import Session

from app.adapters.models import Conversation, User
from app.adapters.money import Spending
from app.chat import usage
from app.core.amounts import Spent
from app.core.month import Month
from app.web.services import Services

NOVEMBER = Month(2026, 11)


def people(session: Session) -> None:
    """Make ann with a conversation, and eve."""
    session.add_all([User(id="ann", name="ann"), User(id="eve", name="eve")])
    session.flush()
    session.add(Conversation(id="c1", owner_id="ann", title="Lanterns"))
    session.add(Conversation(id="c2", owner_id="eve", title="Secrets"))


def spend(services: Services, user: str | None, day: str = "2026-11-23", micros: int = 100, **values: object) -> None:
    """Add a call of ten tokens of each kind."""
    tokens = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), 10)
    row = Spending(user_id=user, day=day, micros=micros, **({"model": "m", "is_settled": True} | tokens | values))
    services.db.write(lambda session: session.add(row))


def named(shares: object) -> list[tuple[str | None, str, int]]:
    return [(share.id, share.name, share.spent.micros) for share in shares]


def test_adds_up_what_is_mine_in_the_month(services: Services) -> None:
    services.db.write(people)
    for day in ("2026-10-31", "2026-11-01", "2026-11-30", "2026-11-30", "2026-12-01"):
        spend(services, "ann", day)
    spend(services, "eve", "2026-11-30", 5_000)
    spend(services, None, "2026-11-30", 7_000)
    spend(services, "ann", "2026-11-02", 2**40, is_settled=False, model="n")

    found = services.db.read(usage.of, "ann", NOVEMBER)

    assert found.total == Spent(4, 120, 40, 300 + 2**40)
    assert found.unsettled == 1
    assert [(share.name, share.spent.calls) for share in found.days] == [
        ("2026-11-01", 1),
        ("2026-11-02", 1),
        ("2026-11-30", 2),
    ]
    assert named(found.models) == [("n", "n", 2**40), ("m", "m", 300)]
    assert found.people == ()
    assert {type(value) for value in (found.total.input_tokens, found.total.micros)} == {int}


def test_names_only_conversations_of_ones_own(services: Services) -> None:
    services.db.write(people)
    spend(services, "ann", micros=5, conversation_id="c1")
    spend(services, "ann", micros=70, conversation_id="c2")  # another's, whatever made it so
    spend(services, "ann", micros=800, conversation_id="gone")
    spend(services, "ann", micros=9_000)

    found = services.db.read(usage.of, "ann", NOVEMBER)

    assert named(found.conversations) == [
        ("c1", "Lanterns", 5),
        (None, "Deleted conversations", 870),
        (None, "Other programs", 9_000),
    ]


def test_lists_the_dearest_conversations(services: Services) -> None:
    services.db.write(people)
    for number in range(22):
        row = Conversation(id=f"x{number:02}", owner_id="ann", title=f"Chat {number:02}")
        services.db.write(lambda session, row=row: session.add(row))
        spend(services, "ann", micros=1 + number, conversation_id=row.id)

    found = services.db.read(usage.of, "ann", NOVEMBER).conversations

    assert [share.name for share in found] == [f"Chat {n:02}" for n in range(21, 1, -1)] + ["Other conversations"]
    assert found[-1].spent == Spent(2, 60, 20, 3)


def test_adds_up_everybodys_by_person(services: Services) -> None:
    services.db.write(people)
    spend(services, "ann", micros=1, conversation_id="c1")
    spend(services, "eve", micros=20)
    spend(services, "eve", "2026-12-01")
    spend(services, None, micros=300)

    found = services.db.read(usage.of_all, NOVEMBER)

    assert found.total == Spent(3, 90, 30, 321)
    assert named(found.people) == [("eve", "eve", 20), ("ann", "ann", 1), (None, "Deleted people", 300)]
    assert found.conversations == ()


def test_forgets_the_name_of_who_is_deleted_but_not_the_cost(services: Services) -> None:
    services.db.write(people)
    spend(services, "ann", micros=7)
    services.db.write(lambda session: session.delete(session.get(User, "ann")))

    assert named(services.db.read(usage.of_all, NOVEMBER).people) == [(None, "Deleted people", 7)]
    assert services.db.read(usage.of, "ann", NOVEMBER).total == Spent()


def test_lists_lines_of_a_day(services: Services) -> None:
    services.db.write(people)
    for model in ("m", "n", "m"):
        spend(services, "ann", micros=4, model=model, conversation_id="c1")
    spend(services, "ann", "2026-11-22")
    spend(services, "eve", micros=5)
    spend(services, None, micros=6)

    mine = services.db.read(usage.lines, "ann", "2026-11-23")
    everybodys = services.db.read(usage.lines_of_all, "2026-11-23")

    assert [(line.person, line.model, line.conversation_id, line.spent) for line in mine] == [
        (None, "m", "c1", Spent(2, 60, 20, 8)),
        (None, "n", "c1", Spent(1, 30, 10, 4)),
    ]
    assert sorted((line.person or "", line.model, line.spent.micros) for line in everybodys) == [
        ("", "m", 6),
        ("ann", "m", 8),
        ("ann", "n", 4),
        ("eve", "m", 5),
    ]
