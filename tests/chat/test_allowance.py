"""What may be spent: what the environment allows, and what administrators set."""

import pytest

from app.chat import allowance
from app.chat.allowance import Rules
from app.core.errors import Invalid
from app.core.limits import Limits
from app.web.services import Services

DAY = Rules(Limits(day=2_500_000))


def test_puts_an_administrators_budgets_before_the_environments(services: Services) -> None:
    assert services.db.read(allowance.current, DAY) == DAY.limits
    services.db.write(allowance.change, "root", {"month": "7", "day": ""})
    assert services.db.read(allowance.current, DAY) == Limits(month=7_000_000)

    with pytest.raises(Invalid, match="“person day” is no amount"):
        services.db.write(allowance.change, "root", {"person_day": "much"})
