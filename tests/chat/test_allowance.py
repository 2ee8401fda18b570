"""What may be spent: what the environment allows, and what administrators set."""

import pytest

from app.chat import allowance
from app.chat.allowance import Rules
from app.core.errors import Invalid
from app.core.limits import Limits
from app.web.services import Services


def test_holds_to_the_lower_of_an_administrators_budgets_and_the_environments(services: Services) -> None:
    rules = Rules(Limits(day=2_500_000, person_day=1_000_000))
    assert services.db.read(allowance.current, rules) == rules.limits

    services.db.write(allowance.change, "root", {"month": "7", "day": "100000", "person_day": "0.5"})
    held = Limits(month=7_000_000, day=2_500_000, person_day=500_000)
    assert services.db.read(allowance.current, rules) == held

    services.db.write(allowance.change, "root", {"month": "", "day": ""})
    assert services.db.read(allowance.current, rules) == rules.limits


def test_takes_amounts_only(services: Services) -> None:
    with pytest.raises(Invalid, match="“person day” is no amount"):
        services.db.write(allowance.change, "root", {"person_day": "much"})
