"""The models this server offers, with what Claude's Models API says of them."""

import logging
from dataclasses import dataclass
from time import monotonic

from app.chat.asking import Caller
from app.core.catalog import AS_OF, Model, known
from app.core.errors import Upstream

log = logging.getLogger(__name__)

#: How long an answer holds, and how soon one that failed is asked for again, in seconds.
HOLDS_S, AGAIN_S = 3600.0, 60.0


@dataclass(frozen=True, slots=True)
class Offered:
    """Models in the operator's order; ``source`` is ``anthropic``, or ``table`` with the day it was made."""

    models: list[Model]
    source: str
    as_of: str | None = None


class Offer:
    """Asks Claude now and then; one per process."""

    def __init__(self, claude: Caller, ids: tuple[str, ...]) -> None:
        self._claude, self._ids = claude, ids
        self._offered: Offered | None = None
        self._until_s = 0.0

    def get(self) -> Offered:
        """Give what is offered, as it was known within the last hour."""
        if self._offered is None or monotonic() >= self._until_s:
            self._offered, holds_s = self._ask()
            self._until_s = monotonic() + holds_s
        return self._offered

    def _ask(self) -> tuple[Offered, float]:
        try:
            found = {model.id: model for model in self._claude.models()}
        except Upstream as error:
            log.warning("models.failed", extra={"code": error.code})
            found = {}
        models = [found.get(id) or known(id) for id in self._ids]
        if found:
            return Offered(models, "anthropic"), HOLDS_S
        return Offered(models, "table", AS_OF), AGAIN_S
