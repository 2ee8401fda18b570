"""The least a reply can cost: Anthropic's SDK alone in gevent, without a journal, Markdown or readers.

Started as ``python -m bench.bare URL stream|create COUNT TEXT`` for COUNT replies at once, or with ``first`` for
COUNT replies one after another. Prints one line of JSON: CPU seconds of this process from the first text on and
from the first request on, texts, completed replies, seconds, and milliseconds from each request to its first text.
"""

import json
import resource
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

import gevent
from gevent import monkey

monkey.patch_all()

import anthropic  # noqa: E402  # gevent has to patch what it imports


def cpu_s() -> float:
    """Give the CPU seconds this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Bare:
    """Reads replies and counts."""

    def __init__(self, url: str, variant: str, text: str) -> None:
        self._client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
        self._texts = self._create if variant == "create" else self._stream
        self._request: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        self.tokens = self.completed = 0
        self.first_ms: list[float] = []
        self.cpu_at_first: float | None = None

    def read(self) -> None:
        """Read one reply."""
        started, first = monotonic(), True
        for _text in self._texts():
            self.tokens += 1
            if first:
                first = False
                self.first_ms.append((monotonic() - started) * 1e3)
                self.cpu_at_first = self.cpu_at_first or cpu_s()
        self.completed += 1

    def _stream(self) -> Iterator[str]:
        with self._client.messages.stream(**self._request) as stream:
            yield from stream.text_stream

    def _create(self) -> Iterator[str]:
        for event in self._client.messages.create(stream=True, **self._request):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text


def main(url: str, variant: str, count: str, text: str) -> None:
    """Read the replies, and print what they cost."""
    bare = Bare(url, variant, text)
    before, started = cpu_s(), monotonic()
    if variant == "first":
        for _turn in range(int(count)):
            bare.read()
    else:
        gevent.joinall([gevent.spawn(bare.read) for _turn in range(int(count))])
    after = cpu_s()
    figures = {"cpu_s": after - (bare.cpu_at_first or before), "whole_cpu_s": after - before}
    figures |= {"tokens": bare.tokens, "completed": bare.completed, "wall_s": monotonic() - started}
    print(json.dumps({**figures, "first_ms": bare.first_ms}))


if __name__ == "__main__":
    main(*sys.argv[1:])
