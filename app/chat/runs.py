"""A reply while it is written, as its worker knows it."""

import logging
from dataclasses import dataclass, field
from time import monotonic

from app.chat import ending
from app.chat.asking import Call
from app.chat.ending import Outcome
from app.chat.writer import Pen
from app.core.assembly import Assembly
from app.core.events import End
from app.core.tally import Bill
from app.core.trace import Trace

log = logging.getLogger(__name__)

#: How often a reply is offered to a database that can be reached, and refuses it.
_TRIES = 3
_UNSTORABLE = End("failed", ending.UNSTORABLE, "storage")


@dataclass(eq=False)
class Run:
    """One reply being written."""

    reply_id: str
    pen: Pen
    assembly: Assembly = field(default_factory=Assembly)
    trace: Trace = field(default_factory=Trace)
    call: Call | None = None
    stop: End | None = None
    is_held: bool = False
    started_s: float = field(default_factory=monotonic)
    first_token_s: float | None = None
    refused: int = 0

    @property
    def bill(self) -> Bill:
        """What it took so far."""
        return self.call.tally.bill if self.call else Bill()

    def break_off(self, end: End) -> End:
        """Let it end early, and give how it does: as it was told first."""
        self.stop = self.stop or end
        if self.call is not None:
            self.call.close()
        return self.stop

    def outcome(self, end: End) -> Outcome:
        """Give what is to be stored of it: without the text, if the database has refused that several times."""
        figures = {"first_token_s": self.first_token_s, "total_s": monotonic() - self.started_s}
        if self.refused >= _TRIES:
            return Outcome(Assembly(), _UNSTORABLE, None, figures, self.bill)
        return Outcome(self.assembly, end, self.trace, figures, self.bill)

    def log_end(self, end: End) -> None:
        """Write the line about a reply that is over."""
        fields = {"reply": self.reply_id, "status": end.status, "code": end.error_code}
        log.info("reply.ended", extra={**fields, "duration_s": round(monotonic() - self.started_s, 3)})
