"""The door on a real server: what it refuses to start with, what outlasts a restart, and what comes by a socket."""

import http.client
import os
import re
import socket
import stat
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.servers import ROOT, Process, free_port, start_rill

PASSWORD = "a cellar for the lantern"
ACCOUNTS = {"SECRET_KEY": "k" * 32, "RILL_ADMIN_PASSWORD": PASSWORD}
PROXY = {"SECRET_KEY": "k" * 32, "RILL_URL": "http://localhost", "RILL_PROXY_HEADER": "X-Forwarded-Email"}


@contextmanager
def served(folder: Path, **env: str) -> Iterator[Process]:
    """Serve Rill, on the folder's database."""
    rill = start_rill(folder, free_port(), **env)
    try:
        yield rill
    finally:
        rill.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give a Rill for tests that do it no harm."""
    with served(tmp_path_factory.mktemp("rill")) as rill:
        yield rill


def ask(rill: Process, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
    """Make one request, as it is written."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(rill.url).netloc, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def sign_in(rill: Process, password: str) -> http.client.HTTPResponse:
    """Try a password."""
    form = urllib.parse.urlencode({"name": "admin", "password": password})
    return ask(rill, "POST", "/login", form, **{"Content-Type": "application/x-www-form-urlencoded"})


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"RILL_HOST": "0.0.0.0"}, "nobody has to sign in: anyone could use your key"),
        ({"RILL_HOST": "::"}, "nobody has to sign in: anyone could use your key"),
        ({"RILL_URL": "https://chat.example"}, "nobody has to sign in: anyone could use your key"),
        ({"RILL_ADMIN_PASSWORD": PASSWORD}, "SECRET_KEY must be set"),
        ({**ACCOUNTS, "RILL_HOST": "0.0.0.0"}, "RILL_URL must be set"),
        ({**ACCOUNTS, "RILL_URL": "https://chat.example"}, "RILL_TRUSTED_PROXIES must be set"),
        ({"RILL_HOST": "unix:/tmp/never.sock"}, "nobody has to sign in: anyone could use your key"),
        ({"DATABASE_URL": "sqlite:////proc/rill.db"}, "/proc/rill.db.lock cannot be written"),
    ],
)
def test_does_not_start_half_open(tmp_path: Path, env: dict[str, str], sentence: str) -> None:
    port = free_port()
    full = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", "PORT": str(port), **env}
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    done = subprocess.run(command, cwd=ROOT, env=full, capture_output=True, timeout=60, check=False)

    assert done.returncode == 1
    assert sentence in done.stderr.decode()
    assert PASSWORD not in done.stderr.decode()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_gives_up_where_postgres_would_block_the_loop(tmp_path: Path) -> None:
    env = {**os.environ, "DATABASE_URL": "postgresql://nowhere.invalid/rill", "PORT": str(free_port())}
    program = "import psycopg; from gunicorn.app.wsgiapp import run; run()"
    command = [sys.executable, "-c", program, "-c", "gunicorn.conf.py", "wsgi:app"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 3
    assert done.stderr.count("psycopg was imported before gevent could patch it") == 1


def test_says_that_too_few_files_may_be_open(tmp_path: Path) -> None:
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", "PORT": str(free_port())}
    command = f"ulimit -n 2000 && exec {sys.executable} -m gunicorn -c gunicorn.conf.py wsgi:app"
    process = subprocess.Popen(["sh", "-c", command], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        assert "Only 2000 files may be open" in process.stderr.readline()
    finally:
        process.terminate()
        process.communicate(timeout=40)


def test_knows_sessions_and_guesses_after_a_crash(tmp_path: Path) -> None:
    with served(tmp_path, **ACCOUNTS) as rill:
        cookie = re.match("rill=[^;]+", sign_in(rill, PASSWORD).headers["Set-Cookie"])[0]
        assert [sign_in(rill, "wrong").status for _ in range(6)] == [422] * 5 + [429]
        rill.stop(kill=True)
    with served(tmp_path, **ACCOUNTS) as rill:
        assert ask(rill, "GET", "/", Cookie=cookie).status == 200
        assert sign_in(rill, PASSWORD).status == 429


def test_serves_others_while_passwords_are_tried(tmp_path: Path) -> None:
    with served(tmp_path, **ACCOUNTS) as rill:
        form = urllib.parse.urlencode({"name": "admin", "password": "x" * 200})
        connections = []
        for _ in range(40):
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(rill.url).netloc, timeout=60)
            connection.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
            connections.append(connection)
        assert ask(rill, "GET", "/livez").status == 200
        statuses = [connection.getresponse().status for connection in connections]
        for connection in connections:
            connection.close()

        assert statuses.count(422) == 5
        assert statuses.count(429) == 35


def test_believes_no_header_with_underscores(tmp_path: Path) -> None:
    env = {**PROXY, "RILL_TRUSTED_PROXIES": "127.0.0.0/8", "RILL_PROXY_SECRET": "v" * 32}
    with served(tmp_path, **env) as rill:
        secret = {"X-Rill-Proxy-Secret": "v" * 32}
        assert ask(rill, "GET", "/", **secret, **{"X-Forwarded-Email": "ann"}).status == 200
        for name in ("X_Forwarded_Email", "X-Forwarded_Email"):
            assert ask(rill, "GET", "/", **secret, **{name: "ann"}).status in (303, 400)
        assert ask(rill, "GET", "/", **{"X-Forwarded-Email": "ann"}).status == 303


CANARY = "canary-cookie-55b0c"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie rill={CANARY}", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie\x7f{CANARY}: x", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: rill=\0{CANARY}", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a\r\n {CANARY}", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {CANARY}", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {CANARY}", 501),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: {CANARY}", 417),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {CANARY * 5_000}", 431),
        (f"GET /{CANARY * 500} HTTP/1.1\r\nHost: localhost", 414),
        (f"GET /?{CANARY} HTTP/9.{CANARY}\r\nHost: localhost", 400),
        (f"{CANARY}\r\nHost: localhost", 400),
        (f"{CANARY.upper()}(x / HTTP/1.1\r\nHost: localhost", 400),
    ],
    ids=range(12),
)
def test_repeats_nothing_of_what_is_no_request(shared: Process, head: str, status: int) -> None:
    host = urllib.parse.urlsplit(shared.url)
    with socket.create_connection((host.hostname, host.port), timeout=20) as client:
        client.sendall(f"{head}\r\n\r\n".encode("latin-1"))
        answer = ""
        with suppress(ConnectionResetError):  # where it had not read all that was sent
            while came := client.recv(65_536):
                answer += came.decode()

    assert answer.startswith(f"HTTP/1.1 {status} ") or (not answer and status in (414, 431)), answer[:200]
    said = (answer + shared.log.read_text()).lower()
    assert "request.refused" in said
    assert CANARY not in said
    assert "traceback" not in said


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 30",
        "Content-Length: +3",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ],
)
def test_takes_no_request_whose_end_two_could_see_in_two_places(shared: Process, lengths: str) -> None:
    host = urllib.parse.urlsplit(shared.url)
    with socket.create_connection((host.hostname, host.port), timeout=20) as client:
        client.sendall(f"POST /login HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n0\r\n\r\nGET /livez".encode())
        answer = client.makefile("rb").read().decode()

    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 501 "))
    assert answer.count("HTTP/1.1") == 1


def test_believes_who_comes_by_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "rill.sock"
    full = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/rill.db", **PROXY, "RILL_HOST": f"unix:{path}"}
    subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"], cwd=ROOT, env=full, check=True)
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=full, stdout=out, stderr=out)
    try:
        assert "200 OK" in by_socket(path, "X-Forwarded-Email: ann")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert "303 SEE OTHER" in by_socket(path, "X-Other: ann")
        assert "400 BAD REQUEST" in by_socket(path, "X-Forwarded-Email: ann\r\nX-Forwarded-Email: root")
    finally:
        process.terminate()
        process.wait(timeout=60)


def by_socket(path: Path, header: str) -> str:
    """Ask for the page over a unix socket, as soon as it is there."""
    for _ in range(600):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            try:
                client.connect(str(path))
            except OSError:
                time.sleep(0.1)
                continue
            client.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n".encode())
            return client.makefile("rb").read().decode().partition("\r\n")[0]
    raise AssertionError("nobody listens")
