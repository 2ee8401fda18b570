"""People, their sessions, links and tokens: what opens, and what ends it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import gevent
import pytest

from app.adapters.db import Database
from app.adapters.models import LOCAL_OWNER, User
from app.chat import audit, links, logins, people, tokens
from app.chat.logins import Coming
from app.chat.people import Identity
from app.core.errors import Conflict, Invalid, NotFound
from tests.waiting import PATIENCE_S

KEY = "k" * 32


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Give a database with the tables."""
    db = Database(database_url)
    yield db
    db.close()


@pytest.fixture
def ann(db: Database) -> User:
    """Give a member."""
    return db.write(people.add, "test", "Ann", password_hash="x")


def enter(db: Database, user: User, **values: str) -> str:
    """Begin a session."""
    return db.write(logins.begin, user.id, Coming("password"), **values)


def later(monkeypatch: pytest.MonkeyPatch, **passed: float) -> None:
    """Move the clock on."""
    moment = datetime.now(UTC) + timedelta(**passed)
    for module in (logins, tokens):
        monkeypatch.setattr(module, "now", lambda: moment)


@pytest.mark.parametrize("name", ["", "  ", "a\nb\x00c", "<b>", "a" * 81, "../x", "-", "a\u202eb", "Flask  User"])
def test_refuses_odd_names(db: Database, name: str) -> None:
    with pytest.raises(Invalid):
        db.write(people.add, "test", name)


def test_has_each_name_once(db: Database, ann: User) -> None:
    with pytest.raises(Conflict, match="somebody called ann"):
        db.write(people.add, "test", "ANN")

    assert db.read(people.find, " aNN ").id == ann.id


def test_makes_the_local_owner_the_first_administrator_once(db: Database) -> None:
    assert db.read(people.everyone) == []
    assert db.write(people.first_administrator, "hash")

    assert not db.write(people.first_administrator, "other")
    (admin,) = db.read(people.everyone)
    assert (admin.id, admin.name, admin.role, admin.password_hash) == (LOCAL_OWNER, "admin", "administrator", "hash")


@pytest.mark.parametrize("work", [people.disable, people.reset, lambda *args: people.set_role(*args, "member")])
def test_keeps_one_administrator(db: Database, work: object) -> None:
    db.write(people.first_administrator, "hash")
    with pytest.raises(Conflict, match="only administrator"):
        db.write(work, "test", LOCAL_OWNER)

    db.write(people.add, "test", "bob", "administrator", password_hash="x")
    db.write(work, "test", LOCAL_OWNER)


@pytest.mark.parametrize("work", [people.disable, people.reset, lambda *args: people.set_role(*args, "member")])
def test_counts_nobody_who_cannot_sign_in_as_an_administrator(db: Database, work: object) -> None:
    db.write(people.first_administrator, "hash")
    db.write(people.add, "test", "invited", "administrator")
    db.write(people.recognise, Identity("proxy:1", "named by the proxy", "administrator"))
    closed = db.write(people.recognise, Identity("oidc:1", "closed", "administrator"))
    db.write(people.disable, "test", closed.id)
    with pytest.raises(Conflict, match="only administrator"):
        db.write(work, "test", LOCAL_OWNER)

    db.write(people.recognise, Identity("oidc:2", "elsewhere", "administrator"))
    db.write(work, "test", LOCAL_OWNER)


def test_makes_nobody_an_administrator_who_was_called_admin(db: Database) -> None:
    named = db.write(people.recognise, Identity("oidc:1", "Admin"))
    invited = db.write(people.add, "test", "admin")
    assert db.write(people.first_administrator, "hash")

    found = {user.id: (user.name, user.role, user.password_hash) for user in db.read(people.everyone)}
    assert found == {
        named.id: ("admin 2", "member", None),
        invited.id: ("admin", "member", None),
        LOCAL_OWNER: ("admin 3", "administrator", "hash"),
    }


@pytest.mark.parametrize("work", [people.reset, people.disable])
def test_gives_the_environments_password_to_nobody_again(db: Database, work: object) -> None:
    db.write(people.first_administrator, "hash")
    db.write(people.recognise, Identity("oidc:1", "elsewhere", "administrator"))
    db.write(work, "elsewhere", LOCAL_OWNER)

    assert not db.read(people.has_nobody)
    assert not db.write(people.first_administrator, "hash")
    assert LOCAL_OWNER in {user.id for user in db.read(people.everyone)}


