"""Readers whose network swallows everything: no packet arrives any more, and none says that they have gone."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import backends, needs
from tests.faults.conftest import Site
from tests.faults.history import post, until
from tests.faults.test_readers import first_id, stream_of
from tests.servers import start_upstream

_NEW_NETWORK = 0x4000_0000  # CLONE_NEWNET
#: Where the readers are: an address of the loopback network, to and from which packets can be lost.
FAR = "127.0.0.2"


def apart(work: Callable[[], None]) -> None:
    """Do something on a network of its own, as all do that it starts; the rest of the machine knows nothing of it."""
    ip = needs.program("ip", package="iproute2")

    def enter() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise PermissionError(os.strerror(ctypes.get_errno()))
        subprocess.run([ip, "link", "set", "lo", "up"], check=True)
        work()

    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(enter).result()
        except PermissionError:
            needs.lacks("A network of one's own needs the rights of root.")


def swallow(address: str) -> None:
    """Lose every packet to an address of this network; what was connected stays so, as far as both ends know."""
    subprocess.run(["ip", "route", "add", "blackhole", f"{address}/32", "table", "local"], check=True)


def test_lets_go_of_readers_whose_network_swallows_all(tmp_path: Path) -> None:
    def work() -> None:
        upstream = start_upstream(tmp_path)
        site = Site(tmp_path, upstream, backends.sqlite_url(tmp_path))
        try:
            lose_readers(site)
        finally:
            site.close()
            upstream.stop(kill=True)

    apart(work)


def lose_readers(site: Site) -> None:
    """Lose twenty readers of a reply; one of them comes back from elsewhere, while its old connection still stands."""
    server = site.start()
    reply = site.history.begin(site.urls, words=4_000, speed=20)
    site.history.until_all_see(5)
    held = site.figures()["sockets"]
    lost = [stream_of(server, reply, source=FAR) for _reader in range(20)]
    cursors = [first_id(reader) for reader in lost]
    assert site.figures()["sockets"] >= held + 20

    swallow(FAR)
    back = stream_of(server, reply, cursors[0])
    view = first_id(back).partition("-")[0]
    assert view == cursors[0].partition("-")[0], "it goes on from where it was"
    assert site.figures()["sockets"] >= held + 20, "and the others are still there, as far as anybody knows"
    until(lambda: site.figures()["sockets"] <= held + 3, "they are let go", patience_s=90)
    assert site.history.live(), "the reply goes on meanwhile"
    for reader in (back, *lost):
        reader.close()
    post(server.url, f"/replies/{reply}/stop")
    site.history.until_ended()

    site.history.check(lost_words=50)
    assert site.history.statuses() == {"stopped"}
