"""Programs that are not ours: the examples of the README as they stand there, against a real server, and who leaves."""

import http.client
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import httpx
import pytest

from tests import needs
from tests.fakes.claude import Answer, FakeClaude, closing, delta, opening
from tests.servers import ROOT, Process, free_port, start_rill, start_upstream
from tests.waiting import until

README = (ROOT / "README.md").read_text()
SLOWLY = "[[echo: 1]] Caf\u00e9 \N{GRINNING FACE}: one character at a time, and then\n\nthe end."
SAID = SLOWLY.removeprefix("[[echo: 1]] ")


#: The client of a lesson on streaming: it cuts the frames apart itself, and skips what has no text.
LESSON = """
const response = await fetch(process.argv[2] + "/api/chat", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ message: process.argv[3] }),
});
const reader = response.body.getReader();
const decoder = new TextDecoder();
let held = "";
let isDone = false;
while (!isDone) {
  const { done, value } = await reader.read();
  if (done) break;
  held += decoder.decode(value, { stream: true });
  const frames = held.split("\\n\\n");
  held = frames.pop();
  for (const frame of frames) {
    if (!frame.startsWith("data: ")) continue;
    const data = frame.slice(6);
    if (data === "[DONE]") isDone = true;
    else process.stdout.write(JSON.parse(data).text ?? "");
  }
}
if (!isDone) process.exit(1);
"""


def example(name: str, url: str, message: str = SLOWLY) -> str:
    """Give an example of the README, asking another server something else."""
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", README, re.S)
    assert found, f"README.md has no example {name}"
    said = json.dumps(message, ensure_ascii=False)[1:-1]
    return found[1].replace("http://127.0.0.1:8000", url).replace("Write a short story about a programmer", said)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    fake = start_upstream(tmp_path_factory.mktemp("upstream"))
    yield fake
    fake.stop(kill=True)


