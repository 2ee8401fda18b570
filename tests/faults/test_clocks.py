"""Workers whose clock is wrong: the database's counts."""

import re
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from app.chat.keeper import ROUND_S, TICK_S
from app.chat.leases import LEASE_S
from tests import needs
from tests.faults.conftest import MakeSite, kill, workers
from tests.faults.history import TAKEN_OVER_S, slowness, until
from tests.faults.test_door import ACCOUNTS, PASSWORD, ask, sign_in
from tests.servers import Process

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
WRONG = ["+10y", *(pytest.param(by, marks=pytest.mark.soak) for by in ("-10y", "+1h", "-1h"))]


@pytest.fixture(autouse=True)
def library() -> None:
    """See that clocks can be set wrong."""
    if LIBRARY is None:
        needs.lacks("No libfaketime found; install it with apt-get install faketime.")


def shifted(by: str) -> dict[str, str]:
    return {"LD_PRELOAD": str(LIBRARY), "FAKETIME": by, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def enter(server: Process) -> str:
    """Sign in, and give the cookie."""
    return re.match("rill=[^;]+", sign_in(server, PASSWORD).headers["Set-Cookie"])[0]


@pytest.mark.parametrize("by", WRONG)
def test_leases_go_by_the_databases_clock(make_site: MakeSite, by: str) -> None:
    site = make_site("both")
    right, wrong = site.start(), site.start(**shifted(by))
    history = site.history
    for server in (right, wrong):
        history.begin([server.url], words=700, speed=15)
    history.until_all_see(8)
    time.sleep(LEASE_S + 3)  # each has looked for expired leases several times
    assert history.statuses() == {"running"}

    for worker in workers(wrong):
        kill(worker)
    wrong.stop(kill=True)
    history.viewers[1].urls[:] = [right.url]
    wrong_one = list(history.keys)[1]
    until(lambda: wrong_one not in history.live(), "it is taken over", patience_s=TAKEN_OVER_S * slowness())
    history.until_ended()

    history.check(lost_words=15)
    assert history.statuses() == {"done", "interrupted"}


@pytest.mark.parametrize("by", WRONG)
def test_ends_no_session_and_deletes_nothing(make_site: MakeSite, by: str) -> None:
    site = make_site("postgres")
    right = site.start(**ACCOUNTS)
    cookie = enter(right)
    with urllib.request.urlopen(urllib.request.Request(right.url, headers={"Cookie": cookie}), timeout=60) as page:
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())[1]
    typed = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    form = urllib.parse.urlencode({"text": "Hi", "nonce": "n", "csrf": csrf})
    chat = ask(right, "POST", "/conversations", form, **typed).headers["Location"].removesuffix("/live")

    assert chat.startswith("/c/")

    wrong = site.start(**ACCOUNTS, **shifted(by), RILL_RETENTION_DAYS="30")
    later = enter(wrong)
    time.sleep(TICK_S + ROUND_S)  # it has looked for what is old

    for server in (wrong, right):
        assert [ask(server, "GET", chat, Cookie=each).status for each in (cookie, later)] == [200, 200]
