"""The models this server offers, with what Claude's Models API says of them."""

import logging
from collections.abc import Sequence
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
    """Models in the order they were asked for; ``source`` is ``anthropic``, or ``table`` with the day it was made."""

    models: list[Model]
    source: str
    as_of: str | None = None


class Offer:
    """Asks Claude now and then; one per process."""

    def __init__(self, claude: Caller) -> None:
        self._claude = claude
        self._found: dict[str, Model] = {}
        self._until_s = -1.0

    def get(self, ids: Sequence[str]) -> Offered:
        """Give what is said of these models, as it was known within the last hour."""
        if monotonic() >= self._until_s:
            self._found, holds_s = self._ask()
            self._until_s = monotonic() + holds_s
        models = [self._found.get(id) or known(id) for id in ids]
        return Offered(models, "anthropic") if self._found else Offered(models, "table", AS_OF)

    def _ask(self) -> tuple[dict[str, Model], float]:
        try:
            found = {model.id: model for model in self._claude.models()}
        except Upstream as error:
            log.warning("models.failed", extra={"code": error.code})
            found = {}
        return found, HOLDS_S if found else AGAIN_S
