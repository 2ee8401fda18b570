"""Administration of people: invitations, roles, who is kept out, and the log of all that."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from gevent.event import Event as Flag
from werkzeug.test import TestResponse

from app.adapters.models import LOCAL_OWNER, User
from app.chat import audit, people
from app.web import people as pages
from app.web.services import Services
from tests.scripted import ScriptedClaude
from tests.waiting import until
from tests.web.door import ACCOUNTS, PASSWORD, PROXY, PUBLIC, Visitor, add, enter, sign_in
from tests.web.pages import soup, wait

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts: root, an administrator, and ann, a member."""
    app = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "root", "administrator")
    add(app.extensions["rill"], "ann")
    return app


@pytest.fixture
def root(app: Flask) -> Visitor:
    """Give the browser of the administrator."""
    return enter(app, "root")


def of(services: Services, name: str) -> User:
    """Give a person as stored."""
    found = services.db.read(people.find, name)
    assert found
    return found


def path(services: Services, name: str, what: str = "") -> str:
    return f"/admin/people/{of(services, name).id}{what}"


def link(response: TestResponse) -> str:
    """Read the link that a page shows, and give its path."""
    address = soup(response).select_one("#link")["value"]
    return re.fullmatch(r"http://localhost(/password/\S+)", address)[1]


def noted(services: Services) -> list[tuple[str, str, str, str]]:
    """Give what the log has, the latest first."""
    return [(row.actor, row.action, row.subject, row.detail) for row in services.db.read(audit.latest)]


def test_leads_administrators_to_the_first_page(app: Flask, root: Visitor) -> None:
    assert root.get("/admin").location == "/admin/people"
    assert enter(app, "ann").get("/admin").status_code == 404


def test_lists_people_with_what_is_known_of_them(root: Visitor, services: Services) -> None:
    services.db.write(people.add, "test", "invited")
    services.db.write(people.disable, "test", of(services, "ann").id)
    page = soup(root.get("/admin/people"))

    rows = [" ".join(row.text.split()) for row in page.select("tbody tr")]
    assert rows[0] == "ann member disabled not yet password"
    assert rows[1] == "invited member may come in not yet invited"
    assert re.fullmatch(r"root administrator may come in \d{4}-\d\d-\d\d password", rows[2])


def test_invites_with_a_link_that_is_shown_once_and_is_good_once(app: Flask, root: Visitor, services: Services) -> None:
    answer = root.post("/admin/people", {"name": "Eve", "role": "member"})
    way = link(answer)

    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", answer.text)
    assert "/password/" not in root.get(path(services, "eve")).text
    both = {"password": "a ladder in the orchard", "again": "a ladder in the orchard"}
    assert app.test_client().post(way, data=both).status_code == 303
    assert app.test_client().post(way, data=both).status_code == 422
    assert sign_in(app, "eve", both["password"]).status_code == 303
    assert ("root", "person.added", "eve", "member") in noted(services)


def test_shows_the_address_that_people_open(make_app: Callable[..., Flask]) -> None:
    for settings, place in (
        (PUBLIC, "https://chat.example/password/"),
        ({name: value for name, value in ACCOUNTS.items() if name != "RILL_URL"}, "http://127.0.0.1:8000/password/"),
    ):
        app = make_app(**settings)
        if app.extensions["rill"].db.read(people.find, "root") is None:
            add(app.extensions["rill"], "root", "administrator")
        client = app.test_client()
        host = {"base_url": place.removesuffix("/password/")}
        client.post("/login", data={"name": "root", "password": PASSWORD}, **host)
        csrf = soup(client.get("/admin/people", **host)).select_one("[name=csrf]")["value"]
        name = f"eve{len(place)}"
        answer = client.post("/admin/people", data={"name": name, "csrf": csrf}, **host)
        assert soup(answer).select_one("#link")["value"].startswith(place)


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"name": "ann"}, 409, "There is somebody called ann already."),
        ({"name": ""}, 422, "A name has up to 80 letters"),
        ({"name": MARKUP}, 422, "A name has up to 80 letters"),
        ({"name": "eve", "role": "owner"}, 422, "A person is an administrator or a member."),
    ],
)
def test_refuses_an_invitation(
    root: Visitor, services: Services, given: dict[str, str], status: int, sentence: str
) -> None:
    before = noted(services)
    answer = root.post("/admin/people", given)

    page = soup(answer)
    assert (answer.status_code, noted(services)) == (status, before)
    assert sentence in page.select_one("#notice").text
    assert page.select_one("#name")["value"] == given["name"]
    assert not page.select("#link, img")


