"""What a worker does when it starts, and what it does not need for that."""

import pytest

from app.web.services import Services


def test_starts_whatever_it_finds(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise KeyError("of a newer version")

    monkeypatch.setattr(services.db, "read", fail)

    services.open()
