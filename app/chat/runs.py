"""A reply while it is written, as its worker knows it."""

import logging
from dataclasses import dataclass, field
from time import monotonic

from app.chat.asking import Call
from app.chat.writer import Pen
from app.core.assembly import Assembly
from app.core.events import End
from app.core.tally import Bill
from app.core.trace import Trace

log = logging.getLogger(__name__)


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

    @property
    def bill(self) -> Bill:
        """What it took so far."""
        return self.call.tally.bill if self.call else Bill()

    def log_end(self, end: End) -> None:
        """Write the line about a reply that is over."""
        fields = {"reply": self.reply_id, "status": end.status, "code": end.error_code}
        log.info("reply.ended", extra={**fields, "duration_s": round(monotonic() - self.started_s, 3)})