def test_resets_a_password_and_ends_sessions(app: Flask, root: Visitor, services: Services) -> None:
    ann = enter(app, "ann")
    way = link(root.post(path(services, "ann", "/reset")))

    assert ann.get("/").status_code == 303
    assert sign_in(app, "ann").status_code == 422
    assert app.test_client().get(way).status_code == 200
    assert ("root", "person.reset", "ann", "") in noted(services)


def test_gives_a_link_to_the_first_administrator_too(app: Flask, root: Visitor, services: Services) -> None:
    with_password = services.db.read(people.get, of(services, "ann").id).password_hash

    def come(session: object) -> None:
        session.get(User, LOCAL_OWNER).password_hash = with_password

    services.db.write(come)
    answer = root.post(f"/admin/people/{LOCAL_OWNER}/reset")

    assert (answer.status_code, link(answer).startswith("/password/")) == (200, True)
    assert root.get(f"/admin/people/{LOCAL_OWNER}").status_code == 200


def test_changes_a_role(app: Flask, root: Visitor, services: Services) -> None:
    assert root.post(path(services, "ann", "/role"), {"role": "administrator"}).status_code == 303

    assert enter(app, "ann").get("/admin/people").status_code == 200
    assert ("root", "person.role", "ann", "administrator") in noted(services)
    assert root.post(path(services, "ann", "/role"), {"role": "owner"}).status_code == 422


def test_disables_and_enables(app: Flask, root: Visitor, services: Services) -> None:
    ann = enter(app, "ann")
    assert root.post(path(services, "ann", "/disable")).status_code == 303

    assert ann.get("/").status_code == 303
    assert sign_in(app, "ann").status_code == 422
    refused = root.post(path(services, "ann", "/reset"))
    assert (refused.status_code, "Enable them first" in refused.text) == (409, True)
    assert root.post(path(services, "ann", "/enable")).status_code == 303
    assert sign_in(app, "ann").status_code == 303
    actions = [row[:3] for row in noted(services)]
    assert ("root", "person.disabled", "ann") in actions
    assert ("root", "person.enabled", "ann") in actions


def test_deletes_whom_it_keeps_out(app: Flask, root: Visitor, services: Services) -> None:
    enter(app, "ann").post("/conversations", {"text": "Mine", "nonce": "1"})
    wait(services)
    place = path(services, "ann")
    assert "Delete" not in soup(root.get(place)).select_one("main").text
    assert root.post(f"{place}/delete", {"name": "ann"}).status_code == 409
    root.post(f"{place}/disable")
    refused = root.post(f"{place}/delete", {"name": "bob"})
    assert (refused.status_code, "Write their name" in refused.text) == (422, True)
    assert root.post(f"{place}/delete", {"name": " ANN "}).location == "/admin/people"

    assert root.get(place).status_code == 404
    left = "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM conversation)"
    assert services.db.read(lambda session: session.connection().exec_driver_sql(left).scalar()) == 0
    assert ("root", "person.deleted", "ann", "") in noted(services)


