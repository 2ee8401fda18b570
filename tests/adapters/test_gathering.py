"""What gathers is read at once, at a beat, whether or not it is encrypted."""

import gc
import socket
import ssl
import weakref
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.adapters.gathering import Gathering
from app.adapters.pulse import Pulse, Stopped, Waiter
from tests.waiting import PATIENCE_S

MOST = 65_536


@dataclass
class Wire:
    """A connection with both of its ends, and what stands before the nearer one."""

    far: socket.socket
    near: httpcore2.NetworkStream
    gathering: Gathering
    pulse: Pulse

    def send(self, *pieces: bytes) -> None:
        """Send each by itself: a record of its own, where there are records."""
        for piece in pieces:
            self.far.sendall(piece)

    def reading(self) -> "gevent.Greenlet[..., bytes]":
        """Begin to read, and give everything else its turn."""
        greenlet = gevent.spawn(self.near.read, MOST, PATIENCE_S)
        gevent.sleep(0.05)
        return greenlet

    def flow(self) -> None:
        """Let text flow, and read the first of it."""
        self.gathering.is_flowing = True
        self.send(b"first ")
        assert self.near.read(MOST, PATIENCE_S) == b"first "


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a key and a certificate of ``localhost``, signed by itself, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rill")])
    start = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return path


@pytest.fixture(params=["plain", "tls"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        near = httpcore2.SyncBackend().connect_tcp("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE_S)
        far = listener.accept()[0]
    if request.param == "tls":
        near, far = encrypted(near, far, request.getfixturevalue("certificate"))
    pulse = Pulse()
    pulse._is_beating = True  # but when, the test says
    found = Gathering.of(near, pulse)
    assert found
    with closing(far), closing(near):
        yield Wire(far, near, found, pulse)


def encrypted(
    near: httpcore2.NetworkStream, far: socket.socket, certificate: Path
) -> tuple[httpcore2.NetworkStream, socket.socket]:
    """Speak TLS at both ends."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    other = gevent.spawn(server.wrap_socket, far, server_side=True)
    stream = near.start_tls(ssl.create_default_context(cafile=certificate), "localhost", timeout=PATIENCE_S)
    return stream, other.get(timeout=PATIENCE_S)


def test_reads_at_once_before_text_flows(wire: Wire) -> None:
    for piece in (b"one", b"two"):
        wire.send(piece)
        assert wire.near.read(MOST, PATIENCE_S) == piece


def test_reads_all_that_gathered_at_the_next_beat(wire: Wire) -> None:
    wire.flow()
    reading = wire.reading()
    wire.send(b"se", b"co", b"nd")
    gevent.sleep(0.05)
    assert not reading.ready()

    wire.pulse.beat()

    assert reading.get(timeout=PATIENCE_S) == b"second"


def test_reads_what_comes_after_an_idle_beat_as_it_comes(wire: Wire) -> None:
    wire.flow()
    reading = wire.reading()
    wire.pulse.beat()
    gevent.sleep(0.05)
    assert not reading.ready()

    wire.send(b"late")

    assert reading.get(timeout=PATIENCE_S) == b"late"


def test_reads_on_without_a_beat_while_more_is_there_than_fits(wire: Wire) -> None:
    wire.flow()
    reading = wire.reading()
    sending = gevent.spawn(wire.send, b"x" * 100_000)
    gevent.sleep(0.05)
    wire.pulse.beat()
    got = reading.get(timeout=PATIENCE_S)
    with gevent.Timeout(PATIENCE_S):
        while len(got) < 80_000:
            got += wire.near.read(MOST, PATIENCE_S)
    sending.kill()


def test_lets_others_have_their_turn_between(wire: Wire) -> None:
    wire.gathering.is_flowing = True
    sending = gevent.spawn(wire.send, b"x" * 200_000)
    gevent.sleep(0.05)
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    counting = gevent.spawn(count)
    got = 0
    while got < 48_000:
        got += len(wire.near.read(MOST, PATIENCE_S))

    assert turns
    gevent.killall([sending, counting])


def test_says_that_the_server_has_gone(wire: Wire) -> None:
    wire.flow()
    reading = wire.reading()
    wire.send(b"last")
    wire.far.shutdown(socket.SHUT_WR)

    wire.pulse.beat()
    assert reading.get(timeout=PATIENCE_S) == b"last"
    ended = wire.reading()
    wire.pulse.beat()

    assert ended.get(timeout=PATIENCE_S) == b""


def test_is_stopped_while_it_waits_for_a_beat(wire: Wire) -> None:
    wire.flow()
    waiter = Waiter()
    waiting = gevent.spawn(waiter.within, PATIENCE_S, lambda: wire.near.read(MOST, PATIENCE_S))
    gevent.sleep(0.05)

    waiter.close()

    with pytest.raises(Stopped):
        waiting.get(timeout=PATIENCE_S)


def test_holds_nobody_up_where_nothing_beats(wire: Wire) -> None:
    wire.pulse._is_beating = False
    wire.flow()
    wire.send(b"second")

    assert wire.near.read(MOST, PATIENCE_S) == b"second"


def test_holds_nobody_up_when_the_last_call_ends() -> None:
    pulse, call = Pulse(), Waiter()
    pulse.add(call)
    waiting = gevent.spawn(pulse.wait)
    gevent.sleep(0)
    pulse.remove(call)

    waiting.get(timeout=PATIENCE_S)


def test_keeps_no_connection_that_nobody_has() -> None:
    stream = httpcore2.NetworkStream()
    assert Gathering.of(stream, Pulse())
    gone = weakref.ref(stream)
    gc.disable()
    try:
        del stream
        assert gone() is None
    finally:
        gc.enable()


def test_leaves_the_connection_to_the_next_response(wire: Wire) -> None:
    wire.flow()
    wire.gathering.end()
    wire.send(b"next")

    assert wire.near.read(MOST, PATIENCE_S) == b"next"