@pytest.fixture(scope="module")
def rill(upstream: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("rill")
    server = start_rill(folder, free_port(), ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=upstream.url)
    yield server
    server.stop()


def run(command: list[str], **options: object) -> str:
    """Run a program that must end well, and give what it writes."""
    done = subprocess.run(command, capture_output=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def closed(upstream: Process) -> int:
    """Give how many readers have left the upstream."""
    return count(upstream, "closed")


def count(upstream: Process, what: str) -> int:
    """Give what the upstream has counted."""
    with urllib.request.urlopen(f"{upstream.url}/_closed", timeout=10) as answer:
        return int(json.load(answer)[what])


def wait_for_one_more(upstream: Process, what: str, before: int) -> None:
    """Wait until the upstream has counted another."""
    for _ in range(200):
        if count(upstream, what) > before:
            return
        time.sleep(0.05)
    pytest.fail(f"the upstream has no more {what}")


def test_curl(rill: Process) -> None:
    needs.program("curl")
    written = run(["sh", "-c", example("curl", rill.url)])

    frames = [frame for frame in written.split("\n\n") if frame and frame != ":"]
    *texts, figures, done = frames
    assert "".join(json.loads(text.removeprefix("data: "))["text"] for text in texts) == SAID
    assert all(text.startswith('data: {"text": ') for text in texts)
    assert json.loads(figures.removeprefix("data: "))["usage"]["output_tokens"] == 34
    assert done == "data: [DONE]"


def test_python(rill: Process, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(example("python", rill.url))

    assert run([sys.executable, str(script)]) == SAID


def test_python_tells_of_a_reply_that_broke_off(rill: Process, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(example("python", rill.url, "[[fault: cut]]"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, b"This much arrived")
    assert done.stderr.strip() != b""


def test_typescript(rill: Process, tmp_path: Path) -> None:
    node = needs.program("node", package="nodejs")
    source, script = tmp_path / "ask.ts", tmp_path / "ask.mjs"
    source.write_text(example("typescript", rill.url))
    deno = Path(sys.executable).with_name("deno")
    script.write_text(run([str(deno), "transpile", str(source)], cwd=tmp_path))

    assert run([node, str(script)]) == SAID


def test_fetch_reads_the_frames_as_a_lesson_does(rill: Process, tmp_path: Path) -> None:
    script = tmp_path / "lesson.mjs"
    script.write_text(LESSON)

    assert run([needs.program("node", package="nodejs"), str(script), rill.url, SLOWLY]) == SAID


def test_bare_text_that_breaks_off_is_an_error_to_a_client(rill: Process) -> None:
    body, headers = {"message": "[[fault: cut]]"}, {"Accept": "text/plain"}
    got: list[str] = []

    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{rill.url}/api/chat", json=body, headers=headers, timeout=30) as response,
    ):
        got.extend(response.iter_text())

    assert "".join(got) == "This much arrived"


@pytest.mark.parametrize("fields", [{}, {"conversation": "new"}])
def test_bytes_may_come_one_by_one_everywhere(rill: Process, fields: dict[str, str]) -> None:
    """Claude's reply, the request, and what the program reads: each in single bytes."""
    place = urlsplit(rill.url)
    body = json.dumps({"message": "[[fault: sliced]]", **fields}).encode()
    head = [f"POST /api/chat HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json"]
    with socket.create_connection((place.hostname, place.port), timeout=30) as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body:
            sender.sendall(bytes([byte]))
        response = http.client.HTTPResponse(sender)
        response.begin()
        written = b"".join(iter(lambda: response.read(1), b""))

    frames = [frame for frame in written.decode().split("\n\n") if frame and frame != ":"]
    *texts, figures, done = [frame.removeprefix("data: ") for frame in frames]
    assert "".join(json.loads(text)["text"] for text in texts) == "Caf\u00e9 \N{GRINNING FACE}\u2028the\n\nend"
    assert json.loads(figures)["usage"] == {"input_tokens": 12, "output_tokens": 34}
    assert done == "[DONE]"


@pytest.mark.parametrize("fields", [{}, {"conversation": "new"}])
@pytest.mark.parametrize("accept", ["text/event-stream", "text/plain"])
def test_the_call_ends_when_the_program_leaves(
    rill: Process, upstream: Process, accept: str, fields: dict[str, str]
) -> None:
    before = closed(upstream)
    body = {"message": "[[fault: slow]]", **fields}
    with httpx.stream("POST", f"{rill.url}/api/chat", json=body, headers={"Accept": accept}, timeout=30) as response:
        next(response.iter_text())

    wait_for_one_more(upstream, "closed", before)  # the reply itself would take 20 s


@pytest.mark.parametrize("fields", [{"stream": False}, {"schema": {"type": "object"}}])
def test_a_call_in_one_piece_ends_when_the_program_leaves(
    rill: Process, upstream: Process, fields: dict[str, object]
) -> None:
    asked, left = count(upstream, "requests"), closed(upstream)
    place = urlsplit(rill.url)
    program = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    body = json.dumps({"message": "[[fault: hang]]", **fields})
    program.request("POST", "/api/chat", body, {"Content-Type": "application/json"})
    wait_for_one_more(upstream, "requests", asked)

    program.close()

    wait_for_one_more(upstream, "closed", left)


def test_each_of_many_has_its_first_text_before_any_is_let_finish(tmp_path: Path) -> None:
    gate, fake, many = Event(), FakeClaude().start(), 60
    fake.answers.extend(
        Answer([*opening(), delta("First, "), gate, delta("last."), *closing()]) for _turn in range(many)
    )
    server = start_rill(tmp_path, free_port(), ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=fake.url)
    firsts: list[str] = []
    wholes: list[str] = []

    def ask() -> None:
        with httpx.stream("POST", f"{server.url}/api/chat", json={"message": "Hi"}, timeout=60) as response:
            data = (line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: "))
            firsts.append(next(data))
            wholes.append("".join(json.loads(piece).get("text", "") for piece in data if piece != "[DONE]"))

    programs = [Thread(target=ask) for _turn in range(many)]
    try:
        for program in programs:
            program.start()
        until(lambda: len(firsts) == many)
        assert (set(firsts), wholes) == ({'{"text": "First, "}'}, [])
        gate.set()
        for program in programs:
            program.join(60)
    finally:
        gate.set()
        server.stop()
        fake.stop()

    assert wholes == ["last."] * many