def test_deletes_nobody_while_a_reply_to_them_is_written(
    app: Flask, root: Visitor, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append([Flag()])
    enter(app, "ann").post("/conversations", {"text": "Mine", "nonce": "1"})
    place = path(services, "ann")
    root.post(f"{place}/disable")
    refused = root.post(f"{place}/delete", {"name": "ann"})
    services.keeper.stop_cancelled()
    until(lambda: not services.runner.running)

    assert (refused.status_code, "just being stopped" in refused.text) == (409, True)
    assert root.post(f"{place}/delete", {"name": "ann"}).status_code == 303


def test_makes_the_first_administrator_nobody_again(root: Visitor, services: Services) -> None:
    services.db.write(people.disable, "test", of(services, "ann").id)
    retired = (
        "UPDATE \"user\" SET name = 'admin', stamp = 3, is_disabled = true, password_hash = 'x' WHERE id = 'local'"
    )
    services.db.write(lambda session: session.connection().exec_driver_sql(retired))
    assert root.post(f"/admin/people/{LOCAL_OWNER}/delete", {"name": "admin"}).status_code == 303

    owner = services.db.read(people.get, LOCAL_OWNER)
    assert (owner.name, owner.role, owner.password_hash, owner.is_disabled) == ("local owner", "member", None, False)
    assert LOCAL_OWNER not in {user.id for user in services.db.read(people.everyone)}


def test_resets_no_password_of_who_signs_in_elsewhere(root: Visitor, services: Services) -> None:
    ben = services.db.write(people.recognise, people.Identity("oidc:1", "ben"))
    refused = root.post(f"/admin/people/{ben.id}/reset")

    assert (refused.status_code, "signs in elsewhere" in refused.text) == (409, True)
    assert not soup(root.get(f"/admin/people/{ben.id}")).select("#reset-title")


def test_tells_whose_password_was_reset(app: Flask, root: Visitor, services: Services) -> None:
    assert "was reset by an administrator" not in enter(app, "ann").get("/me").text
    way, client = link(root.post(path(services, "ann", "/reset"))), app.test_client()
    both = {"password": "a ladder in the orchard", "again": "a ladder in the orchard"}
    assert client.post(way, data=both).location == "/me"

    assert "Your password was reset by an administrator on 20" in client.get("/me").text
    both["old"] = both["password"]
    changed = {**both, "password": PASSWORD, "again": PASSWORD}
    client.post("/me/password", data={**changed, "csrf": soup(client.get("/me")).select_one("[name=csrf]")["value"]})
    assert "Your password was reset by an administrator on 20" in client.get("/me").text


def test_says_nothing_of_a_reset_to_who_is_invited_once_more(app: Flask, root: Visitor, services: Services) -> None:
    root.post("/admin/people", {"name": "ben", "role": "member"})
    way, client = link(root.post(path(services, "ben", "/reset"))), app.test_client()

    assert client.post(way, data={"password": PASSWORD, "again": PASSWORD}).location == "/"
    assert "was reset" not in client.get("/me").text


def test_leaves_roles_to_groups_that_say_them(make_app: Callable[..., Flask]) -> None:
    provider = {"RILL_OIDC_ISSUER": "https://id.example", "RILL_OIDC_CLIENT_ID": "rill", "RILL_OIDC_DOMAINS": "*"}
    provider |= {"RILL_OIDC_CLIENT_SECRET": "s" * 32, "RILL_OIDC_ADMIN_GROUPS": "rill-admins"}
    app = make_app(**ACCOUNTS, **provider)
    services = app.extensions["rill"]
    add(services, "root", "administrator")
    ben = services.db.write(people.recognise, people.Identity("oidc:1", "ben", "administrator"))
    root = enter(app, "root")
    page = f"/admin/people/{ben.id}"

    assert not soup(root.get(page)).select("#role")
    assert root.post(f"{page}/role", {"role": "member"}).status_code == 409
    assert of(services, "ben").role == "administrator"
    assert soup(root.get(path(services, "root"))).select("#role")


def test_ends_no_session_where_the_role_stays(app: Flask, root: Visitor, services: Services) -> None:
    ann, before = enter(app, "ann"), noted(services)
    root.post(path(services, "ann", "/role"), {"role": "member"})

    assert ann.get("/").status_code == 200
    assert noted(services) == before


@pytest.mark.parametrize("what", ["/reset", "/role", "/disable"])
def test_keeps_the_only_administrator(root: Visitor, services: Services, what: str) -> None:
    before = noted(services)
    answer = root.post(path(services, "root", what), {"role": "member"})

    assert (answer.status_code, noted(services)) == (409, before)
    assert "This is the only administrator." in answer.text
    assert root.get("/admin/people").status_code == 200


def test_counts_nobody_whom_only_the_proxy_names_as_an_administrator(root: Visitor, services: Services) -> None:
    ben = services.db.write(people.recognise, people.Identity("proxy:ben", "ben"))
    services.db.write(people.set_role, "test", ben.id, "administrator")

    assert root.post(path(services, "root", "/disable")).status_code == 409
    add(services, "eve", "administrator")
    assert root.post(path(services, "root", "/disable")).status_code == 303


@pytest.mark.parametrize("what", ["", "/reset", "/role", "/disable", "/enable", "/delete"])
def test_knows_nobody_else(root: Visitor, what: str) -> None:
    for id in ("x", LOCAL_OWNER, MARKUP, "%00"):
        answer = root.post(f"/admin/people/{id}{what}") if what else root.get(f"/admin/people/{id}")
        assert answer.status_code == 404


def test_is_not_there_for_members_and_strangers(app: Flask, root: Visitor, services: Services) -> None:
    ann = enter(app, "ann")
    one = path(services, "ann")

    for place in ("/admin/people", one, "/admin/audit", "/admin/options"):
        assert ann.get(place).status_code == 404
        assert app.test_client().get(place).location.startswith("/login?next=/admin")
        assert root.get(place).status_code == 200
    before = noted(services)
    for place in ("/admin/people", f"{one}/role", f"{one}/reset", f"{one}/disable", f"{one}/enable", f"{one}/delete"):
        assert ann.post(place, {"role": "administrator", "name": "eve"}).status_code == 404
        assert app.test_client().post(place).status_code == 401
    assert noted(services) == before
    assert "Administration" in root.get("/").text
    assert "Administration" not in ann.get("/").text


def test_says_that_nobody_signs_in_where_that_is_so(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    page = soup(app.test_client().get("/admin/people"))

    assert "Nobody signs in here" in page.select_one("main").text
    assert not page.select("form, table")
    for place in ("", "/local/reset", "/local/disable", "/local/role"):
        assert app.test_client().post(f"/admin/people{place}", data={"name": "eve"}).status_code == 404


def test_invites_nobody_where_others_sign_people_in(make_app: Callable[..., Flask]) -> None:
    with make_app(**PROXY).test_request_context("/admin/people"):
        page, status = pages.index()

    assert status == 200
    assert "Whoever signs in elsewhere" in page
    assert "Make the link" not in page


def test_pages_a_long_list(root: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.roster, "PAGE", 1)
    first = soup(root.get("/admin/people"))
    more = first.select_one("a:-soup-contains('More')")["href"]
    second = soup(root.get(more))

    assert [row.th.text.strip() for row in first.select("tbody tr")] == ["ann"]
    assert [row.th.text.strip() for row in second.select("tbody tr")] == ["root"]
    assert not second.select("a:-soup-contains('More')")


def test_finds_people_by_a_part_of_their_name(
    root: Visitor, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.roster, "PAGE", 2)
    for name in ("dora.smith@x.example", "dan.smith@x.example", "smith_y", "smithy"):
        add(services, name)

    def named(path: str) -> tuple[list[str], str]:
        page = soup(root.get(path))
        more = page.select_one("a:-soup-contains('More')")
        return [row.text.strip() for row in page.select("tbody th")], more["href"] if more else ""

    first, more = named("/admin/people?part=+SMITH")
    assert first == ["dan.smith@x.example", "dora.smith@x.example"]
    assert named(more) == (["smith_y", "smithy"], "")
    assert named("/admin/people?part=h_")[0] == ["smith_y"]
    assert named("/admin/people?part=%25")[0] == []
    assert "Nobody with that in their name" in root.get("/admin/people?part=zz%00").text


def test_shows_names_as_they_are(root: Visitor, services: Services) -> None:
    services.db.write(people.recognise, people.Identity("proxy:x", MARKUP))
    id = of(services, MARKUP).id

    for place in ("/admin/people", f"/admin/people/{id}", "/admin/audit"):
        page = soup(root.get(place))
        assert not page.select("img")
        assert MARKUP in page.text