def test_makes_no_first_administrator_after_somebody_had_a_password(db: Database, ann: User) -> None:
    bob = db.write(people.add, "test", "bob")
    assert not db.read(people.has_nobody)
    db.write(people.reset, "test", ann.id)

    assert not db.write(people.first_administrator, "hash")
    assert bob.name == "bob"


def test_ends_what_a_password_opened_that_is_taken_away(db: Database, ann: User) -> None:
    id = enter(db, ann)
    token = db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    db.write(people.reset, "admin", ann.id)

    assert db.read(logins.find, id) is None
    assert db.read(tokens.find, token, "chat") is None


def test_ends_what_a_disabled_person_had(db: Database, ann: User) -> None:
    id = enter(db, ann)
    token = db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    link = links.make(KEY, ann)
    db.write(people.disable, "admin", ann.id)

    assert db.read(logins.find, id) is None
    assert db.read(tokens.find, token, "chat") is None
    with pytest.raises(Invalid):
        db.read(links.read, KEY, link)
    db.write(people.enable, "admin", ann.id)
    assert db.read(logins.find, id) is None


def test_ends_other_sessions_with_a_new_password(db: Database, ann: User) -> None:
    mine, other = enter(db, ann), enter(db, ann)
    db.write(
        lambda session: people.set_password(
            session, "ann", people.get(session, ann.id), "new", keep=logins.hashed(mine)
        )
    )

    assert db.read(logins.find, mine)
    assert db.read(logins.find, other) is None


def test_never_takes_on_an_id_it_did_not_give(db: Database, ann: User) -> None:
    assert db.read(logins.find, "chosen-by-somebody") is None
    first = enter(db, ann)
    second = enter(db, ann, instead_of=first)

    assert first != second
    assert db.read(logins.find, first) is None
    assert len(db.read(logins.of, ann.id)) == 1


def test_keeps_no_id(db: Database, ann: User) -> None:
    id = enter(db, ann)
    token = db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)

    def everything(session: object) -> str:
        rows = [
            session.connection().exec_driver_sql(f"SELECT * FROM {table}").all()
            for table in ("login", "token", "audit")
        ]
        return str(rows)

    assert id not in db.read(everything)
    assert token not in db.read(everything)


@pytest.mark.parametrize(("passed", "is_valid"), [({"days": 13}, True), ({"days": 15}, False)])
def test_ends_a_session_that_rests(
    db: Database, ann: User, monkeypatch: pytest.MonkeyPatch, passed: dict[str, float], is_valid: bool
) -> None:
    id = enter(db, ann)
    later(monkeypatch, **passed)

    assert (db.read(logins.find, id) is not None) is is_valid
    db.write(logins.sweep)
    assert (len(db.read(logins.of, ann.id)) == 1) is is_valid


