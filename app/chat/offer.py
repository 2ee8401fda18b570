"""The models this server offers, with what Claude's Models API says of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

from app.adapters.clock import now as clock_now
from app.chat.asking import Caller
from app.core.catalog import AS_OF, Model, known
from app.core.errors import Upstream

log = logging.getLogger(__name__)

#: How long an answer holds, and how soon one that failed is asked for again, in seconds.
HOLDS_S, AGAIN_S = 3600.0, 60.0


@dataclass(frozen=True, slots=True)
class Offered:
    """Models in the order they were asked for.

    ``source`` is ``anthropic``, with the day where the answer is older than it should be, or ``table`` with its own.
    """

    models: list[Model]
    source: str
    as_of: str | None = None


class Offer:
    """Asks Claude now and then; one per process. An answer holds until there is another."""

    def __init__(self, claude: Caller) -> None:
        self._claude = claude
        self._found: dict[str, Model] = {}
        self._until_s = -1.0
        self._day = ""
        self._is_late = False

    def get(self, ids: Sequence[str]) -> Offered:
        """Give what is said of these models, as it was known within the last hour if Claude can be asked."""
        if monotonic() >= self._until_s:
            self._until_s = monotonic() + AGAIN_S  # whoever comes meanwhile does not ask, too
            self._ask()
        as_of = self._day if self._is_late else None
        models = [replace(found, as_of=as_of) if (found := self._found.get(id)) else known(id) for id in ids]
        return Offered(models, "anthropic", as_of) if self._found else Offered(models, "table", AS_OF)

    def _ask(self) -> None:
        try:
            found = {model.id: model for model in self._claude.models()}
        except Upstream as error:
            log.warning("models.failed", extra={"code": error.code})
            found = {}
        self._is_late = not found
        if found:
            self._found, self._day = found, clock_now().date().isoformat()
            self._until_s = monotonic() + HOLDS_S
