"""A Claude that says what a test tells it to, for tests above the wire."""

from collections.abc import Iterator

import gevent
from gevent.event import Event as Flag

from app.adapters.pulse import Stopped
from app.core.catalog import Model
from app.core.errors import Upstream
from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextDelta,
)
from app.core.request import MessagesRequest
from app.core.tally import Tally

Script = list[Event | Exception | Flag]


def saying(*texts: str, stop_reason: str = "end_turn") -> Script:
    """Make the script of a whole reply with one text block, a delta per text."""
    usage = {"input_tokens": 7, "output_tokens": 11}
    return [
        MessageStart("claude-test", "req_12345678", {"input_tokens": 7, "output_tokens": 1}),
        BlockStart(0, {"type": "text", "text": ""}),
        *(TextDelta(0, text) for text in texts),
        BlockStop(0),
        MessageDelta(stop_reason, None, usage),
        MessageStop(),
    ]


class ScriptedClaude:
    """Plays the scripts in order; an exception in a script is raised, a flag is waited for."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.whole: list[Script] = []  # for replies in one piece, where a test has set any
        self.requests: list[MessagesRequest] = []
        self.closed = 0

    def call(self, request: MessagesRequest) -> "ScriptedCall":
        """Play the next script, or a short greeting."""
        self.requests.append(request)
        scripts = self.scripts if request.is_streamed or not self.whole else self.whole
        return ScriptedCall(self, request, scripts.pop(0) if scripts else saying("Hello", " there."))

    def read_on(self) -> None:
        """Nothing gathers here."""

    def models(self) -> list[Model]:
        """Offer nothing in particular."""
        return []


class ScriptedCall:
    """One play of a script; what fails at once was refused."""

    def __init__(self, claude: ScriptedClaude, request: MessagesRequest, script: Script) -> None:
        self._claude, self._script = claude, script
        self.tally = Tally(request, clock=lambda: 0.0)
        self._is_closed = False
        self._wake = Flag()

    def __iter__(self) -> Iterator[Event]:
        self.tally.send()
        for step in self._script:
            while isinstance(step, Flag) and not step.is_set() and not self._is_closed:
                gevent.wait([step, self._wake], count=1, timeout=5)
            if self._is_closed:
                raise Stopped
            if isinstance(step, Upstream) and step is self._script[0]:
                self.tally.refuse()
            if isinstance(step, Exception):
                raise step
            if not isinstance(step, Flag):
                self.tally.add(step)
                yield step

    def close(self) -> None:
        """Break off, as Stop does."""
        self._is_closed = True
        self._claude.closed += 1
        self._wake.set()
