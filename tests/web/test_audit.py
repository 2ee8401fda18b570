"""The log of who did what, as administrators read it."""

import pytest
from flask.testing import FlaskClient

from app.chat import audit
from app.web import audit as pages
from app.web.services import Services
from tests.web.pages import soup


def rows(client: FlaskClient, path: str) -> list[list[str]]:
    page = soup(client.get(path))
    return [[" ".join(cell.text.split()) for cell in row.select("td")] for row in page.select("tbody tr")]


def test_says_who_did_what_to_whom(client: FlaskClient, services: Services) -> None:
    assert rows(client, "/admin/audit") == [["Nothing yet."]]
    services.db.write(audit.note, "ann", "person.role", "eve", "administrator")
    services.db.write(audit.note, "", "login.failed", "eve")
    services.db.write(audit.note, "ann", "<b>new</b>", "<b>eve</b>", "<b>how</b>")

    found = [row[1:] for row in rows(client, "/admin/audit")]
    assert found == [
        ["ann", "<b>new</b> <b>eve</b>: <b>how</b>"],
        ["somebody unknown", "failed to sign in eve"],
        ["ann", "changed a role eve: administrator"],
    ]
    assert not soup(client.get("/admin/audit")).select("td b")


def test_pages_back(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 2)
    for n in range(5):
        services.db.write(audit.note, "ann", "x", str(n))
    seen, path = [], "/admin/audit"
    while path:
        seen += [row[2] for row in rows(client, path)]
        link = soup(client.get(path)).select_one("a:-soup-contains('Earlier')")
        path = link["href"] if link else ""

    assert seen == ["x 4", "x 3", "x 2", "x 1", "x 0"]


@pytest.mark.parametrize("before", ["", "x", "-1", "0", "9" * 40, "1e3", "%00"])
def test_takes_any_nonsense_for_the_latest(client: FlaskClient, services: Services, before: str) -> None:
    services.db.write(audit.note, "ann", "x", "latest")

    assert rows(client, f"/admin/audit?before={before}")[0][2] == "x latest"
