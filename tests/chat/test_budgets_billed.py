"""Whatever becomes of replies, the ledger shows no less than Claude bills: prompts it accepted, and what it sent."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gevent.event import Event as Flag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from app.adapters.claude import Claude
from app.adapters.clock import now
from app.adapters.models import LOCAL_OWNER, Message, new_id
from app.adapters.money import Spending
from app.chat import conversations, reaping
from app.core.pricing import Tokens, cost
from app.core.request import MessagesRequest
from app.web.services import Services
from tests.fakes.claude import closing, delta, event, opening, thinking
from tests.waiting import until, until_idle

MODEL = "claude-sonnet-5-5"
#: What Claude does with a request: it refuses it by a status, fails after it was accepted, waits, or answers.
REFUSALS = {"429": 429, "529": 529, "400": 400}
STEPS = (*REFUSALS, "500", "silent", "started", "thinking", "talking", "cut", "error", "empty", "whole")
ACTS = ("stop", "drain", "die")
PROMPT, PER_DELTA = 12, 2


class Billing:
    """A Claude that takes down what it bills: the prompt as it accepts it, the output as it sends it."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.requests = 0
        self.bills: list[dict[str, int]] = []
        self.is_waiting = Flag()

    @property
    def micros(self) -> int:
        """What is on the bill."""
        return sum(cost(MODEL, Tokens(**bill)) for bill in self.bills)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request as planned, or whole."""
        json.loads(environ["wsgi.input"].read())
        self.requests += 1
        step = self.plan.pop(0) if self.plan else "whole"
        plain = [("content-type", "application/json")]
        if step in REFUSALS:
            start_response(f"{REFUSALS[step]} No", plain)
            return [b'{"type": "error", "error": {"type": "some_error", "message": "no"}}']
        self.bills.append(bill := {"input": PROMPT, "output": 0})
        if step == "500":
            start_response("500 No", plain)
            return [b'{"type": "error", "error": {"type": "api_error", "message": "no"}}']
        if step == "silent":
            self._wait()
        start_response("200 OK", [("content-type", "text/event-stream")])
        return self._stream(step, bill)

    def _stream(self, step: str, bill: dict[str, int]) -> Iterator[bytes]:
        if step == "empty":
            return
        yield from opening()
        bill["output"] += 1
        if step == "started":
            self._wait()
        for _ in range(3):
            yield thinking("What is it, then? ") if step == "thinking" else delta("It is this. ")
            bill["output"] += PER_DELTA
        if step in ("thinking", "talking"):
            self._wait()
        if step == "error":
            yield event("error", error={"type": "overloaded_error", "message": "no"})
        if step == "whole":
            bill["output"] = 34
            yield from closing()

    def _wait(self) -> None:
        self.is_waiting.set()
        try:
            Flag().wait(20)
        finally:
            self.is_waiting.clear()


@pytest.fixture
def billing() -> Billing:
    """Give the server in Claude's place."""
    return Billing()


@pytest.fixture
def claude(billing: Billing) -> Iterator[Claude]:
    """Give the real client, which does not wait between attempts."""
    claude = Claude(api_key="k", app=billing, sleep=lambda _seconds: None, clock=iter(range(0, 10**9, 1_000)).__next__)
    yield claude
    claude.client.close()


def ledger(services: Services) -> tuple[int, int, int]:
    """Give what the ledger shows: micros, tokens, and requests."""
    tokens = Spending.input_tokens + Spending.cache_write_tokens + Spending.output_tokens
    sums = select(func.sum(Spending.micros), func.sum(tokens), func.sum(Spending.requests))
    return tuple(int(value or 0) for value in services.db.read(lambda session: session.execute(sums).one()))


def ask(services: Services) -> Message:
    """Begin a reply."""
    return services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce=new_id(), model=MODEL).reply


def taken_over(services: Services) -> list[Message]:
    """Have another worker take over what there is, and give what it is to begin again.

    It passes over what is being written to just then, and comes back to it, as keepers do.
    """
    found: list[Message] = []

    def take() -> bool:
        taken = list(reaping.reap(services.db, "another", alone_since=now()))
        found.extend(each.reply for each in taken if each is not None and each.entry is None)
        return None not in taken

    until(take)
    return found


def run(services: Services, billing: Billing, reply: Message, acts: list[str]) -> None:
    """Write a reply, and do these things to it whenever Claude keeps it waiting; at last, stop it."""
    services.runner.start(reply)
    while True:
        until(lambda: billing.is_waiting.is_set() or not services.runner.running)
        if not services.runner.running:
            return
        act = acts.pop(0) if acts else "stop"
        if act == "stop":
            services.runner.stop(reply.id)
        elif act == "drain":
            services.runner.drain(0)
            services.runner.is_draining = False
        found = []
        if act == "die":  # another worker takes over while this one knows of nothing
            found = taken_over(services)
            services.runner.fence([(reply.id, reply.epoch)])
        until_idle(services)
        if act == "drain":
            found = taken_over(services)
        if not found:
            return
        [reply] = found
        services.runner.start(reply)


def check(services: Services, billing: Billing, steps: list[str], acts: list[str]) -> None:
    """Ask once, and compare the ledger with the bill."""
    services.db.write(lambda session: session.execute(delete(Spending)))
    billing.plan, billing.bills, billing.requests = list(steps), [], 0

    run(services, billing, ask(services), list(acts))

    micros, tokens, requests = ledger(services)
    assert micros >= billing.micros
    assert tokens >= sum(bill["input"] + bill["output"] for bill in billing.bills)
    assert "die" in acts or requests == billing.requests


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("step", ["silent", "started", "thinking", "talking"])
def test_shows_no_less_than_is_billed(services: Services, billing: Billing, step: str, act: str) -> None:
    check(services, billing, [step], [act])
    check(services, billing, ["500", "429", step, "empty"], [act])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=6), st.lists(st.sampled_from(ACTS), max_size=4))
def test_shows_no_less_in_any_order(services: Services, billing: Billing, steps: list[str], acts: list[str]) -> None:
    check(services, billing, steps, acts)


@pytest.mark.parametrize("step", ["silent", "started", "thinking", "talking"])
def test_bills_programs_that_go_away_early(services: Services, billing: Billing, step: str) -> None:
    billing.plan = [step]
    asked = MessagesRequest(MODEL, 100, [{"role": "user", "content": "Hi"}])
    with services.directs.call(asked, LOCAL_OWNER):
        billing.is_waiting.wait(20)

    micros, _tokens, requests = ledger(services)
    assert micros >= billing.micros > 0
    assert requests == 1


@pytest.mark.parametrize("refusal", REFUSALS)
def test_charges_nothing_for_refusals(services: Services, billing: Billing, refusal: str) -> None:
    billing.plan = [refusal] * 3

    run(services, billing, ask(services), [])

    assert ledger(services)[:2] == (0, 0)
    assert ledger(services)[2] == billing.requests
