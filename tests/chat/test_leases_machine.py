"""Any order of appends, crashes, take-overs, readers and losses: the model is a string."""

from contextlib import ExitStack
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import update

from app.adapters.db import Database
from app.adapters.feed import Entry, Feed
from app.adapters.metrics import Metrics
from app.adapters.models import LOCAL_OWNER, Message
from app.chat import conversations, ending, journal, leases, reaping, views
from app.chat.ending import Outcome
from app.chat.leases import Fenced
from app.chat.live import LiveReply
from app.chat.views import LiveReplies
from app.chat.writer import Pen
from app.core.assembly import Assembly
from app.core.events import LIVE, BlockStart, End, Event, TextDelta
from app.web.services import Services

WORKERS = st.sampled_from([0, 1])
#: What ends things is tried often and done seldom, so that there is something to end.
CHANCE = st.integers(0, 2)


class Machine(RuleBasedStateMachine):
    """One reply, two workers, and Redis between them as long as it is there."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self.readers: list[tuple[LiveReply, ExitStack]] = []
        self.begin()
        self.names = ["first", "second"]
        self.feeds = [Feed(), Feed()]
        self.is_redis_up = True
        self.live = [
            LiveReplies(db, feed, is_local=self.is_at(worker), metrics=Metrics())
            for worker, feed in enumerate(self.feeds)
        ]

    def begin(self) -> None:
        self.id = self.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="m").reply.id
        self.text, self.words, self.has_block = "", 0, False
        self.pens: list[Pen | None] = [None, None]

    def is_at(self, worker: int) -> Any:
        return lambda _id: self.pens[worker] is not None

    def reply(self) -> Message:
        return self.db.read(conversations.get_reply, LOCAL_OWNER, self.id)

    def publish(self, worker: int, entries: list[Entry]) -> None:
        for other, feed in enumerate(self.feeds):
            if other == worker or self.is_redis_up:
                feed.publish(self.id, entries)

    @property
    def is_live(self) -> bool:
        return self.reply().status in LIVE

    @rule(worker=WORKERS)
    def claim(self, worker: int) -> None:
        reply = self.reply()
        if reply.status not in LIVE:
            self.end_readers()
            self.begin()
            reply = self.reply()
        try:
            self.db.write(leases.claim, self.id, reply.epoch, self.names[worker])
        except Fenced:
            assert reply.status != "queued"
            return
        assert reply.status == "queued" or reply.worker == self.names[worker]
        self.pens[worker] = Pen(self.id, reply.epoch, reply.last_seq)

    @rule(worker=WORKERS, count=st.integers(1, 3), is_heard=st.booleans(), turns=st.integers(1, 2))
    def append(self, worker: int, count: int, is_heard: bool, turns: int) -> None:
        """Append words, perhaps twice because the answer was lost, and perhaps without being able to say so."""
        if self.pens[worker] is None:
            self.claim(worker)
        words = []
        for _word in range(count):
            self.words += 1
            words.append(f"word{self.words}" + ("\n\n" if self.words % 4 == 0 else " "))
        opening: list[Event] = [] if self.has_block else [BlockStart(0, {"type": "text", "text": ""})]
        deltas = [TextDelta(0, word) for word in words]
        if self.write(worker, [*opening, *deltas], is_heard=is_heard, turns=turns):
            self.text += "".join(words)
            self.has_block = True

    def write(self, worker: int, events: list[Event], *, is_heard: bool = True, turns: int = 1) -> bool:
        pen = self.pens[worker]
        if pen is None:
            return False
        reply = self.reply()
        is_owner = reply.epoch == pen.epoch and reply.status in LIVE
        pen.pending = events
        entries = pen.take()
        for _turn in range(turns):
            lost = self.db.write_journal(journal.append, [(self.id, pen.epoch, entries)])
            assert lost == (set() if is_owner else {self.id})
        if lost:
            self.pens[worker] = None
        elif is_heard:
            self.publish(worker, entries)
        return not lost

    @rule(worker=WORKERS, chance=CHANCE)
    def crash(self, worker: int, chance: int) -> None:
        if chance:
            return
        self.pens[worker] = None
        self.names[worker] += "'"
        self.live[worker] = LiveReplies(self.db, self.feeds[worker], is_local=self.is_at(worker), metrics=Metrics())

    @rule(worker=WORKERS, chance=CHANCE)
    def take_over(self, worker: int, chance: int = 0) -> None:
        if chance:
            return
        before = self.reply()
        past = leases.fresh() - 2 * leases.LEASE_S
        self.db.write(lambda session: session.execute(update(Message).values(lease_until=past)))
        reaped = [one for one in reaping.reap(self.db, self.names[worker]) if one is not None]
        mine = [one.entry for one in reaped if one.reply.id == self.id and one.entry is not None]
        after = self.reply()
        if mine:
            assert (after.status, after.text) in (("interrupted", self.text), ("stopped", self.text))
            self.publish(worker, mine)
        elif before.status in LIVE and after.epoch > before.epoch:
            assert (after.status, self.text) == ("queued", "")
            self.pens[worker] = None

    @rule(worker=WORKERS)
    def fall_asleep(self, worker: int) -> None:
        """Take a reply, write nothing, and wake when another has taken it."""
        self.claim(worker)
        if not self.has_block and not self.reply().is_cancelled:
            self.take_over(1 - worker)
            self.claim(1 - worker)

    @rule()
    def cancel(self) -> None:
        self.db.write(leases.cancel, self.id)
        assert (self.id in self.db.read(leases.cancelled, [self.id])) or not self.is_live

    @rule(worker=WORKERS, status=st.sampled_from(["done", "stopped", "failed"]), chance=CHANCE)
    def finish(self, worker: int, status: str, chance: int) -> None:
        pen = self.pens[worker]
        if pen is None or chance:
            return
        before = self.reply()
        assembly = self.db.read(journal.assemble, self.id)
        try:
            entry = self.db.write(ending.finish, self.id, pen.epoch, Outcome(assembly, End(status)))
        except Fenced:
            assert before.epoch != pen.epoch or before.status not in LIVE
        else:
            assert (self.reply().status, self.reply().text) == (status, self.text)
            self.publish(worker, [entry])
        self.pens[worker] = None

    @rule(worker=WORKERS)
    def connect(self, worker: int) -> None:
        stack = ExitStack()
        self.readers.append((stack.enter_context(self.live[worker].view(self.id, "reader")), stack))

    @rule(which=st.integers(0, 9), is_gone=CHANCE)
    def read(self, which: int, is_gone: int) -> None:
        if len(self.readers) < 2:
            self.connect(which % 2)
        view, stack = self.readers[which % len(self.readers)]
        view.refresh()
        if not is_gone:
            stack.close()
            self.readers.remove((view, stack))

    @rule()
    def lose_redis(self) -> None:
        self.is_redis_up = not self.is_redis_up

    @rule(worker=WORKERS)
    def poll(self, worker: int) -> None:
        self.live[worker].poll()
        for view, _stack in self.readers:
            if self.pens[worker] is None and view in self.live[worker]._views.values():
                view.refresh()
                assert len(shown(view).split()) >= len(self.text.split()) - 1  # the last word may not be whole

    @invariant()
    def stores_what_was_journalled(self) -> None:
        assert self.db.read(journal.assemble, self.id).text == self.text

    @invariant()
    def shows_what_is_stored(self) -> None:
        for view, _stack in self.readers:
            assert " ".join(self.text.split()).startswith(shown(view))

    def teardown(self) -> None:
        """Whatever happened, every reader ends with the whole text."""
        self.pens, self.names = [None, None], ["last", "last"]
        self.take_over(0)
        if self.is_live:
            epoch = self.reply().epoch
            self.db.write(leases.claim, self.id, epoch, "last")
            self.publish(0, [self.db.write(ending.finish, self.id, epoch, Outcome(Assembly(), End("failed")))])
        self.end_readers()

    def end_readers(self) -> None:
        self.pens = [None, None]  # whoever still writes finds out at the next commit, or round
        for live in self.live:
            live.poll()
        for view, stack in self.readers:
            if any(view in live._views.values() for live in self.live):  # the others died with their worker
                view.refresh()
                assert view.end is not None
                assert shown(view) == " ".join(self.text.split())
            stack.close()
        self.readers.clear()


def shown(view: LiveReply) -> str:
    """Give the text of a view, as its readers have it."""
    html = "".join(block.html() for block in view.blocks)
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def test_keeps_its_promises_in_any_order(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SILENT_S", -1.0)
    monkeypatch.setattr(conversations, "MAX_LIVE", 1_000_000)
    run_state_machine_as_test(
        lambda: Machine(services.db),
        settings=settings(max_examples=100, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