def test_ends_a_session_that_is_used_for_ever(db: Database, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    id = enter(db, ann)
    for days in range(10, 90, 10):
        later(monkeypatch, days=days)
        assert db.read(logins.find, id).is_stale
        db.write(logins.touch, logins.hashed(id))
    later(monkeypatch, days=91)

    assert db.read(logins.find, id) is None


def test_takes_a_link_once(db: Database, ann: User) -> None:
    link = links.make(KEY, ann)
    user = db.read(links.read, KEY, link)
    db.write(lambda session: people.set_password(session, "ann", people.get(session, user.id), "new"))

    with pytest.raises(Invalid, match="no longer good"):
        db.read(links.read, KEY, link)


@pytest.mark.parametrize("spoil", [lambda link: link[:-1], lambda link: "x" + link, lambda link: "", lambda link: "."])
def test_takes_no_link_of_others(db: Database, ann: User, spoil: object) -> None:
    link = links.make(KEY, ann)
    for key, token in ((KEY, spoil(link)), ("j" * 32, link)):
        with pytest.raises(Invalid):
            db.read(links.read, key, token)


def test_takes_no_link_that_is_old(db: Database, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = links.make(KEY, ann)
    monkeypatch.setattr(links, "GOOD_S", -1)

    with pytest.raises(Invalid):
        db.read(links.read, KEY, link)


def test_recognises_whom_a_provider_names(db: Database, ann: User) -> None:
    first = db.write(people.recognise, Identity("oidc:1", "Ann"))
    assert (first.name, first.role) == ("ann 2", "member")

    again = db.write(people.recognise, Identity("oidc:1", "Ann Changed", "administrator"))
    assert (again.id, again.name, again.role) == (first.id, "ann 2", "administrator")
    assert db.write(people.recognise, Identity("oidc:1", "Ann", "member")).role == "member"
    assert db.write(people.recognise, Identity("oidc:2", "Ann")).name == "ann 3"


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ("eve\u202e\0nimda", "evenimda"),
        ("\u202e", "somebody"),
        ("x" * 300, "x" * 80),
        ("Flask\u200b User", "flask user 2"),
        ("identity provider", "identity provider 2"),
        ("RILL_ADMIN_PASSWORD", "rill_admin_password 2"),
    ],
)
def test_gives_people_from_elsewhere_names_that_can_be_read(db: Database, named: str, name: str) -> None:
    assert db.write(people.recognise, Identity("oidc:1", named)).name == name


def test_takes_a_token_for_what_it_is_good_for(db: Database, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    assert db.read(tokens.find, secret, "chat").user.id == ann.id
    assert db.read(tokens.find, secret, "metrics") is None
    assert db.read(tokens.find, secret[:-1], "chat") is None

    later(monkeypatch, days=31)
    assert db.read(tokens.find, secret, "chat") is None


@pytest.mark.parametrize(
    "values",
    [
        {"name": " ", "scopes": ["chat"], "days": 30},
        {"name": "x", "scopes": [], "days": 30},
        {"name": "x", "scopes": ["all"], "days": 30},
        {"name": "x", "scopes": ["metrics"], "days": 30},
        {"name": "x", "scopes": ["chat"], "days": 10_000},
    ],
)
def test_makes_no_token_that_is_good_for_more(db: Database, ann: User, values: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        db.write(tokens.create, ann, **values)


def test_revokes_only_my_tokens(db: Database, ann: User) -> None:
    bob = db.write(people.add, "test", "bob")
    secret = db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    (token,) = db.read(tokens.of, ann.id)
    with pytest.raises(NotFound):
        db.write(tokens.revoke, bob, token.id)

    db.write(tokens.revoke, ann, token.id)
    assert db.read(tokens.find, secret, "chat") is None


def test_takes_down_who_did_what(db: Database, ann: User) -> None:
    db.write(people.set_role, "root", ann.id, "administrator")

    latest = db.read(audit.latest)
    assert [(entry.actor, entry.action, entry.subject, entry.detail) for entry in latest] == [
        ("root", "person.role", "ann", "administrator"),
        ("test", "person.added", "ann", "member"),
    ]


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel) Gecko/20100101 Firefox/140.0", "Firefox on a Mac"),
        ("<script>alert(1)</script>", "A browser"),
        ("", "A browser"),
    ],
)
def test_says_what_browser_it_is(agent: str, said: str) -> None:
    assert logins.describe(agent) == said


def test_leaves_an_administrator_whoever_is_demoted_at_once(db: Database) -> None:
    all_of_them = [db.write(people.add, "test", f"root-{n}", role="administrator", password_hash="x") for n in range(5)]

    def demote(user: User) -> bool:
        try:
            db.write(people.set_role, "test", user.id, "member")
        except Conflict:
            return False
        return True

    done = [gevent.spawn(demote, user) for user in all_of_them]
    gevent.joinall(done, timeout=PATIENCE_S)

    assert sorted(greenlet.value for greenlet in done) == [False, True, True, True, True]


def test_adds_a_person_once_who_comes_twice_at_once(db: Database) -> None:
    ann = Identity("proxy:ann", "Ann")
    came = [gevent.spawn(db.write, people.recognise, ann) for _page in range(5)]
    gevent.joinall(came, timeout=PATIENCE_S)

    assert len({greenlet.value.id for greenlet in came}) == 1
    assert [user.name for user in db.read(people.everyone)] == ["ann"]
