"""The way out of a worker: what runs is stored, whoever is connected, and however often it is told to go."""

import os
import signal
import time

import pytest

from tests.faults.conftest import MakeSite, Site
from tests.faults.history import History
from tests.faults.test_abuse import begin, status
from tests.servers import Process

#: The master gives its worker 25 s, and kills it then.
GONE_S = 40
#: Is answered with 100 as soon as it is served.
LONG = ("Content-Length: 1000", "Expect: 100-continue")
FORM = (*LONG, "Content-Type: application/x-www-form-urlencoded")
JSON = (*LONG, "Content-Type: application/json")


def gone(server: Process) -> str:
    """Wait until a server has left; give its log, which tells of no worker that was killed."""
    server.process.wait(timeout=GONE_S)
    log = server.log.read_text()
    assert "SIGKILL" not in log
    assert "graceful timeout" not in log
    assert "Traceback" not in log
    return log


def begin_all(site: Site, *, count: int = 4) -> History:
    """Begin replies that take longer than any way out."""
    history = site.history
    for _reply in range(count):
        history.begin(site.urls, words=3_000, speed=20)
    history.until_all_see(8)
    return history


def read_on(site: Site) -> None:
    """Start a server again, and have the viewers read to the end there."""
    site.start()
    for viewer in site.history.viewers:
        viewer.urls[:] = site.urls[-1:]
    site.history.until_ended()


def test_stores_what_runs_beside_requests_that_never_arrive(make_site: MakeSite) -> None:
    site = make_site("sqlite")
    server = site.start()
    history = begin_all(site)
    with begin(server, "/conversations", *FORM) as slow, begin(server, "/api/chat", *JSON) as other:
        for sender in (slow, other):
            sender.sendall(b"text=")
        assert [status(slow), status(other)] == [100, 100]
        server.process.terminate()
        answers = [status(slow), status(other)]
        gone(server)

    assert answers == [503, 503]
    assert history.statuses() == {"interrupted"}
    read_on(site)
    history.check(lost_words=4)


def test_stores_what_runs_beside_a_request_that_never_ends(make_site: MakeSite) -> None:
    site = make_site("sqlite")
    server = site.start()
    history = begin_all(site)
    with begin(server, "/_wait/600", f"Origin: {server.url}", "Content-Length: 0", "Expect: 100-continue") as endless:
        assert status(endless) == 100
        server.process.terminate()
        gone(server)
        assert status(endless) == 0

    assert history.statuses() == {"interrupted"}
    read_on(site)
    history.check(lost_words=4)


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT],
        [signal.SIGTERM, signal.SIGINT],
        pytest.param([signal.SIGINT, signal.SIGINT], marks=pytest.mark.soak),
        pytest.param([signal.SIGTERM, signal.SIGQUIT], marks=pytest.mark.soak),
    ],
    ids=lambda numbers: "-".join(number.name for number in numbers),
)
def test_stores_what_runs_when_a_terminal_ends_all_processes(make_site: MakeSite, signals: list[int]) -> None:
    """A terminal signals the master and its worker, and the master its worker again."""
    site = make_site("sqlite")
    server = site.start(RILL_TEST_FINISH_S="0.02")
    history = begin_all(site, count=20)
    for number in signals:
        os.killpg(server.process.pid, number)
        time.sleep(0.2)
    gone(server)

    assert history.statuses() == {"interrupted"}
    read_on(site)
    history.check(lost_words=4)
