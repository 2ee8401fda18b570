"""When the journal is written: what is urgent at once, the rest together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import gevent
import pytest

from app.adapters.db import Database
from app.adapters.models import LOCAL_OWNER
from app.chat import conversations, journal
from app.chat.writer import Pen, Watchers, Writer
from app.core.events import BlockStart, TextDelta
from app.web.services import Services
from tests.waiting import until

BLOCK = BlockStart(0, {"type": "text", "text": ""})


@dataclass
class Desk:
    """A writer whose turns come once in an hour, and what it is told to do before each."""

    services: Services
    before: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        watchers = Watchers(self._prepare, lambda seconds, error: None, lambda pen: None, lambda: None)
        self.writer = Writer(self.services.db, self.services.feed, watchers, tick_s=3_600)
        self.greenlet = gevent.spawn(self.writer.run)

    def pen(self, name: str) -> Pen:
        """Give the pen of a new reply."""
        sent = self.services.db.write(conversations.start, LOCAL_OWNER, text=name, nonce="", model="m")
        return Pen(sent.reply.id, sent.reply.epoch)

    def texts(self, pen: Pen) -> list[str]:
        """Give what is committed of a reply."""
        events = self.services.db.read(journal.events, pen.reply_id)
        return [event.text for event in events if isinstance(event, TextDelta)]

    def _prepare(self) -> None:
        for work in self.before:
            work()


@pytest.fixture
def desk(services: Services) -> Iterator[Desk]:
    made = Desk(services)
    yield made
    made.greenlet.kill()


def test_commits_the_first_event_at_once_and_lets_others_gather(desk: Desk) -> None:
    one = desk.pen("one")
    desk.writer.add(one, BLOCK)
    until(lambda: not one.pending)

    desk.writer.add(one, TextDelta(0, "Later"))
    gevent.sleep(0.05)

    assert one.pending == [TextDelta(0, "Later")]


def test_commits_what_is_urgent_without_the_rest(desk: Desk) -> None:
    one, two = desk.pen("one"), desk.pen("two")
    desk.writer.add(one, BLOCK)
    until(lambda: not one.pending)
    desk.writer.add(one, TextDelta(0, "Later"))

    desk.writer.add(two, BLOCK)
    desk.writer.add(two, TextDelta(0, "First"), is_urgent=True)
    until(lambda: desk.texts(two) == ["First"])

    assert one.pending == [TextDelta(0, "Later")]


def test_commits_at_once_what_is_waited_for(desk: Desk) -> None:
    one = desk.pen("one")
    desk.writer.add(one, BLOCK)
    until(lambda: not one.pending)
    desk.writer.add(one, TextDelta(0, "Last"))

    desk.writer.flush(one)

    assert desk.texts(one) == ["Last"]


def test_takes_in_what_comes_when_a_turn_is_announced(desk: Desk) -> None:
    one = desk.pen("one")
    desk.before.append(lambda: desk.writer.add(one, TextDelta(0, "In time")))

    desk.writer.add(one, BLOCK)

    until(lambda: desk.texts(one) == ["In time"])


def test_keeps_no_turn_waiting_for_what_is_urgent(services: Services) -> None:
    turns: list[None] = []
    watchers = Watchers(lambda: turns.append(None), lambda seconds, error: None, lambda pen: None, lambda: None)
    writer = Writer(services.db, services.feed, watchers, tick_s=0)
    desk = Desk(services)
    one, two = desk.pen("one"), desk.pen("two")
    writer.add(one, BLOCK)
    writer.add(two, BLOCK, is_urgent=True)

    greenlet = gevent.spawn(writer.run)
    until(lambda: not one.pending)
    for each in (greenlet, desk.greenlet):
        each.kill()

    assert turns


def test_gives_up_the_reply_alone_that_has_what_nobody_can_write_down(desk: Desk) -> None:
    one, two = desk.pen("one"), desk.pen("two")
    desk.writer.add(one, object())  # type: ignore[arg-type]  # a mistake of ours
    desk.writer.add(two, BLOCK)
    desk.writer.add(two, TextDelta(0, "Kept"))

    for pen in (one, two):
        desk.writer.flush(pen)

    assert (one.is_fenced, two.is_fenced, desk.texts(two)) == (True, False, ["Kept"])


@pytest.mark.parametrize("what", ["publish", "prepare"])
def test_goes_on_where_others_make_mistakes(desk: Desk, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    calls: list[None] = []

    def fail(*_args: object) -> None:
        calls.append(None)
        raise KeyError

    if what == "publish":
        monkeypatch.setattr(desk.services.feed, "publish", fail)
    else:
        desk.before.append(fail)
    one = desk.pen("one")
    for event in (BLOCK, TextDelta(0, "Kept")):
        desk.writer.add(one, event)
        desk.writer.flush(one)

    assert (bool(calls), one.is_fenced, desk.texts(one)) == (True, False, ["Kept"])
    assert not desk.greenlet.dead


def test_sends_no_pipelines_to_postgres(services: Services, postgres_statements: list[bool]) -> None:
    desk = Desk(services)
    pens = [desk.pen(str(n)) for n in range(3)]
    entries = [pen.take() for pen in pens if pen.pending.extend([BLOCK, TextDelta(0, "Hi")]) is None]
    postgres_statements.clear()

    batch = [(pen.reply_id, pen.epoch, some) for pen, some in zip(pens, entries, strict=True)]
    assert services.db.write_journal(journal.append, batch) == set()
    desk.greenlet.kill()

    assert [desk.texts(pen) for pen in pens] == [["Hi"]] * 3
    assert not any(postgres_statements)


@pytest.fixture
def postgres_statements(services: Services) -> Iterator[list[bool]]:
    """Give, for each statement sent to Postgres, whether it is one of many in a pipeline."""
    from sqlalchemy import event

    seen: list[bool] = []

    def note(_connection: object, _cursor: object, _text: str, _values: object, _context: object, many: bool) -> None:
        seen.append(many)

    db: Database = services.db
    if not db.is_shared:
        yield seen
        return
    engine = db._journal.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
