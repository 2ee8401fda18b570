"""Images come as bytes: no address a program names is handed on to anybody."""

import json

import pytest

from app.core.asked import read
from app.core.errors import Malformed

#: Addresses that got past other servers' checks.
URLS = [
    "https://a.example/x.png",
    "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "http://127.0.0.1:6379\\@a.example/",
    "https://a.example/redirect?to=http://169.254.169.254/",
    "file:///etc/passwd",
    "http://0x7f000001/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
]


def body(source: object) -> bytes:
    content = [{"type": "image", "source": source}]
    return json.dumps({"messages": [{"role": "user", "content": content}]}).encode()


@pytest.mark.parametrize("url", URLS)
def test_takes_no_address(url: str) -> None:
    image = {"media_type": "image/png", "data": "AAAA"}
    for source in (
        {"type": "url", "url": url},
        {"type": "file", "file_id": url},
        {"type": "base64", "url": url, **image},
        {"type": "base64", "path": url, **image},
        {"url": url},
        url,
    ):
        with pytest.raises(Malformed, match=r"^messages\[0\]\.content\[0\]\.source"):
            read(body(source))


def test_takes_bytes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}

    assert read(body(source)).messages[0]["content"][0]["source"] == source


def test_takes_bytes_in_lines() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA\r\nBBBB\n"}

    assert read(body(source)).messages[0]["content"][0]["source"]["data"] == "AAAABBBB"


@pytest.mark.parametrize(
    "data", ["", "\n", "A", "AAAAA", "AA=A", "====", "A-_A", "caf\u00e9", "data:image/png;base64,AAAA"]
)
def test_takes_nothing_but_base64(data: str) -> None:
    with pytest.raises(Malformed, match=r"^messages\[0\]\.content\[0\]\.source\.data must be an image in Base64\.$"):
        read(body({"type": "base64", "media_type": "image/png", "data": data}))
